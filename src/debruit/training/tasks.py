"""From a run to its task."""

from collections.abc import Callable

import torch

from debruit.data.dataset import Dataset
from debruit.training.autoencoding.run import AutoencoderRun
from debruit.training.autoencoding.task import Autoencoding
from debruit.training.diffusion import Diffusion
from debruit.training.folder import FIRST_STAGE, RunFolder
from debruit.training.run import Run
from debruit.training.task import Task


def open_task(folder: RunFolder, dataset: Dataset, device: torch.device, say: Callable[[str], None]) -> Task:
    """What the run of a folder trains, ready to start. InputError: an autoencoder that is missing, or not the run's own."""
    run = folder.run
    if isinstance(run, AutoencoderRun):
        return Autoencoding(run, dataset, device)
    assert isinstance(run, Run)
    return Diffusion.open(run, dataset, device, folder.path / FIRST_STAGE, say)
