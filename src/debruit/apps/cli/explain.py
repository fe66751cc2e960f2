"""debruit explain"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps.cli.numbers import Seed, Threads
from debruit.apps.cli.sources import Sources
from debruit.apps.console import say
from debruit.apps.process import prepare_process

SMALL_BYTES = 5_000_000  # the calls of such a network are so short that several threads wait more than they work


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
    quick: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
    threads: Threads = None,
) -> int:
    """Write an interactive lecture page, computed with your model on your image: forward chain, schedules, posterior,
    variational bound, algorithm 2, samplers; for an autoencoder, what it keeps of the image, and in which channels.

    Parameters
    ----------
    model
        A run folder or a .safetensors file, of a diffusion model or an autoencoder.
    image
        The image to explain. FILE.png#2 is image 2 of a grid, counted from 0. Default: a held-out image of the training
        data, or a sample of the model.
    data
        Present location of the training data, if it was moved: its held-out images are used.
    out
        Folder for index.html, one file that works offline.
    lang
        Language in which the page opens: en or fr. It holds both.
    label
        Class of the image, by name or number, for models with classes. Default: that of the held-out image.
    prompt
        Text for the image, for models with text. Default: the caption of the held-out image.
    seed
        Seed of the noise and of the choice of the held-out image.
    quick
        Compute less (fewer positions of the slider, samples and steps): at most a minute for most models on two cores.
    device
        auto, cpu or cuda.
    threads
        CPU threads. Default: one for a model file below 5 MB, whose calls are too short to share, else the number of
        cores of this process. Another number changes results by rounding only.
    """
    from debruit.models.model_file import model_file
    from debruit.workflows.explain import ExplainRequest
    from debruit.workflows.explain import explain as run

    small = model_file(model).stat().st_size < SMALL_BYTES
    prepare_process(threads, recorded=1 if small else None)
    request = ExplainRequest(
        model,
        image=image,
        data=data,
        out=out,
        lang=lang,
        label=label,
        prompt=prompt,
        seed=seed,
        quick=quick,
        device=device,
    )
    result = run(request)
    say(f"{result.path} ({len(result.html) / 2**20:.1f} MB): open it in a browser")
    return 0
