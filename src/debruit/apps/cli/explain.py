"""debruit explain"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps.cli.train import say
from debruit.errors import InputError


def explain(
    model: str,
    /,
    *,
    image: Path | None = None,
    out: Path,
    lang: Annotated[str, Parameter(negative="")] = "en",
    label: str | None = None,
    seed: int = 0,
    device: str = "auto",
) -> int:
    """The lecture on a page of its own, computed by your model on your image: the forward chain, schedules, posterior, bound, algorithm 2, samplers.

    Parameters
    ----------
    model
        A run folder or a .safetensors file.
    image
        The image to explain; without it a held-out image of the training data, or else a sample of the model.
    out
        The folder that gets index.html: one file that works from the disk, without network.
    lang
        The language that the page opens in: en or fr. It holds both.
    label
        The class of the image, by name or number, for models with classes; without it, that of the held-out image.
    seed
        Decides the noise, and which held-out image is taken.
    device
        auto, cpu or cuda.
    """
    from debruit.evaluation.explain.page import check_language, page
    from debruit.evaluation.explain.study import begin
    from debruit.files import write_atomically
    from debruit.model import load
    from debruit.training.machine import prepare

    prepare()
    check_language(lang)
    if out.is_file() or out.suffix.lower() in (".html", ".htm"):
        raise InputError(f"--out {out}: give a folder, the page becomes index.html in it")
    study = begin(load(model, device), image, label=label, path=model, seed=seed, say=say)
    say(f"image: {study.subject.origin[lang == 'fr']}")
    text = page(study, lang)
    target = out / "index.html"
    write_atomically(target, lambda temporary: temporary.write_text(text, "utf-8"))
    say(f"{target} ({len(text) / 2**20:.1f} MB): open it in a browser")
    return 0
