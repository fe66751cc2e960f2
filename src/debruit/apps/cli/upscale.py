"""debruit upscale"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps import edits
from debruit.apps.cli.reports import check_diffusion
from debruit.errors import InputError


def upscale(
    model: str,
    /,
    *,
    image: Path,
    out: Path | None = None,
    n: Annotated[int, Parameter(name=["-n", "--n"])] = 1,
    label: str | None = None,
    prompt: str | None = None,
    mask: str | None = None,
    guidance: str | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    seed: int = 0,
    batch: int = 64,
    device: str = "auto",
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
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
    label
        Class names or numbers, for models trained with classes too.
    prompt
        Text, for models trained with text too.
    mask
        A semantic mask, for models trained with masks too.
    guidance
        Weight of guidance, or one for each condition, for example text=5,mask=2; without it, the model's own.
    sampler
        A name from `debruit list samplers`; without it, the model's own.
    steps
        Steps of the sampler; without it, the model's own.
    seed
        Decides the noise.
    batch
        Images drawn at a time.
    device
        auto, cpu or cuda.
    set_
        Change one sampling setting: KEY=VALUE, for example grid=Karras. May be repeated.
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
    loaded = load(model, device)
    scale = condition(loaded).scale
    flags = {
        "sampler": sampler, "steps": steps, "guidance": guidance, "seed": seed, "label": label, "prompt": prompt, "mask": mask,
        "batch": batch,
    }  # fmt: skip
    options = edits.options(loaded, set_ or [], flags)
    small = read_image(image, loaded.config.data, whole=True)[None].expand(n, -1, -1, -1)
    large = edits.followed(lambda watch: enlarge(loaded, small, watch=watch, **options))
    edits.write(large, loaded, out)
    height, width = large.shape[2:]
    print(f"{image} x {scale}: {width} x {height} pixels, seed {seed} -> {out}", flush=True)
    return 0
