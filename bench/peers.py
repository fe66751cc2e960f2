"""denoising-diffusion-pytorch, a library that bench/throughput.py compares with, imported without torchvision.

The package (github.com/lucidrains/denoising-diffusion-pytorch, MIT) imports torchvision, accelerate and ema_pytorch at
the top of its main file, but only its `Trainer` and `Dataset` use them; `Unet` and `GaussianDiffusion` do not.
torchvision cannot be imported with the CPU build of torch that this project pins, so whichever of the three is missing
is replaced *during the import only* by a stand-in that raises if anything calls it. The network, loss and sampler of
the library are unchanged; its Trainer and its data pipeline are not measured.

The package is looked for in the folder $DEBRUIT_BENCH_DDPM, then in site-packages. To get it without its dependencies:

    pip download --no-deps -d wheels denoising-diffusion-pytorch==2.3.4
    python -m zipfile -e wheels/denoising_diffusion_pytorch-2.3.4-py3-none-any.whl ddpm
    export DEBRUIT_BENCH_DDPM=$PWD/ddpm
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

PACKAGE = "denoising_diffusion_pytorch"
UNUSED = {"torchvision": ("transforms", "utils"), "accelerate": ("Accelerator",), "ema_pytorch": ("EMA",)}
VARIABLE = "DEBRUIT_BENCH_DDPM"


class Absent:
    """Stand-in for a name of a package that is not installed; calling it or reading from it raises ImportError."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *args: object, **kwargs: object) -> object:
        raise ImportError(
            f"{self._name} is not installed: the benchmark uses Unet and GaussianDiffusion only, not Trainer"
        )

    def __getattr__(self, attribute: str) -> object:
        raise ImportError(f"{self._name}.{attribute} is not installed: the benchmark does without it")


@contextmanager
def stand_ins() -> Generator[None]:
    """Make every name in UNUSED importable inside; restore `sys.modules` afterwards."""
    placed = [name for name in UNUSED if name not in sys.modules and importlib.util.find_spec(name) is None]
    for name in placed:
        module = ModuleType(name, "Stand-in for a package that is not installed.")
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        vars(module).update({part: Absent(f"{name}.{part}") for part in UNUSED[name]})
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in placed:
            del sys.modules[name]


def package_folder() -> Path:
    """Return the folder with the package's files: $DEBRUIT_BENCH_DDPM (or its subfolder of that name), else
    site-packages.

    Raise ImportError if it is in neither.
    """
    if given := os.environ.get(VARIABLE):
        for folder in (Path(given) / PACKAGE, Path(given)):
            if (folder / f"{PACKAGE}.py").is_file():
                return folder
        raise ImportError(f"${VARIABLE} is {given}, without {PACKAGE}/{PACKAGE}.py: name the unpacked wheel")
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            f"{PACKAGE} is not installed and ${VARIABLE} is not set: see {Path(__file__).name}'s docstring"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def load_denoising_diffusion_pytorch() -> ModuleType:
    """Return the main module of the package: `.Unet`, `.GaussianDiffusion`, `.__version__`.

    The package's own `__init__` imports a dozen further models, so an empty package replaces it and only the main
    module is imported from it. Raise ImportError, with what to do, if the package is missing.
    """
    name = f"{PACKAGE}.{PACKAGE}"
    if name in sys.modules:
        return sys.modules[name]
    package = ModuleType(PACKAGE, "The peer's package without its __init__.")
    package.__path__ = [str(package_folder())]
    package.__spec__ = importlib.machinery.ModuleSpec(PACKAGE, None, is_package=True)
    sys.modules[PACKAGE] = package
    try:
        with stand_ins():
            return importlib.import_module(name)
    except BaseException:
        del sys.modules[PACKAGE]
        raise
