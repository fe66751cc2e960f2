"""`debruit explain`: the interactive lecture page of a model and an image."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from pydantic import InstanceOf

from debruit import events
from debruit.errors import InputError
from debruit.files.atomic import write_atomically
from debruit.files.outputs import check_folder
from debruit.lecture import page, study
from debruit.lecture.autoencoder import page as autoencoder_page
from debruit.lecture.autoencoder import study as autoencoder_study
from debruit.models.autoencoder import FirstStage
from debruit.models.diffusion import Model
from debruit.models.loaded import load_any
from debruit.ranges import Seed
from debruit.workflows.public import public
from debruit.workflows.request import Request

PAGE = "index.html"


@dataclass(frozen=True)
class ExplainRequest(Request):
    """The lecture page of `model`, a diffusion model or an autoencoder, on `image`: a file, or None for a held-out
    image of the training data or a sample of the model.

    `data` is the present location of the training data, if that was moved. `out` is the folder for index.html; None:
    the page stays in memory. `label` and `prompt` are the conditions of the image, by default its own. `lang` is the
    language in which the page opens, "en" or "fr"; it holds both. `quick` computes less: at most a minute for an
    ordinary model on two cores.
    """

    model: str | Path | InstanceOf[Model] | InstanceOf[FirstStage]
    _: KW_ONLY
    image: str | Path | None = None
    data: str | Sequence[str] | None = None
    out: str | Path | None = None
    lang: str = "en"
    label: str | int | None = None
    prompt: str | None = None
    seed: Seed = 0
    quick: bool = False
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class ExplainResult:
    """The page, and its file if it was written."""

    html: str
    path: Path | None


def explain(request: ExplainRequest) -> ExplainResult:
    """Compute the page. InputError: before any work, for a request that cannot be served."""
    request.check("explain")
    page.check_language(request.lang)
    path = None if request.out is None else Path(request.out) / PAGE
    if path is not None:
        _check_out(path.parent)
    model = request.model if isinstance(request.model, (Model, FirstStage)) else load_any(request.model, request.device)
    events.check_cancelled()
    html = _autoencoder_page(model, request) if isinstance(model, FirstStage) else _diffusion_page(model, request)
    if path is not None:
        write_atomically(path, lambda temporary: temporary.write_text(html, "utf-8"))
    return ExplainResult(html=html, path=path)


def _check_out(out: Path) -> None:
    if out.suffix.lower() in (".html", ".htm"):
        raise InputError(f"--out {out}: give a folder, the page becomes {PAGE} in it")
    check_folder(out, files=(PAGE,))


def _path(request: ExplainRequest) -> str | Path | None:
    """The file of the model, by which its training data is found."""
    return request.model if isinstance(request.model, (str, Path)) else None


def _diffusion_page(model: Model, request: ExplainRequest) -> str:
    begun = study.begin(
        model,
        request.image,
        label=request.label,
        prompt=request.prompt,
        path=_path(request),
        data=request.data,
        seed=request.seed,
    )
    events.say(f"image: {begun.example.origin[request.lang == 'fr']}")
    return page.page(begun, request.lang, quick=request.quick)


def _autoencoder_page(stage: FirstStage, request: ExplainRequest) -> str:
    name = _path(request) or "this model"
    for option, value in (("label", request.label), ("prompt", request.prompt)):
        if value is not None:
            raise InputError(
                f"--{option} {value}: {name} is an autoencoder, which has no conditions: leave --{option} out"
            )
    if request.quick:
        events.notice("--quick changes nothing: the page of an autoencoder takes seconds")
    begun = autoencoder_study.begin(stage, request.image, path=_path(request), data=request.data, seed=request.seed)
    events.say(f"image: {begun.example.origin[request.lang == 'fr']}")
    return autoencoder_page.page(begun, request.lang)


start = public(ExplainRequest, explain)
