"""What tests of evaluation look through, and at: a feature network that costs nothing, and a run that trained in a
second."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from debruit import events
from debruit.training.run_folder import RunFolder
from debruit.training.supervisor import fit


@dataclass
class Projection:
    """An extractor: a fixed random projection of the pixels. Counts the images that it saw; `fails_after` of them it is
    interrupted."""

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
    from debruit.judges import find

    real = find.find_extractor

    def found(name, dataset=None, **options):
        return projection if name == "efficientnet" else real(name, dataset, **options)

    monkeypatch.setattr(find, "find_extractor", found)
    return projection


def trained(folder: Path, images: int = 64, **changes) -> Path:
    """A run folder of the tiny model on the digits."""
    run = tiny.run(images=images, **changes)
    dataset = run.source.build()
    for _ in fit(RunFolder.create(folder, run), dataset, torch.device("cpu")):
        pass
    return folder


def interrupted(
    work: Callable[[], object], after: int = 0, until: Callable[[events.Event], bool] | None = None
) -> list[events.Event]:
    """Runs the work, cancels it at its report of progress number `after`, or at the first for which `until` is true,
    and returns its events."""
    token, heard = events.CancelToken(), []

    def hear(event: events.Event) -> None:
        heard.append(event)
        if until(event) if until else sum(e.done is not None for e in heard) >= after:
            token.cancel()

    with events.listen(hear, token), pytest.raises(events.Cancelled):
        work()
    return heard


@contextlib.contextmanager
def reports() -> Iterator[list[events.Event]]:
    """The reports of progress inside."""
    heard: list[events.Event] = []
    with events.listen(lambda event: heard.append(event) if event.done is not None else None):
        yield heard


@contextlib.contextmanager
def lines() -> Iterator[list[str]]:
    """The lines and notices inside."""
    heard: list[str] = []
    with events.listen(lambda event: heard.append(event.message) if event.message else None):
        yield heard
