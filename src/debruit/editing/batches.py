"""The common part of all edits: their options, and images in batches, each with its conditions, noise and progress."""

import contextlib
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from debruit import events
from debruit.conditioning.base import keyword
from debruit.errors import InputError
from debruit.models.diffusion import Model
from debruit.models.options import merged, refuse
from debruit.sampling.config import SamplingConfig
from debruit.sampling.job import SamplingJob
from debruit.sampling.loop import Snapshot, last

Walk = Callable[..., Iterator[Snapshot]]
STAGE = "editing"  # of progress events
SETTINGS = frozenset(f.name for f in fields(SamplingConfig))
SHORTHAND = ("label", "prompt", "mask", "image")
OPTIONS = ("conditions", *SHORTHAND, "seed", "guide")  # of `Model.trajectory` besides SETTINGS


@dataclass(frozen=True, kw_only=True)
class EditOptions:
    """The options that all edits have. `given` names the fields of `settings` that were given; the others are the
    model's. `first` is the index of the first image, and `batch` the number of images at a time."""

    settings: SamplingConfig
    given: frozenset[str]
    conditions: Mapping[str, Any]
    guide: Model | None
    seed: int
    first: int
    batch: int

    def job(self, model: Model, start: int, count: int) -> SamplingJob:
        """Return the sampling job of `count` images from image `start` on. Conditions that are not given are
        dropped."""
        indices = range(self.first + start, self.first + start + count)
        pair = None if self.guide is None else (self.guide, self.guide.conditions(indices, self.conditions))
        own = model.conditions(indices, self.conditions)
        return model.job_under(own, self.settings, indices, seed=self.seed, guide=pair)


def edit_options(model: Model, options: Mapping[str, Any], *, first: int = 0, batch: int = 64) -> EditOptions:
    """Check and sort `options`, which are those of `Model.trajectory`.

    Raise InputError for an unknown option, a batch below 1, guidance of nothing, and for a model of super-resolution
    without its small image.
    """
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
            "this model always needs a small image to enlarge, so it cannot edit: use `debruit upscale`, or a model "
            "without --condition low-res"
        )
    return EditOptions(
        settings=settings,
        given=frozenset(given),
        conditions=conditions,
        guide=guide,
        seed=options.get("seed", 0),
        first=first,
        batch=batch,
    )


def in_batches(model: Model, options: EditOptions, walk: Walk, *values: Tensor) -> Tensor:
    """Return the last x of `walk(job, *values)`, batch by batch: latents (B, ...) from values (B, ...).

    Emit progress after each step. Raise events.Cancelled if the work is cancelled.
    """
    count, ends = len(values[0]), []
    for start in range(0, count, options.batch):
        parts = [value[start : start + options.batch] for value in values]
        size = len(parts[0])

        def report(step: int, steps: int, start: int = start, size: int = size) -> None:
            events.check_cancelled()
            events.progress(STAGE, start + size * step / steps, count)

        ends.append(last(walk(options.job(model, start, size), *parts), report).x)
    return torch.cat(ends)


@contextlib.contextmanager
def part(begin: float, end: float, total: int) -> Generator[None]:
    """Inside, the progress of an edit counts as one part of a longer edit of `total` images: that between these
    fractions of it."""

    def change(event: events.Event) -> events.Event:
        if event.stage != STAGE or event.done is None or not event.total:
            return event
        return replace(event, done=total * (begin + (end - begin) * event.done / event.total), total=total)

    with events.mapped(change):
        yield


def check_images(model: Model, images: Tensor) -> None:
    """Raise InputError unless `images` have the shape (B, C, H, W), B > 0, and the dtype of the model's data."""
    data = model.config.data
    dtype = str(images.dtype).removeprefix("torch.")
    if images.ndim != 4 or tuple(images.shape[1:]) != data.shape or dtype != data.depth or not len(images):
        raise InputError(
            f"images of shape {tuple(images.shape)} and {dtype} were given, and this model's are (B, "
            f"{', '.join(map(str, data.shape))}) and {data.depth}: convert them first, for example with "
            "debruit.editing.reading.read_image"
        )
