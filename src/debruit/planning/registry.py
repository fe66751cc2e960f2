"""From a run to the planning of its kind: a diffusion model (heuristics.py, footprint.py) or an autoencoder
(autoencoder.py)."""

from types import ModuleType

from debruit.planning import autoencoder, autoencoder_footprint, footprint, heuristics
from debruit.planning.footprint import Footprint
from debruit.training.config import AutoencoderRun, Run, TrainingConfig


def planner_of(run: TrainingConfig) -> ModuleType:
    """The module that plans such runs: `recommend`, `again`, `fitted`, `operations` and `summary`."""
    return autoencoder if isinstance(run, AutoencoderRun) else heuristics


def footprint_of(run: TrainingConfig) -> Footprint:
    """What the training takes in memory. InputError: networks of the loss that are not there."""
    if isinstance(run, AutoencoderRun):
        return autoencoder_footprint.footprint(run)
    assert isinstance(run, Run)
    return footprint.footprint(run)
