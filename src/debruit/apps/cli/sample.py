"""debruit sample"""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from debruit.apps.cli.numbers import Batch, DrawnCount, Rescale, Seed, Steps, Threads
from debruit.apps.cli.reports import check_diffusion
from debruit.apps.threads import set_threads
from debruit.console import say
from debruit.errors import InputError
from debruit.files.outputs import check_file, check_folder

SUFFIXES = (".png", ".npy")


def sample(
    model: str,
    /,
    *,
    n: Annotated[DrawnCount, Parameter(name=["-n", "--n"])] = 16,
    out: Path,
    sampler: str | None = None,
    steps: Steps | None = None,
    seed: Seed = 0,
    label: str | None = None,
    prompt: Annotated[list[str] | None, Parameter(negative="")] = None,
    mask: Annotated[list[str] | None, Parameter(negative="")] = None,
    image: Path | None = None,
    guidance: str | None = None,
    interval: str | None = None,
    rescale: Rescale | None = None,
    weaker: str | None = None,
    batch: Batch = 64,
    device: str = "auto",
    threads: Threads = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
) -> int:
    """Draw images. Image k of a seed is the same whatever -n, --batch, --threads and --device are, up to rounding: on a CPU a few of 10,000
    values may differ by one level of 255. The same command on the same machine gives the same bits.

    Parameters
    ----------
    model
        A run folder or a .safetensors file.
    n
        How many images in all.
    out
        FILE.png for one image as it is, or one grid of several, with masks, images and prompts beside the samples; FILE.npy for the array (N, C, H, W),
        else a folder that gets one file an image.
    sampler
        A name from `debruit list samplers`; without it, the model's own.
    steps
        Steps of the sampler; without it, the model's own.
    seed
        Decides the noise.
    label
        Class names or numbers, "a,b" in turn; without any condition, all classes in turn.
    prompt
        Text, for models trained with text. May be repeated: the images take them in turn, and a grid has a group for each.
    mask
        A mask image, for models trained with masks. May be repeated, or "a.png,b.png": the images take them in turn.
    image
        What to start from, for models trained with images: the small one to enlarge, say. FILE.png#2 is image 2 of a grid, from 0.
    guidance
        How strongly the condition is followed: 0 not at all, 1 as trained, above 1 more; or a weight for each condition, text=5,mask=2. Without it, the
        model's own.
    interval
        The times between which guidance is on, 0 clean and 1 noise, for example 0.1,0.8: cheaper, since it costs nothing outside.
    rescale
        How much of the contrast that guidance adds is taken back, 0 to 1.
    weaker
        An earlier or smaller model of the same kind, to guide away from in place of the unconditional estimate.
    batch
        Images drawn at a time; guidance puts each of them through the network two times or more at once.
    device
        auto, cpu or cuda.
    threads
        CPU threads, by default as many as this process has cores; another number changes results by rounding alone.
    set_
        Change one sampling setting: KEY=VALUE, for example sampler.eta=0.5 or grid=Karras. May be repeated.
    """
    from debruit.conditioning.mask import several
    from debruit.config import encode
    from debruit.models.diffusion import load
    from debruit.overrides import override
    from debruit.sampling.guidance.weights import in_words, none
    from debruit.training.allocator import prepare
    from debruit.workflows import manifest, places

    prepare()
    set_threads(threads)
    if out.suffix and out.suffix.lower() not in SUFFIXES:
        raise InputError(f"--out {out}: give FILE.png for a grid, FILE.npy for an array, or a folder")
    check_file(out) if out.suffix else check_folder(out)
    check_diffusion(model, "sample")
    loaded = load(model, device)
    settings = loaded.settings(
        sampler=sampler, steps=steps, guidance=guidance, interval=times(interval), rescale=rescale
    )
    for assignment in set_ or []:
        settings = override(settings, assignment)
    masks = several(mask) if mask else None
    given: dict[str, Any] = {"label": label, "prompt": prompt, "mask": masks, "image": image}
    if weaker is not None:
        check_diffusion(weaker, "sample")
        given["weaker"] = load(weaker, device)
    turns = max(len(prompt or []), len(masks or []), 1)
    # all conditions are read before the first image is drawn
    drawing = loaded.drawing(min(turns, n), settings, seed=seed, **given)
    _ = drawing.times
    about = manifest.settings_of(
        "sample", model, sampling=encode(settings), seed=seed, label=label, prompt=prompt, mask=manifest.digests(mask),
        image=manifest.digest(image), weaker=manifest.model_digest(weaker),
    )  # fmt: skip
    spec = loaded.config.data
    place = places.find_place(
        out,
        about,
        n,
        spec.shape,
        spec.depth,
        lambda images: write_grid(
            images, loaded, out, rows=min(turns, n), label=label, text=prompt, mask=masks, image=image
        ),
    )
    try:
        places.fill(place, n, batch, draw(loaded, settings, seed, given))
    except KeyboardInterrupt:
        return places.interrupted(place)
    if guidance is not None and drawing.branches == 1 and not none(settings.guidance):
        say(
            f"guidance {in_words(settings.guidance)} changes nothing here: it weighs a condition against none of it, and one of the two is all there is"
        )
    places.say_kept(place)
    say(f"{n} images{_of(label, prompt, masks, image)} ({_how(drawing, weaker)}, seed {seed}, EMA weights) -> {out}")
    return 0


