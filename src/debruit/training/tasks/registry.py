"""From a run to its task."""

import torch

from debruit.data.dataset import Dataset
from debruit.training.config import AutoencoderRun, Run
from debruit.training.run_folder import FIRST_STAGE, RunFolder
from debruit.training.tasks.autoencoder import Autoencoding
from debruit.training.tasks.base import Task
from debruit.training.tasks.diffusion import Diffusion


def open_task(folder: RunFolder, dataset: Dataset, device: torch.device) -> Task:
    """What the run of a folder trains, ready to start. InputError: an autoencoder that is missing, or not the run's
    own."""
    run = folder.run
    if isinstance(run, AutoencoderRun):
        return Autoencoding(run, dataset, device)
    assert isinstance(run, Run)
    return Diffusion.open(run, dataset, device, folder.path / FIRST_STAGE)
