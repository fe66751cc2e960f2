"""debruit upscale"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps import edits
from debruit.apps.cli.drawn import USUAL, Drawn
from debruit.apps.cli.numbers import EditCount
from debruit.apps.cli.reports import check_diffusion
from debruit.apps.threads import set_threads
from debruit.errors import InputError


def upscale(
    model: str,
    /,
    *,
    image: Path,
    out: Path | None = None,
    n: Annotated[EditCount, Parameter(name=["-n", "--n"])] = 1,
    drawn: Drawn = USUAL,
) -> int:
    """Enlarge an image with a model that was trained for it (`debruit train SOURCE --condition image`), by that model's scale.

    Parameters
    ----------
    model
        A run folder or a .safetensors file.
    image
        The small image, of any size.
    out
        FILE.png for the image, or for a grid of several; FILE.npy for an array; else a folder. Without it, IMAGE-upscaled.png in the folder at hand.
    n
        How many enlargements, which differ in what the small image does not say.
    """
    if n < 1:
        raise InputError(f"{n} images were asked for: give 1 or more")
    out = out or Path(f"{image.stem}-upscaled.png")
    edits.check_out(out, edits.SUFFIXES)
    check_diffusion(model, "upscale")

    from debruit.editing.reading import read_image
    from debruit.editing.upscaling import condition
    from debruit.editing.upscaling import upscale as enlarge
    from debruit.model import load
    from debruit.training.machine import prepare

    prepare()
    set_threads(drawn.threads)
    loaded = load(model, drawn.device)
    scale = condition(loaded).scale
    options = edits.options(loaded, drawn.assignments, drawn.flags)
    small = read_image(image, loaded.config.data, whole=True)[None].expand(n, -1, -1, -1)
    large = edits.followed(lambda watch: enlarge(loaded, small, watch=watch, **options))
    edits.write(large, loaded, out)
    height, width = large.shape[2:]
    print(f"{image} x {scale}: {width} x {height} pixels, seed {drawn.seed} -> {out}", flush=True)
    return 0
