"""`--enlarge` of the verbs that generate images: each batch goes through a model of super-resolution before it is
written.

    noise -> the model's images (N, C, h, w) -> the enlarger's images (N, C, scale h, scale w)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from torch import Tensor

from debruit.conditioning.low_res import LowRes
from debruit.editing import upscaling
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model
from debruit.models.loaded import describe
from debruit.models.model_file import decoded, header, shipped
from debruit.workflows.outputs.manifest import Manifest, model_digest
from debruit.workflows.outputs.sample_writer import Generate
from debruit.workflows.progress import relayed
from debruit.workflows.sampling_options import AnyModel, open_model

AUTO = "auto"  # the enlarger that comes with debruit and fits
BATCH = 16  # images at a time: they are large


@dataclass(frozen=True, kw_only=True)
class Enlarger:
    """A model of super-resolution that fits the images of another; `given` is how it was named. Image k gets the noise
    of (seed, k)."""

    model: Model
    given: AnyModel
    seed: int
    batch: int

    @property
    def scale(self) -> int:
        return upscaling.condition(self.model).scale

    @property
    def name(self) -> str:
        return "the enlarger" if isinstance(self.given, Model) else str(self.given)

    def __call__(self, images: Tensor, first: int) -> Tensor:
        """Enlarge images first..first + N - 1 of a request, (N, C, h, w) at rest."""
        return upscaling.upscale(self.model, images, first=first, seed=self.seed, batch=self.batch)


class Enlarging(Protocol):
    """A request with --enlarge. "auto" means the model that comes with debruit and fits."""

    @property
    def enlarge(self) -> AnyModel | None: ...
    @property
    def seed(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def device(self) -> str: ...


def find_enlarger(request: Enlarging, data: DataSpec) -> Enlarger | None:
    """Return the enlarger of a request whose model makes images of `data`; None if none was requested.

    Raise InputError if no shipped one fits, or if the given model enlarges no images, or images of another size,
    channels or depth.
    """
    given = _fitting(data) if request.enlarge == AUTO else request.enlarge
    if given is None:
        return None
    model = open_model(given, request.device)
    name = "MODEL" if isinstance(given, Model) else given
    try:
        own = _input(upscaling.condition(model), model.config)
    except InputError as error:
        raise InputError(f"--enlarge {name}: {error}") from None
    if not _fits(own, data):
        raise InputError(
            f"--enlarge {name}: it enlarges images of {_described(own)}, and this model's are of "
            f"{_described(data)}: give an enlarger that was trained for these, or leave --enlarge out"
        )
    return Enlarger(model=model, given=given, seed=request.seed, batch=min(request.batch, BATCH))


def enlarged(generate: Generate, enlarger: Enlarger | None) -> Generate:
    """Return `generate` with its images enlarged, if there is an enlarger."""
    if enlarger is None:
        return generate

    def larger(first: int, number: int, report: Callable[[float], object]) -> Tensor:
        small = generate(first, number, lambda share: report(share / 2))
        with relayed(lambda share: report((1 + share) / 2)):
            return enlarger(small, first)

    return larger


def enlarged_spec(data: DataSpec, enlarger: Enlarger | None) -> DataSpec:
    """Return the description of images of `data` as they are written."""
    scale = 1 if enlarger is None else enlarger.scale
    return replace(data, height=data.height * scale, width=data.width * scale)


def enlarger_digest(enlarger: Enlarger | None) -> Manifest:
    """Return what the manifest of enlarged images says in addition."""
    return {} if enlarger is None else {"enlarge": model_digest(enlarger.given)}


def _input(condition: LowRes, config: ModelConfig) -> DataSpec:
    """Return the description of the small images that a model of super-resolution takes."""
    height, width = condition.size(config.data)
    return replace(config.data, height=height, width=width)


def _described(data: DataSpec) -> str:
    return f"{describe(data)} with values of {data.low:g} to {data.high:g}"


def _fits(own: DataSpec, data: DataSpec) -> bool:
    """Whether an enlarger of images of `own` enlarges those of `data`."""
    return (own.shape, own.depth, own.low, own.high) == (data.shape, data.depth, data.low, data.high)


def _fitting(data: DataSpec) -> str:
    """Return the first shipped model that enlarges images of `data`. InputError: there is none."""
    enlargers = {}
    for name, path in shipped().items():
        description = header(path)
        if description["config"].get("type") == ModelConfig.__name__:
            config = decoded(description, ModelConfig, path)
            if (condition := upscaling.find_condition(config)) is not None:
                enlargers[name] = _input(condition, config)
    for name, own in enlargers.items():
        if _fits(own, data):
            return name
    those = " and ".join(f"{name} (images of {_described(own)})" for name, own in enlargers.items())
    raise InputError(
        f"--enlarge: no enlarger of images of {_described(data)} comes with debruit"
        + (f", which has {those}" if those else "")
        + ": name one, --enlarge MODEL, for example a run of `debruit train SOURCE --condition low-res`"
    )
