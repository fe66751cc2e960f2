"""`debruit sample`: images from a trained model, in memory or in files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from annotated_types import Ge, Le
from torch import Tensor

from debruit import events
from debruit.conditioning.batch import ask
from debruit.conditioning.mask import several
from debruit.config import encode
from debruit.errors import InputError
from debruit.files.outputs import check_file, check_folder
from debruit.images import pictures
from debruit.images.contact_sheet import Sheet
from debruit.models.condition_images import shown
from debruit.models.diffusion import Model
from debruit.ranges import MOST_DRAWN
from debruit.sampling.config import SamplingConfig
from debruit.sampling.guidance.weights import describe, none
from debruit.sampling.job import SamplingJob
from debruit.workflows.outputs import manifest
from debruit.workflows.outputs.grid_file import save_images
from debruit.workflows.outputs.sample_writer import Generate, SampleWriter, find_writer, write_samples
from debruit.workflows.public import public
from debruit.workflows.request_checks import check_request
from debruit.workflows.sampling_options import SamplingOptions, open_model, sampling_config

SUFFIXES = (".png", ".npy")


@dataclass(frozen=True, kw_only=True)
class SampleRequest(SamplingOptions):
    """`n` images to `out`: FILE.png (one image, or a grid), FILE.npy, or a folder with one file per image; None: they
    stay in memory. `image` is the condition of models that start from an image: a file, or a tensor.
    """

    n: Annotated[int, Ge(1), Le(MOST_DRAWN)] = 16
    out: str | Path | None = None
    image: Any = None


@dataclass(frozen=True, kw_only=True)
class SampleResult:
    """`images` are (N, C, H, W) in the dtype and range of the data where they stayed in memory, else None, and `paths`
    the files that hold them.

    `sampling` is how they were sampled, at `evaluations` of the network per image; `branches` is how many predictions
    guidance combines.
    """

    images: Tensor | None
    paths: tuple[Path, ...]
    sampling: SamplingConfig
    evaluations: int
    branches: int


def sample(request: SampleRequest) -> SampleResult:
    """Generate the images of a request. The same request resumes: what its folder or unfinished array holds is kept.

    InputError: before any work, for a request that cannot be served. events.Cancelled: says what is kept.
    """
    check_request(request, "sample")
    out = None if request.out is None else Path(request.out)
    check_out(out)
    model = open_model(request.model, request.device)
    config, conditions = sampling_config(model, request), _conditions(request)
    turns = min(max(_count(request.prompt), _count(conditions["mask"])), request.n)
    job = model.drawing(turns, config, seed=request.seed, **conditions)  # reads all conditions
    _ = job.times  # refuses more steps than a chain has
    writer = _writer(model, config, request, conditions, out, turns)
    if request.guidance is not None and job.branches == 1 and not none(config.guidance):
        weight = describe(config.guidance)
        events.notice(f"--guidance {weight} has no effect: it needs both a conditional and an unconditional prediction")
    write_samples(writer, request.n, request.batch, _generator(model, config, request.seed, conditions))
    return _result(writer, job)


def check_out(out: Path | None) -> None:
    """InputError for a kind of file that cannot be written, or a path where nothing can."""
    if out is None:
        return
    if out.suffix and out.suffix.lower() not in SUFFIXES:
        raise InputError(f"--out {out}: give FILE.png for a grid, FILE.npy for an array, or a folder")
    check_file(out) if out.suffix else check_folder(out)


def _conditions(request: SampleRequest) -> dict[str, Any]:
    """Keywords of `Model.drawing`."""
    given: dict[str, Any] = {name: getattr(request, name) for name in ("label", "prompt", "image")}
    given["mask"] = request.mask if request.mask is None else several(_listed(request.mask))
    if request.guide_model is not None:
        given["weaker"] = open_model(request.guide_model, request.device)
    return given


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _count(value: Any) -> int:
    return max(len(_listed(value)), 1)


def _writer(
    model: Model,
    config: SamplingConfig,
    request: SampleRequest,
    conditions: dict[str, Any],
    out: Path | None,
    rows: int,
) -> SampleWriter:
    spec = model.config.data
    if out is None:
        return find_writer(None, {}, request.n, spec.shape, spec.depth, print)
    settings = manifest.settings_of(
        "sample",
        request.model,
        sampling=encode(config),
        seed=request.seed,
        label=request.label,
        prompt=request.prompt,
        mask=None if request.mask is None else manifest.digests(request.mask),
        image=None if request.image is None else manifest.digests(request.image),
        guide_model=manifest.model_digest(request.guide_model),
    )
    given = {"label": request.label, "text": request.prompt, "mask": conditions["mask"], "image": request.image}
    return find_writer(
        out,
        settings,
        request.n,
        spec.shape,
        spec.depth,
        lambda images: save_grid(images, model, out, rows=rows, **given),
    )


def _generator(model: Model, config: SamplingConfig, seed: int, conditions: dict[str, Any]) -> Generate:
    """Images first..first + number - 1 of the seed, at rest."""

    def generate(first: int, number: int, report: Callable[[float], object]) -> Tensor:
        last = None
        for last in model.drawing(number, config, seed=seed, first=first, **conditions).run():
            report(last.step / last.steps)
        assert last is not None
        return model.images(last.x)

    return generate


def save_grid(images: Tensor, model: Model, out: Path, *, rows: int = 1, **given: Any) -> None:
    """One image as it is, or a sheet of images at rest next to their conditions, or, where those are neither images nor
    texts, a plain grid with image n in row n mod `rows`. `given` are the conditions by their fields.
    """
    sheet = _sheet(images, model, **given) if len(images) > 1 else None
    if sheet is not None:
        pictures.save(sheet.picture, out)
    else:
        save_images(images, model.config.data, out, rows=rows)


def _sheet(images: Tensor, model: Model, **given: Any) -> Sheet | None:
    conditions = ask(model.config.conditioners, range(len(images)), given, torch.device("cpu"))
    prompts: Sequence[str] = [given["text"]] if isinstance(given["text"], str) else given["text"] or ()
    return shown(images, model.config, conditions, captions=prompts)


def _result(writer: SampleWriter, job: SamplingJob) -> SampleResult:
    return SampleResult(
        images=writer.images(),
        paths=writer.paths(),
        sampling=job.settings,
        evaluations=job.evaluations,
        branches=job.branches,
    )


start = public(SampleRequest, sample)
