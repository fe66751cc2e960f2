"""debruit sample"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps.cli.reports import check_diffusion
from debruit.errors import InputError

SUFFIXES = (".png", ".npy")


def sample(
    model: str,
    /,
    *,
    n: Annotated[int, Parameter(name=["-n", "--n"])] = 16,
    out: Path,
    sampler: str | None = None,
    steps: int | None = None,
    seed: int = 0,
    label: str | None = None,
    prompt: str | None = None,
    mask: Path | None = None,
    guidance: float | None = None,
    batch: int = 64,
    device: str = "auto",
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
) -> int:
    """Draw images. Image k of a seed is always the same, whatever -n, --batch and --device are.

    Parameters
    ----------
    model
        A run folder or a .safetensors file.
    n
        How many images.
    out
        FILE.png for one grid, FILE.npy for the array (N, C, H, W), else a folder that gets one file an image.
    sampler
        A name from `debruit list samplers`; without it, the model's own.
    steps
        Steps of the sampler; without it, the model's own.
    seed
        Decides the noise.
    label
        Class names or numbers, "a,b" in turn; without it, all classes in turn.
    prompt
        Text, for models trained with text.
    mask
        A mask image, for models trained with masks.
    guidance
        Weight of classifier-free guidance: 0 unconditional, 1 conditional, above 1 exaggerated; without it, the model's own.
    batch
        Images drawn at a time.
    device
        auto, cpu or cuda.
    set_
        Change one sampling setting: KEY=VALUE, for example sampler.eta=0.5 or grid=Karras. May be repeated.
    """
    from debruit.config import override
    from debruit.model import load
    from debruit.training.machine import prepare

    prepare()
    if out.suffix and out.suffix.lower() not in SUFFIXES:
        raise InputError(f"--out {out}: give FILE.png for a grid, FILE.npy for an array, or a folder")
    check_diffusion(model, "sample")
    loaded = load(model, device)
    settings = loaded.settings(sampler=sampler, steps=steps, guidance=guidance)
    for assignment in set_ or []:
        settings = override(settings, assignment)
    options = {
        "seed": seed, "label": label, "prompt": prompt, "mask": mask, "steps": settings.steps, "sampler": settings.sampler,
        "guidance": settings.guidance, "grid": settings.grid, "clip": settings.clip,
    }  # fmt: skip
    images = draw(loaded, n, batch, options)
    write(images, loaded, out)
    print(
        f"{n} images ({type(settings.sampler).__name__}, {settings.steps} steps, seed {seed}, EMA weights) -> {out}",
        flush=True,
    )
    return 0


def draw(model, n: int, batch: int, options: dict):
    """n images in batches, with a progress bar on a terminal."""
    import sys

    import torch
    from rich.progress import Progress

    if n < 1 or batch < 1:
        raise InputError(f"-n {n} --batch {batch}: give 1 or more of each")
    parts = []
    with Progress(disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("sampling", total=n)
        for start in range(0, n, batch):
            count = min(batch, n - start)
            last = None
            for last in model.trajectory(count, first=start, **options):
                bar.update(task, completed=start + count * last.step / last.steps)
            assert last is not None
            parts.append(model.images(last.x))
    return torch.cat(parts)


def write(images, model, out: Path) -> None:
    """A grid, an array, or one file an image in the depth of the data."""
    from debruit import pictures
    from debruit.files import write_atomically

    spec = model.config.data
    if out.suffix.lower() == ".png":
        pictures.save(pictures.grid(pictures.displayable(images, spec)), out)
        return
    array = images.numpy()
    if out.suffix.lower() == ".npy":
        write_atomically(out, lambda path: _dump(path, array))
        return
    if out.is_file():
        raise InputError(f"--out {out} is a file: give a folder, FILE.png or FILE.npy")
    out.mkdir(parents=True, exist_ok=True)
    for k, image in enumerate(array):
        _write_one(image, out / f"{k:06d}")


def _write_one(image, stem: Path) -> None:
    """One image (C, H, W) in the format that keeps its depth: PNG, TIFF for grey float data, and an array for what neither holds."""
    from PIL import Image

    from debruit.files import write_atomically

    grey, depth = len(image) == 1, image.dtype.name
    pixels = image[0] if grey else image.transpose(1, 2, 0)
    if (depth == "uint8" and len(image) in (1, 3)) or (depth == "uint16" and grey):
        write_atomically(stem.with_suffix(".png"), lambda path: Image.fromarray(pixels).save(path, format="PNG"))
    elif depth == "float32" and grey:
        write_atomically(stem.with_suffix(".tiff"), lambda path: Image.fromarray(pixels).save(path, format="TIFF"))
    else:
        write_atomically(stem.with_suffix(".npy"), lambda path: _dump(path, image))


def _dump(path: Path, array) -> None:
    import numpy as np

    with open(path, "wb") as file:
        np.save(file, array)
