"""A small trained model, in its run folder, and studies of it: one with a chain of 12 steps, one in continuous time."""

import pytest
import tiny
import torch
from lessons import chained, fresh

from debruit.lecture import chains
from debruit.lecture import page as pages
from debruit.lecture import study as studies
from debruit.lecture.chapters import CHAPTERS
from debruit.lecture.study import begin
from debruit.training.run_folder import RunFolder
from debruit.training.supervisor import fit


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The run folder of a training of ten steps on the digits."""
    folder = RunFolder.create(tmp_path_factory.mktemp("explain") / "run", tiny.run())
    dataset = folder.run.source.build()
    for _ in fit(folder, dataset, torch.device("cpu")):
        pass
    return folder.path


@pytest.fixture(scope="package", autouse=True)
def _coarse():
    """Samplers at small budgets, and a coarser solution for them to be compared with: most of a page's cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "FULL", studies.Detail(budgets=(2, 4), reference_steps=8))
        yield


@pytest.fixture
def short(monkeypatch):
    """Chains of continuous processes have 12 steps."""
    monkeypatch.setattr(chains, "STEPS", 12)


@pytest.fixture
def study():
    """A chain model on one of its own samples, of class 3."""
    return begin(chained(), label=3, seed=5)


@pytest.fixture
def flowing(short):
    """A model in continuous time."""
    return begin(fresh(), label=3, seed=5)


@pytest.fixture
def only(monkeypatch):
    """Make the pages of a test with these chapters alone, and the two that the slider and the pixel belong to."""

    def choose(*keys):
        chosen = tuple(c for c in CHAPTERS if c.key in {"forward", "posterior", *keys})
        monkeypatch.setattr(pages, "CHAPTERS", chosen)

    return choose
