"""Pixel values in the unit that metrics on images share."""

from torch import Tensor

from debruit.images.spec import DataSpec


def unit(images: Tensor, spec: DataSpec) -> Tensor:
    """Images at rest as float64, the data's range on 0..1."""
    return (spec.to_model(images).double() + 1) / 2
