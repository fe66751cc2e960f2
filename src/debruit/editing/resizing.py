"""A model at a size other than that of its training: networks and autoencoders take any height and width."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from debruit.models.diffusion import Model
from debruit.networks.shapes import shapes_alone


def at_size(model: Model, height: int, width: int) -> Model:
    """Return the model for images of this size, with the same weights, not copied. Its conditions that are images or
    masks have this size too."""
    data = replace(model.config.data, height=height, width=width)
    config = replace(model.config, data=data)
    with shapes_alone():
        backbone = config.build()
    backbone.load_state_dict(model.backbone.state_dict(), assign=True)
    return Model(config, backbone, model.provenance, codec=model.codec)


def both_at_size(model: Model, options: Mapping[str, Any], height: int, width: int) -> tuple[Model, dict[str, Any]]:
    """Return the model at this size, and the options of an edit with the guide model at this size too. A guide model
    whose images differ in shape is left as it is, to be refused later with an error that explains it."""
    guide = options.get("guide")
    if guide is None or guide.config.data.shape != model.config.data.shape:
        return at_size(model, height, width), dict(options)
    return at_size(model, height, width), {**options, "guide": at_size(guide, height, width)}
