"""debruit upscale"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps.cli.numbers import EditCount
from debruit.apps.cli.sampling_flags import DEFAULTS, SamplingFlags
from debruit.apps.console import say
from debruit.apps.process import prepare_process


def upscale(
    model: str,
    /,
    *,
    image: Path,
    out: Path | None = None,
    n: Annotated[EditCount, Parameter(name=["-n", "--n"])] = 1,
    flags: SamplingFlags = DEFAULTS,
) -> int:
    """Enlarge an image with a model that was trained for it (`debruit train SOURCE --condition low-res`), by its scale.

    Parameters
    ----------
    model
        A run folder, a .safetensors file, or a model from `debruit list models`.
    image
        The small image, of any size, or a grid that debruit wrote, all of whose images are enlarged. FILE.png#2 is its
        image 2, counted from 0.
    out
        FILE.png: the image, or a grid of several. FILE.npy: an array. Otherwise a folder. Default: IMAGE-upscaled.png
        in the current directory.
    n
        Number of enlargements of each image, which differ in the details that the small image does not show.
    """
    from debruit.workflows.upscale import UpscaleRequest
    from debruit.workflows.upscale import upscale as run

    prepare_process(flags.threads)
    out = out or Path(f"{image.stem}-upscaled.png")
    result = run(UpscaleRequest(model, image=image, out=out, n=n, **flags.options))
    width, height = result.size
    say(f"{image} x {result.scale}: {width} x {height} pixels, seed {flags.seed} -> {out}")
    return 0
