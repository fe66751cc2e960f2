"""debruit sample"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from debruit.apps.cli.numbers import ImageCount
from debruit.apps.cli.sampling_flags import DEFAULTS, SamplingFlags
from debruit.apps.console import say
from debruit.apps.process import prepare_process

if TYPE_CHECKING:
    from debruit.workflows.sample import SampleRequest, SampleResult


def sample(
    model: str,
    /,
    *,
    n: Annotated[ImageCount, Parameter(name=["-n", "--n"])] = 16,
    out: Path,
    image: Path | None = None,
    enlarge: str | None = None,
    flags: SamplingFlags = DEFAULTS,
) -> int:
    """Generate images. Image k of a seed is the same for every -n, --batch, --threads and --device, up to rounding: on
    a CPU a few of 10,000 values may differ by one level of 255. The same command on one machine gives the same bits.

    Ctrl-C stops it; the same command continues.

    Parameters
    ----------
    model
        A run folder, a .safetensors file, or a model from `debruit list models`.
    n
        Number of images. If no condition is given, models with classes take all classes in turn.
    out
        FILE.png: one image at its own size and depth, or a grid of several next to their masks, images and prompts.
        FILE.npy: an array (N, C, H, W). Otherwise a folder, with one file per image.
    image
        The image to start from, for models trained with images: the small one to enlarge, for example. FILE.png#2 is
        image 2 of a grid, counted from 0.
    enlarge
        Enlarge each image before it is written: by this model of super-resolution, or, with no value, by the one that
        comes with debruit.
    """
    from debruit.workflows.sample import SampleRequest
    from debruit.workflows.sample import sample as run

    prepare_process(flags.threads)
    request = SampleRequest(model, n=n, out=out, image=image, enlarge=enlarge, **flags.options)
    result = run(request)
    count = "1 image" if n == 1 else f"{n:,} images"
    say(f"{count}{_conditions(request)} ({_sampling(request, result)}, seed {request.seed}, EMA weights) -> {out}")
    return 0


def _conditions(request: "SampleRequest") -> str:
    """ " of 'a cat', 'a dog' in turn on mask.png"."""
    masks = [part for mask in request.mask or () for part in mask.split(",")]
    words = f" of {request.label}" if request.label else ""
    for preposition, values in ((" of ", [f"'{p}'" for p in request.prompt or ()]), (" on ", masks)):
        shown = ", ".join(values[:3]) + (f" and {len(values) - 3} more" if len(values) > 3 else "")
        words += f"{preposition}{shown}{' in turn' if len(values) > 1 else ''}" if values else ""
    named = ", ".join(f"{name}={value}" for name, value in (request.conditions or {}).items())
    return words + (f" from {request.image}" if request.image else "") + (f" with {named}" if named else "")


def _sampling(request: "SampleRequest", result: "SampleResult") -> str:
    """Sampler, cost and guidance."""
    from debruit.sampling.guidance.interval import EVERYWHERE
    from debruit.sampling.guidance.weights import describe
    from debruit.sampling.sampler import name_of

    config = result.sampling
    words = [f"{name_of(config.sampler)}, {config.steps} steps, {result.evaluations} network evaluations per image"]
    if result.branches > 1:
        model = f" with guide model {request.guide_model}" if request.guide_model else ""
        words.append(f"guidance {describe(config.guidance)}{model}")
        if config.interval != EVERYWHERE:
            words.append(f"between t = {config.interval[0]:g} and {config.interval[1]:g}")
        if config.rescale:
            words.append(f"rescaled by {config.rescale:g}")
    if result.enlarged_by:
        words.append(f"enlarged by {result.enlarged_by}")
    return ", ".join(words)
