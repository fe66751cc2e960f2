"""What all edits share: images in batches, each with the drawing of its conditions and its noise, and the share that is
done."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from debruit.conditioning.base import keyword
from debruit.errors import InputError
from debruit.models.diffusion import Model
from debruit.models.options import merged, refuse
from debruit.sampling.config import SamplingConfig
from debruit.sampling.job import SamplingJob
from debruit.sampling.loop import Snapshot, last

Watch = Callable[[float], object]
Walk = Callable[..., Iterator[Snapshot]]
SETTINGS = frozenset(f.name for f in fields(SamplingConfig))
SHORTHAND = ("label", "prompt", "mask", "image")
OPTIONS = ("conditions", *SHORTHAND, "seed", "guide")  # of `Model.trajectory` beside the settings


def unseen(share: float) -> None:
    """The watch that nobody keeps."""


def stretch(watch: Watch, begin: float, end: float) -> Watch:
    """The watch of a part of the work, which lies between these shares of the whole."""
    return lambda share: watch(begin + (end - begin) * share)


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of an edit, sorted: settings of the sampling, of which those in `given` were asked for, and what
    `Model.drawing` takes beside them."""

    settings: SamplingConfig
    given: frozenset[str]
    conditions: Mapping[str, Any]
    guide: Model | None
    seed: int
    first: int
    batch: int
    watch: Watch

    def job(self, model: Model, start: int, count: int) -> SamplingJob:
        """Of `count` images from number `start` of these on. Where nothing was asked for, their conditions are dropped."""
        indices = range(self.first + start, self.first + start + count)
        pair = None if self.guide is None else (self.guide, self.guide.conditions(indices, self.conditions))
        own = model.conditions(indices, self.conditions)
        return model.job_under(own, self.settings, indices, seed=self.seed, guide=pair)


def request(
    model: Model, options: Mapping[str, Any], *, first: int = 0, batch: int = 64, watch: Watch = unseen
) -> Request:
    """`options` are those of `Model.trajectory`. InputError: guidance without anything that it could weigh; a model of
    super-resolution without its small image; no images in a batch."""
    if batch < 1:
        raise InputError(f"a batch of {batch} images: give 1 or more")
    refuse([name for name in options if name not in (*SETTINGS, *OPTIONS)], model.trajectory)
    given = {name: value for name, value in options.items() if name in SETTINGS and value is not None}
    conditions = merged(options.get("conditions"), **{name: options.get(name) for name in SHORTHAND})
    settings, guide = model.settings(**given), options.get("guide")
    if "guidance" in given and settings.guidance != 1 and not conditions and guide is None:
        raise InputError(
            "guidance weighs a condition, and none was given: give a prompt, a label or a mask with it, or leave it out"
        )
    needed = [c for c in model.config.conditioners if c.drop == 0 and keyword(c) == "image"]
    if needed and not any(name in (needed[0].name, "image") for name in conditions):
        raise InputError(
            "this model draws nothing without a small image to enlarge, so that it edits none: use `debruit upscale`"
        )
    return Request(
        settings=settings,
        given=frozenset(given),
        conditions=conditions,
        guide=guide,
        seed=options.get("seed", 0),
        first=first,
        batch=batch,
        watch=watch,
    )


def walked(model: Model, wanted: Request, walk: Walk, *values: Tensor) -> Tensor:
    """The ends of `walk(drawing, *values)`, batch by batch: (B, ...) latents from values whose first dimension is B."""
    count, ends = len(values[0]), []
    for start in range(0, count, wanted.batch):
        parts = [value[start : start + wanted.batch] for value in values]
        size = len(parts[0])
        told = lambda step, steps, start=start, size=size: wanted.watch((start + size * step / steps) / count)  # noqa: E731
        ends.append(last(walk(wanted.job(model, start, size), *parts), told).x)
    return torch.cat(ends)


def check_images(model: Model, images: Tensor) -> None:
    """InputError unless these are images at rest of the model's channels, size and dtype."""
    data = model.config.data
    dtype = str(images.dtype).removeprefix("torch.")
    if images.ndim != 4 or tuple(images.shape[1:]) != data.shape or dtype != data.depth or not len(images):
        raise InputError(
            f"images of shape {tuple(images.shape)} and {dtype} were given, and this model's are (B, "
            f"{', '.join(map(str, data.shape))}) "
            f"and {data.depth}: bring them to that first (debruit.editing.reading.read_image)"
        )
