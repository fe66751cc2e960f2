"""debruit upscale"""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from debruit.apps.cli.drawn import USUAL, Drawn
from debruit.apps.cli.numbers import EditCount
from debruit.apps.cli.reports import check_diffusion
from debruit.apps.threads import set_threads
from debruit.console import say
from debruit.workflows import edits


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
        The small image, of any size. FILE.png#2 is image 2 of a grid, from 0.
    out
        FILE.png for the image, or for a grid of several; FILE.npy for an array; else a folder. Without it, IMAGE-upscaled.png in the folder at hand.
    n
        How many enlargements, which differ in what the small image does not say.
    """
    out = out or Path(f"{image.stem}-upscaled.png")
    edits.check_out(out, edits.SUFFIXES)
    check_diffusion(model, "upscale")

    from debruit.editing.reading import read_image
    from debruit.editing.upscaling import condition
    from debruit.editing.upscaling import upscale as enlarge
    from debruit.models.diffusion import load
    from debruit.training.allocator import prepare
    from debruit.workflows import manifest, places

    prepare()
    set_threads(drawn.threads)
    loaded = load(model, drawn.device)
    scale = condition(loaded).scale
    options = edits.options(loaded, drawn.assignments, drawn.flags)
    small = read_image(image, loaded.config.data, whole=True)[None]
    height, width = (side * scale for side in small.shape[2:])
    about = manifest.settings_of("upscale", model, image=manifest.digest(image), **drawn.named)
    shape, depth = (small.shape[1], height, width), loaded.config.data.depth
    place = places.find_place(out, about, n, shape, depth, lambda done: edits.write(done, loaded, out))

    def some(first: int, count: int, watch: Any) -> Any:
        return enlarge(loaded, small.expand(count, -1, -1, -1), first=first, watch=watch, **options)

    try:
        places.fill(place, n, drawn.batch, some, what="enlarging")
    except KeyboardInterrupt:
        return places.interrupted(place)
    places.say_kept(place)
    say(f"{image} x {scale}: {width} x {height} pixels, seed {drawn.seed} -> {out}")
    return 0