def times(interval: str | None) -> tuple[float, float] | None:
    """ "0.1,0.8" -> (0.1, 0.8); InputError for anything but two numbers."""
    if interval is None:
        return None
    try:
        low, high = (float(part) for part in interval.split(","))
    except ValueError:
        raise InputError(
            f"--interval {interval}: give two times between 0 (clean) and 1 (noise), for example --interval 0.1,0.8"
        ) from None
    return low, high


def draw(model, settings, seed: int, given: dict):
    """Images first..first + count - 1 at rest, as `places.fill` asks for them."""

    def some(first: int, count: int, watch):
        last = None
        for last in model.drawing(count, settings, seed=seed, first=first, **given).run():
            watch(last.step / last.steps)
        assert last is not None
        return model.images(last.x)

    return some


def beside_conditions(images, model, **given):
    """A picture of the images beside the masks, images and prompts that they were drawn under; None where a plain grid shows as much."""
    if len(images) == 1:
        return None
    import torch

    from debruit.conditioning.batch import ask
    from debruit.models.condition_images import shown

    asked = ask(model.config.conditioners, range(len(images)), given, torch.device("cpu"))
    found = shown(images, model.config, asked, captions=given["text"] or ())
    return None if found is None else found.picture


def _of(label: str | None, prompts: list[str] | None, masks: list[str] | None, image: Path | None) -> str:
    """What the images are of, for the line that is printed."""
    words = f" of {label}" if label else ""
    for what, several in ((" of ", [f"'{p}'" for p in prompts or []]), (" on ", masks or [])):
        shown = ", ".join(several[:3]) + (f" and {len(several) - 3} more" if len(several) > 3 else "")
        words += f"{what}{shown}{' in turn' if len(several) > 1 else ''}" if several else ""
    return words + (f" from {image}" if image else "")


def _how(drawing, weaker: str | None) -> str:
    """Sampler, cost and guidance, for the line that is printed."""
    from debruit.sampling.guidance.interval import EVERYWHERE
    from debruit.sampling.guidance.weights import in_words
    from debruit.sampling.sampler import name_of

    settings = drawing.settings
    words = [f"{name_of(settings.sampler)}, {settings.steps} steps, {drawing.evaluations} network evaluations an image"]
    if drawing.branches > 1:
        words.append(f"guidance {in_words(settings.guidance)}{f' from {weaker}' if weaker else ''}")
        words += (
            [f"between t = {settings.interval[0]:g} and {settings.interval[1]:g}"]
            if settings.interval != EVERYWHERE
            else []
        )
        words += [f"rescaled by {settings.rescale:g}"] if settings.rescale else []
    return ", ".join(words)


def write_grid(images, model, out: Path, *, rows: int = 1, **given) -> None:
    """A single image as it is, or a grid of images at rest beside the conditions that they were drawn under; with several `rows` of a grid without
    conditions to show, image n is in row n mod `rows`."""
    from debruit.images import pictures

    beside, spec = beside_conditions(images, model, **given), model.config.data
    if len(images) == 1:
        pictures.save_single(images[0], spec, out)
    elif beside is not None:
        pictures.save(beside, out)
    else:
        pictures.save_grid(images, spec, out, rows=rows)
