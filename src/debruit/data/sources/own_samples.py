"""Conditions without images: the data of a distillation from the model's own samples."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from debruit.data.dataset import Dataset
from debruit.images.spec import DataSpec

LEAST = 1_000  # items of a model without prompts, and at least as many with few of them


@dataclass(frozen=True, kw_only=True)
class OwnSamples:
    """Prompts, or classes in turn, of a model on data of this `spec`. The images are blank: no one looks at them."""

    name: ClassVar[str] = "own-samples"
    spec: DataSpec
    prompts: tuple[str, ...] = ()

    def build(self) -> Dataset:
        """Return one item for each prompt, or for each class, and all of them again until there are LEAST."""
        unit = len(self.prompts) or len(self.spec.class_names) or 1
        count = -(-LEAST // unit) * unit
        classes = len(self.spec.class_names)
        return Dataset(
            # no masks: they cannot be requested without images
            replace(self.spec, count=count, mask_names=(), palette=()),
            np.broadcast_to(np.zeros((), self.spec.depth), (count, *self.spec.shape)),
            paths=[f"sample {n}" for n in range(count)],
            labels=[n % classes for n in range(count)] if classes and not self.prompts else None,
            texts=[(self.prompts[n % unit],) for n in range(count)] if self.prompts else None,
        )
