"""debruit (French *débruitage*, denoising): train, sample, evaluate and study diffusion models on your own images.

    debruit.train("photos", out="runs/a", minutes=10).result()
    model = debruit.load("runs/a")
    images = model.generate(4, seed=0)                  # (4, C, H, W), in the dtype of the data
    for snapshot in model.trajectory(4): ...            # the same, step by step

Conventions: time t is in [0, 1], 0 is clean and 1 is noise, x_t = alpha(t) x_0 + sigma(t) eps. Samplers go from t to
s < t. Guidance is u + w (c - u): w = 1 is plain conditional, w = 0 unconditional. Images inside a model are float32 in
[-1, 1], (B, C, H, W); schedules and intervals count images seen. The noise of image n comes from (seed, n), so that it
is the same alone, in any batch, on any device; the image is, up to rounding (`Model.generate` says how much).

Importing this package loads nothing heavy: each name below is imported when it is first used. A verb (`train`, ...)
takes the options of the command of that name and returns an `events.Work`: an iterator of events, with `result()` and
`cancel()`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_WHERE = {
    "InputError": "debruit.errors",
    "Model": "debruit.models.diffusion",
    "ModelConfig": "debruit.models.config",
    "Run": "debruit.training.config",
    "find_source": "debruit.data",
    "load": "debruit.models.diffusion",
    "register": "debruit.seams",
}
_VERBS = (
    "compare",
    "data_get",
    "distill",
    "doctor",
    "edit",
    "evaluate",
    "explain",
    "sample",
    "sweep_samplers",
    "train",
    "upscale",
)  # workflows/NAME.py

if TYPE_CHECKING:
    from debruit import events as events
    from debruit.data import find_source as find_source
    from debruit.errors import InputError as InputError
    from debruit.models.config import ModelConfig as ModelConfig
    from debruit.models.diffusion import Model as Model
    from debruit.models.diffusion import load as load
    from debruit.seams import register as register
    from debruit.training.config import Run as Run
    from debruit.workflows.compare import start as compare
    from debruit.workflows.data_get import start as data_get
    from debruit.workflows.distill import start as distill
    from debruit.workflows.doctor import start as doctor
    from debruit.workflows.edit import start as edit
    from debruit.workflows.evaluate import start as evaluate
    from debruit.workflows.explain import start as explain
    from debruit.workflows.sample import start as sample
    from debruit.workflows.sweep_samplers import start as sweep_samplers
    from debruit.workflows.train import start as train
    from debruit.workflows.upscale import start as upscale

__all__ = [
    "InputError",
    "Model",
    "ModelConfig",
    "Run",
    "__version__",
    "compare",
    "data_get",
    "distill",
    "doctor",
    "edit",
    "evaluate",
    "events",
    "explain",
    "find_source",
    "load",
    "register",
    "sample",
    "sweep_samplers",
    "train",
    "upscale",
]


def __getattr__(name: str):
    if name == "events":
        return import_module("debruit.events")
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    if name in _VERBS:
        return import_module(f"debruit.workflows.{name}").start
    raise AttributeError(f"module 'debruit' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
