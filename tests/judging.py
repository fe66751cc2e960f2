"""What tests of evaluation look through, and at: a feature network that costs nothing, and a run that trained in a second."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tiny
import torch

from debruit.training.run_folder import RunFolder
from debruit.training.supervisor import fit


@dataclass
class Projection:
    """An extractor: a fixed random projection of the pixels. Counts the images that it saw; `fails_after` of them it is interrupted."""

    dimensions: int = 6
    label: str = "Projection"
    fingerprint: str = "projection"
    seen: int = 0
    fails_after: int | None = None

    def __call__(self, images, spec) -> np.ndarray:
        if self.fails_after is not None and self.seen >= self.fails_after:
            raise KeyboardInterrupt
        self.seen += len(images)
        x = spec.to_model(images).flatten(1)
        matrix = torch.randn(x.shape[1], self.dimensions, generator=torch.Generator().manual_seed(0))
        return (x @ matrix / x.shape[1] ** 0.5).numpy()


def look_through(projection: Projection, monkeypatch) -> Projection:
    """The projection stands in for the default network; every other name is found as ever."""
    from debruit.judges.features import find

    real = find.find_extractor

    def found(name, dataset=None, say=print, **options):
        return projection if name == "efficientnet" else real(name, dataset, say, **options)

    monkeypatch.setattr(find, "find_extractor", found)
    return projection


def trained(folder: Path, images: int = 64, **changes) -> Path:
    """A run folder of the tiny model on the digits."""
    run = tiny.run(images=images, **changes)
    dataset = run.source.build()
    for _ in fit(RunFolder.create(folder, run, print), dataset, torch.device("cpu"), print):
        pass
    return folder
