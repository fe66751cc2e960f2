"""debruit explain"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit import events
from debruit.apps.cli.numbers import Seed, Threads
from debruit.apps.cli.sources import Sources
from debruit.apps.threads import set_threads
from debruit.errors import InputError
from debruit.files.outputs import check_folder
from debruit.workflows.session import say


def explain(
    model: str,
    /,
    *,
    image: Path | None = None,
    data: Sources = None,
    out: Path,
    lang: Annotated[str, Parameter(negative="")] = "en",
    label: str | None = None,
    prompt: str | None = None,
    seed: Seed = 0,
    device: str = "auto",
    threads: Threads = None,
) -> int:
    """The lecture on a page of its own, computed by your model on your image: the forward chain, schedules, posterior, bound, algorithm 2, samplers;
    of an autoencoder, what it keeps of the image and in which channels.

    Parameters
    ----------
    model
        A run folder or a .safetensors file, of a diffusion model or of an autoencoder.
    image
        The image to explain (FILE.png#2 is image 2 of a grid, from 0); without it a held-out image of the training data, or else a sample of the model.
    data
        Where the training data lies now, if it was moved since: its held-out images are shown.
    out
        The folder that gets index.html: one file that works from the disk, without network.
    lang
        The language that the page opens in: en or fr. It holds both.
    label
        The class of the image, by name or number, for models with classes; without it, that of the held-out image.
    prompt
        A text for the image, for models with text; without it, the caption of the held-out image.
    seed
        Decides the noise, and which held-out image is taken.
    device
        auto, cpu or cuda.
    threads
        CPU threads, by default as many as this process has cores; another number changes results by rounding alone.
    """
    from debruit.evaluation.loaded import is_autoencoder
    from debruit.files.atomic import write_atomically
    from debruit.lecture.page import check_language
    from debruit.training.allocator import prepare

    prepare()
    set_threads(threads)
    check_language(lang)
    if out.suffix.lower() in (".html", ".htm"):
        raise InputError(f"--out {out}: give a folder, the page becomes index.html in it")
    check_folder(out, files=("index.html",))
    make = _of_autoencoder if is_autoencoder(model) else _of_diffusion
    with events.listen(lambda event: say(event.message)):
        text = make(model, image, data, lang, label, prompt, seed, device)
    target = out / "index.html"
    write_atomically(target, lambda temporary: temporary.write_text(text, "utf-8"))
    say(f"{target} ({len(text) / 2**20:.1f} MB): open it in a browser")
    return 0


def _of_diffusion(
    model: str,
    image: Path | None,
    data: list[str] | None,
    lang: str,
    label: str | None,
    prompt: str | None,
    seed: int,
    device: str,
) -> str:
    from debruit.lecture.page import page
    from debruit.lecture.study import begin
    from debruit.models.diffusion import load

    study = begin(load(model, device), image, label=label, prompt=prompt, path=model, data=data, seed=seed)
    say(f"image: {study.example.origin[lang == 'fr']}")
    return page(study, lang)


def _of_autoencoder(
    model: str,
    image: Path | None,
    data: list[str] | None,
    lang: str,
    label: str | None,
    prompt: str | None,
    seed: int,
    device: str,
) -> str:
    from debruit.lecture.autoencoder.page import page
    from debruit.lecture.autoencoder.study import begin
    from debruit.models.autoencoder import FirstStage

    if label is not None:
        raise InputError(f"--label {label}: {model} is an autoencoder, which knows no classes: leave --label out")
    if prompt is not None:
        raise InputError(f"--prompt: {model} is an autoencoder, which knows no texts: leave --prompt out")
    study = begin(FirstStage.load(model, device), image, path=model, data=data, seed=seed)
    say(f"image: {study.example.origin[lang == 'fr']}")
    return page(study, lang)
