"""A model at another size than the one it was trained at: the networks and the autoencoders take any height and width."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch

from debruit.models.diffusion import Model


def at_size(model: Model, height: int, width: int) -> Model:
    """The same weights, not copied, for images of this size. Conditions that are images themselves (a mask, an image) are then of this size too."""
    data = replace(model.config.data, height=height, width=width)
    conditioners = tuple(_resized(c, height, width) for c in model.config.conditioners)
    config = replace(model.config, data=data, conditioners=conditioners)
    with torch.device("meta"):
        backbone = config.build()
    backbone.load_state_dict(model.backbone.state_dict(), assign=True)
    return Model(config, backbone, model.provenance, codec=model.codec)


def both_at_size(model: Model, options: Mapping[str, Any], height: int, width: int) -> tuple[Model, dict[str, Any]]:
    """The model at this size, and its options, among them a `weaker` model of its own size at the new one too. One of another size stays as it is, and is
    refused where the two are compared."""
    weaker = options.get("weaker")
    if weaker is None or weaker.config.data.shape != model.config.data.shape:
        return at_size(model, height, width), dict(options)
    return at_size(model, height, width), {**options, "weaker": at_size(weaker, height, width)}


def _resized(conditioner: Any, height: int, width: int) -> Any:
    """The conditioner for images of this size, where it depends on it."""
    names = {f.name for f in fields(conditioner)} if is_dataclass(conditioner) else set()
    return replace(conditioner, height=height, width=width) if {"height", "width"} <= names else conditioner
