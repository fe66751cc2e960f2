"""What all edits share: images in batches, each with the drawing of its conditions and its noise, and the share that is done."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from debruit.conditioning.batch import ARGUMENTS, ConditionBatch, ask, dropped
from debruit.errors import InputError
from debruit.models.diffusion import Model
from debruit.sampling.config import SamplingConfig
from debruit.sampling.job import SamplingJob
from debruit.sampling.loop import Snapshot

Watch = Callable[[float], object]
Walk = Callable[..., Iterator[Snapshot]]
SETTINGS = frozenset(f.name for f in fields(SamplingConfig))


def unseen(share: float) -> None:
    """The watch that nobody keeps."""


def stretch(watch: Watch, begin: float, end: float) -> Watch:
    """The watch of a part of the work, which lies between these shares of the whole."""
    return lambda share: watch(begin + (end - begin) * share)


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of an edit, sorted: settings of the sampling, of which those in `given` were asked for, and what `Model.drawing` takes beside them."""

    settings: SamplingConfig
    given: frozenset[str]
    asked: Mapping[str, Any]
    first: int
    batch: int
    watch: Watch

    def drawing(self, model: Model, start: int, count: int) -> SamplingJob:
        """Of `count` images from number `start` of these on. Where nothing was asked for, their conditions are dropped."""
        if _conditional(self.asked):
            return model.drawing(count, self.settings, first=self.first + start, **self.asked)
        indices = range(self.first + start, self.first + start + count)
        weaker = self.asked.get("weaker")
        pair = None if weaker is None else (weaker, _nothing(weaker, indices))
        seed = self.asked.get("seed", 0)
        return model.drawing_of(_nothing(model, indices), self.settings, indices, seed=seed, weaker=pair)


def request(
    model: Model, options: Mapping[str, Any], *, first: int = 0, batch: int = 64, watch: Watch = unseen
) -> Request:
    """`options` are those of `Model.trajectory`. InputError: guidance without anything that it could weigh; a model of super-resolution
    without its small image; no images in a batch."""
    if batch < 1:
        raise InputError(f"a batch of {batch} images: give 1 or more")
    given = {name: value for name, value in options.items() if name in SETTINGS and value is not None}
    asked = {name: value for name, value in options.items() if name not in SETTINGS}
    settings = model.settings(**given)
    if "guidance" in given and settings.guidance != 1 and not _conditional(asked) and asked.get("weaker") is None:
        raise InputError(
            "guidance weighs a condition, and none was given: give a prompt, a label or a mask with it, or leave it out"
        )
    if asked.get("image") is None and any(c.field == "image" and c.drop == 0 for c in model.config.conditioners):
        raise InputError(
            "this model draws nothing without a small image to enlarge, so that it edits none: use `debruit upscale`"
        )
    return Request(settings=settings, given=frozenset(given), asked=asked, first=first, batch=batch, watch=watch)


def walked(model: Model, wanted: Request, walk: Walk, *values: Tensor) -> Tensor:
    """The ends of `walk(drawing, *values)`, batch by batch: (B, ...) latents from values whose first dimension is B."""
    count, ends = len(values[0]), []
    for start in range(0, count, wanted.batch):
        parts = [value[start : start + wanted.batch] for value in values]
        last = None
        for last in walk(wanted.drawing(model, start, len(parts[0])), *parts):
            wanted.watch((start + len(parts[0]) * last.step / last.steps) / count)
        assert last is not None
        ends.append(last.x)
    return torch.cat(ends)


def check_images(model: Model, images: Tensor) -> None:
    """InputError unless these are images at rest of the model's channels, size and dtype."""
    data = model.config.data
    dtype = str(images.dtype).removeprefix("torch.")
    if images.ndim != 4 or tuple(images.shape[1:]) != data.shape or dtype != data.depth or not len(images):
        raise InputError(
            f"images of shape {tuple(images.shape)} and {dtype} were given, and this model's are (B, {', '.join(map(str, data.shape))}) "
            f"and {data.depth}: bring them to that first (debruit.editing.reading.read_image)"
        )


def _conditional(asked: Mapping[str, Any]) -> bool:
    return any(asked.get(name) is not None for name in ARGUMENTS.values())


def _nothing(model: Model, indices: range) -> ConditionBatch:
    """The conditions of these images when they have none."""
    conditioners = model.config.conditioners
    return dropped(conditioners, ask(conditioners, indices, {}, model.device))
