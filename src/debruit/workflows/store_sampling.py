"""Store the best settings of a sampler sweep in the model."""

from dataclasses import replace
from pathlib import Path

from debruit.evaluation.sweep_settings import describe
from debruit.models import model_file
from debruit.models.loaded import LoadedModel
from debruit.sampling.config import SamplingConfig
from debruit.training.config import Run
from debruit.training.run_folder import RUN, RunFolder


def store_sampling(loaded: LoadedModel, settings: SamplingConfig) -> list[str]:
    """Store sampling settings in the model's file, atomically, and in the run.json of a run folder, so that a resumed
    training keeps them. Returns sentences about what was changed. InputError: a model that comes with debruit."""
    model_file.check_writable(loaded.name)
    path = model_file.model_file(loaded.name)
    cost = loaded.model.evaluations(settings, loaded.model.conditioned())
    model_file.restore(path, replace(loaded.model.config, sampling=settings))
    sentences = [f"{path}: samples by {describe(settings, cost)} from now on"]
    if loaded.run is not None:
        folder = Path(loaded.name)
        run = RunFolder.open(folder).run
        assert isinstance(run, Run)
        RunFolder.open(folder, model=replace(run.model, sampling=settings))
        sentences.append(f"{folder / RUN}: the same, so that a resumed training keeps them")
    return sentences
