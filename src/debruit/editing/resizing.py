"""A model at another size than the one it was trained at: the networks and the autoencoders take any height and width."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from debruit.models.diffusion import Model


def at_size(model: Model, height: int, width: int) -> Model:
    """The same weights, not copied, for images of this size. Conditions that are images themselves (a mask, an image)
    are then of this size too."""
    data = replace(model.config.data, height=height, width=width)
    config = replace(model.config, data=data)
    with torch.device("meta"):
        backbone = config.build()
    backbone.load_state_dict(model.backbone.state_dict(), assign=True)
    return Model(config, backbone, model.provenance, codec=model.codec)


def both_at_size(model: Model, options: Mapping[str, Any], height: int, width: int) -> tuple[Model, dict[str, Any]]:
    """The model at this size, and its options, among them a guide model of its own size at the new one too. One of
    another size stays as it is, and is refused where the two are compared."""
    guide = options.get("guide")
    if guide is None or guide.config.data.shape != model.config.data.shape:
        return at_size(model, height, width), dict(options)
    return at_size(model, height, width), {**options, "guide": at_size(guide, height, width)}
