"""`debruit sample`: images from a trained model, in memory or in files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Le
from torch import Tensor

from debruit import events
from debruit.conditioning.batch import ConditionBatch
from debruit.conditioning.mask import split_names
from debruit.config import encode
from debruit.errors import InputError
from debruit.files.outputs import check_file, check_folder
from debruit.images import figures
from debruit.images.contact_sheet import Sheet
from debruit.models.condition_images import condition_sheet
from debruit.models.diffusion import Model
from debruit.models.options import merged
from debruit.ranges import MOST_SAMPLES
from debruit.sampling.config import SamplingConfig
from debruit.sampling.guidance.weights import describe, none
from debruit.sampling.job import SamplingJob
from debruit.workflows.enlarging import Enlarger, enlarged, enlarged_spec, enlarger_digest, find_enlarger
from debruit.workflows.outputs import manifest
from debruit.workflows.outputs.grid_file import MemoryWriter, save_images
from debruit.workflows.outputs.sample_writer import Generate, SampleWriter, find_writer, write_samples
from debruit.workflows.public import public
from debruit.workflows.sampling_options import AnyModel, SamplingOptions, conditions_digest, open_model, sampling_config

SUFFIXES = (".png", ".npy")


@dataclass(frozen=True, kw_only=True)
class SampleRequest(SamplingOptions):
    """`n` images to `out`: FILE.png (one image, or a grid), FILE.npy, or a folder with one file per image; None: they
    stay in memory. `image` is the condition of models that start from an image: a file, or a tensor. `enlarge` is a
    model of super-resolution, "auto" for the one that comes with debruit, that enlarges each image before it is
    written.
    """

    n: Annotated[int, Ge(1), Le(MOST_SAMPLES)] = 16
    out: str | Path | None = None
    image: Any = None
    enlarge: AnyModel | None = None


@dataclass(frozen=True, kw_only=True)
class SampleResult:
    """`images` are (N, C, H, W) in the dtype and range of the data where they stayed in memory, else None, and `paths`
    the files that hold them.

    `sampling` is how they were sampled, at `evaluations` of the network per image; `branches` is how many predictions
    guidance combines. `enlarged_by` names the enlarger, "" without one.
    """

    images: Tensor | None
    paths: tuple[Path, ...]
    sampling: SamplingConfig
    evaluations: int
    branches: int
    enlarged_by: str = ""


def sample(request: SampleRequest) -> SampleResult:
    """Generate the images of a request. The same request resumes: what its folder or unfinished array holds is kept.

    InputError: before any work, for a request that cannot be served. events.Cancelled: says what is kept.
    """
    request.check("sample")
    out = None if request.out is None else Path(request.out)
    check_out(out)
    model = open_model(request.model, request.device)
    config, conditions = sampling_config(model, request), _conditions(request)
    guide = None if request.guide_model is None else open_model(request.guide_model, request.device)
    enlarger = find_enlarger(request, model.config.data)
    turns = min(max(_count(request.prompt), _count(conditions.get("mask"))), request.n)
    job = model.job(turns, config, seed=request.seed, conditions=conditions, guide=guide)  # reads all conditions
    _ = job.times  # refuses more steps than a chain has
    writer = _writer(model, config, request, conditions, enlarger, out, turns)
    if request.guidance is not None and job.branches == 1 and not none(config.guidance):
        weight = describe(config.guidance)
        events.notice(f"--guidance {weight} has no effect: it needs both a conditional and an unconditional prediction")
    generate = enlarged(_generator(model, config, request.seed, conditions, guide), enlarger)
    write_samples(writer, request.n, request.batch, generate)
    return _result(writer, job, enlarger)


def check_out(out: Path | None) -> None:
    """InputError for a kind of file that cannot be written, or a path where nothing can."""
    if out is None:
        return
    if out.suffix and out.suffix.lower() not in SUFFIXES:
        raise InputError(f"--out {out}: give FILE.png for a grid, FILE.npy for an array, or a folder")
    check_file(out) if out.suffix else check_folder(out)


def _conditions(request: SampleRequest) -> dict[str, Any]:
    """The conditions that were given, by keyword or name."""
    given = merged(request.given, image=request.image)
    return given | ({} if request.mask is None else {"mask": split_names(_listed(request.mask))})


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _count(value: Any) -> int:
    return max(len(_listed(value)), 1)


def _writer(
    model: Model,
    config: SamplingConfig,
    request: SampleRequest,
    conditions: dict[str, Any],
    enlarger: Enlarger | None,
    out: Path | None,
    rows: int,
) -> SampleWriter:
    spec = enlarged_spec(model.config.data, enlarger)
    if out is None:
        return MemoryWriter(request.n)
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
        **({"conditions": conditions_digest(request.conditions)} if request.conditions else {}),
        **enlarger_digest(enlarger),
    )
    return find_writer(
        out,
        settings,
        request.n,
        spec.shape,
        spec.depth,
        lambda images: save_grid(images, model, out, conditions, rows=rows),
    )


def _generator(
    model: Model, config: SamplingConfig, seed: int, conditions: dict[str, Any], guide: Model | None
) -> Generate:
    """Images first..first + number - 1 of the seed, at rest."""

    def generate(first: int, number: int, report: Callable[[float], object]) -> Tensor:
        job = model.job(number, config, seed=seed, first=first, conditions=conditions, guide=guide)
        return model.images(job.final(progress=lambda step, steps: report(step / steps)).x)

    return generate


def save_grid(images: Tensor, model: Model, out: Path, conditions: Mapping[str, Any], *, rows: int = 1) -> None:
    """One image as it is, or a sheet of images at rest next to their conditions, or, where those are neither images nor
    texts, a plain grid with image n in row n mod `rows`. `conditions` are those that were given.
    """
    sheet = _sheet(images, model, conditions) if len(images) > 1 else None
    if sheet is not None:
        figures.save(sheet.image, out)
    else:
        save_images(images, model.config.data, out, rows=rows)


def _sheet(images: Tensor, model: Model, conditions: Mapping[str, Any]) -> Sheet | None:
    batch = ConditionBatch.requested(model.config, range(len(images)), conditions)
    prompts = next((conditions[name] for name in ("prompt", "text", "sentence") if name in conditions), ())
    captions: Sequence[str] = [prompts] if isinstance(prompts, str) else prompts
    return condition_sheet(images, model.config, batch, captions=captions)


def _result(writer: SampleWriter, job: SamplingJob, enlarger: Enlarger | None) -> SampleResult:
    return SampleResult(
        images=writer.images(),
        paths=writer.paths(),
        sampling=job.settings,
        evaluations=job.evaluations,
        branches=job.branches,
        enlarged_by="" if enlarger is None else enlarger.name,
    )


start = public(SampleRequest, sample)
