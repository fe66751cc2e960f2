"""debruit (French *débruitage*, denoising): train, sample, evaluate and study diffusion models on your own images.

    model = debruit.load("runs/a")
    images = model.generate(4, seed=0)                  # (4, C, H, W), in the dtype of the data
    for snapshot in model.trajectory(4): ...            # the same, step by step

Conventions: time t is in [0, 1], 0 is clean and 1 is noise, x_t = alpha(t) x_0 + sigma(t) eps. Samplers go from t to s < t. Guidance is
u + w (c - u): w = 1 is plain conditional, w = 0 unconditional. Images inside a model are float32 in [-1, 1], (B, C, H, W); schedules
and intervals count images seen. The noise of image n comes from (seed, n), so that it is the same alone, in any batch, on any device;
the image is, up to rounding (`Model.generate` says how much).

Importing this package loads nothing heavy: each name below is imported when it is first used.
"""

from importlib import import_module

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

__all__ = ["InputError", "Model", "ModelConfig", "Run", "__version__", "find_source", "load", "register"]


def __getattr__(name: str):
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'debruit' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
