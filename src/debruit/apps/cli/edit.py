"""debruit edit"""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from debruit.apps.cli.drawn import USUAL, Drawn
from debruit.apps.cli.numbers import Amount, EditCount, FrameCount, Repeats, Strength
from debruit.apps.cli.reports import check_diffusion
from debruit.apps.threads import set_threads
from debruit.console import say
from debruit.workflows import edits


def edit(
    model: str,
    /,
    *,
    image: Path | None = None,
    out: Path | None = None,
    strength: Strength | None = None,
    inpaint: Path | None = None,
    outpaint: str | None = None,
    variations: EditCount | None = None,
    interpolate: tuple[Path, Path] | None = None,
    invert: Annotated[bool, Parameter(negative="")] = False,
    n: Annotated[EditCount, Parameter(name=["-n", "--n"])] = 1,
    frames: FrameCount | None = None,
    amount: Amount | None = None,
    resamplings: Repeats | None = None,
    jump: Repeats | None = None,
    drawn: Drawn = USUAL,
) -> int:
    """Change an image with a trained model, in one of six ways.

    Parameters
    ----------
    model
        A run folder or a .safetensors file.
    image
        The image to edit. Another size than the model's is brought to it, by its central part. FILE.png#2 is image 2 of a grid, from 0.
    out
        FILE.png for the image, or for a grid of several; FILE.npy for an array; FILE.gif or FILE.webp for a moving --interpolate; else a folder. Without
        it, IMAGE-WAY.png in the folder at hand.
    strength
        Image to image: how far the image is noised before it is drawn again, from just above 0 (nothing changes) to 1 (drawn from noise alone).
    inpaint
        A mask: what is transparent, or else white, is painted anew, and every other pixel comes back unchanged. (--mask is another: a semantic one.)
    outpaint
        Pixels to paint around the image: 32 on each side, or LEFT,TOP,RIGHT,BOTTOM.
    variations
        How many images around this one; --amount says how far from it.
    interpolate
        Two image files, for --frames images from the one to the other.
    invert
        The noise that the image is drawn from, as FILE.npy beside --out, which gets the image drawn from it again. It walks with heun or euler, and without
        --guidance with a weight of 1.
    n
        How many edits of the image, of --strength, --inpaint and --outpaint.
    frames
        Of --interpolate, both ends included; 9 without it.
    amount
        Of --variations: from just above 0 (the image itself) to 1 (another image); 0.25 without it.
    resamplings
        Of --inpaint and --outpaint: how often each step is walked, so that the new fits the old; 4 without it.
    jump
        Of --inpaint and --outpaint: steps that are walked again together; 1 without it.
    """
    ways = {
        "strength": strength,
        "inpaint": inpaint,
        "outpaint": outpaint,
        "variations": variations,
        "interpolate": interpolate,
    }
    own = {"frames": frames, "amount": amount, "resamplings": resamplings, "jump": jump}
    wanted = edits.asked({**ways, "invert": invert or None}, image=image, out=out, n=n, own=own)
    margins = None if outpaint is None else edits.margins(outpaint)
    check_diffusion(model, "edit")

    from debruit.models.diffusion import load
    from debruit.training.allocator import prepare

    prepare()
    set_threads(drawn.threads)
    loaded = load(model, drawn.device)
    options = edits.options(loaded, drawn.assignments, drawn.flags)
    images = _read(wanted, loaded)
    if wanted.way == "invert":
        return _invert(loaded, images, wanted.out, options)
    from debruit.workflows import manifest, places

    work = _work(wanted, loaded, images, margins, options)  # reads what else is named
    about = manifest.settings_of(
        "edit", model, way=wanted.way, value=_named(wanted), images=[manifest.digest(file) for file in wanted.files], own=dict(wanted.own),
        **drawn.named,
    )  # fmt: skip
    made = wanted.own.get("frames", 9) if wanted.way == "interpolate" else wanted.n
    data, (left, top, right, bottom) = loaded.config.data, margins or (0, 0, 0, 0)
    shape = (data.channels, data.height + top + bottom, data.width + left + right)
    columns = made if wanted.way == "interpolate" else None
    place = places.find_place(
        wanted.out, about, made, shape, data.depth, lambda done: edits.write(done, loaded, wanted.out, columns=columns)
    )
    batch = made if wanted.way == "interpolate" else drawn.batch  # all frames come of the same two noises
    try:
        places.fill(place, made, batch, work, what="editing")
    except KeyboardInterrupt:
        return places.interrupted(place)
    places.say_kept(place)
    count = "1 image" if made == 1 else f"{made:,} images"
    say(f"{count} by --{wanted.way}, seed {drawn.seed} -> {wanted.out}")
    return 0


def _read(wanted: edits.Edit, model: Any) -> Any:
    """The images to begin with, (B, C, H, W) at rest: both of an interpolation, else the one."""
    import torch

    from debruit.editing.reading import read_image

    return torch.stack([read_image(file, model.config.data) for file in wanted.files])


def _work(wanted: edits.Edit, model: Any, images: Any, margins: Any, options: dict[str, Any]) -> Any:
    """The edit as `places.fill` asks for it: of `count` of these images from number `first` on."""
    from debruit.editing import image_to_image, inpainting, interpolation, outpainting, reading, variations

    own = {**options, **wanted.own}
    if wanted.way == "interpolate":
        return lambda first, count, watch: interpolation.interpolate(model, images, watch=watch, **own)
    if wanted.way == "strength":
        change, own["strength"] = image_to_image.image_to_image, wanted.value
    elif wanted.way == "inpaint":
        change, own["region"] = inpainting.inpaint, reading.read_region(wanted.value, model.config.data)
    elif wanted.way == "outpaint":
        change, own["margins"] = outpainting.outpaint, margins
    else:
        change = variations.vary

    def some(first: int, count: int, watch: Any) -> Any:
        return change(model, images.expand(count, -1, -1, -1), first=first, watch=watch, **own)

    return some


def _named(wanted: edits.Edit) -> Any:
    """The value of an edit's flag, as JSON; of a file its content."""
    from debruit.workflows import manifest

    return (
        manifest.digest(wanted.value)
        if wanted.way == "inpaint"
        else None
        if wanted.way in ("interpolate", "variations")
        else wanted.value
    )


def _invert(model: Any, images: Any, out: Path, options: dict[str, Any]) -> int:
    """Writes the noise and what is drawn from it; says how near that comes, beside what the autoencoder alone loses."""
    from debruit.autoencoders.fidelity import psnr
    from debruit.autoencoders.pixels import Pixels
    from debruit.editing.batches import stretch
    from debruit.editing.inversion import invert, redraw
    from debruit.files.atomic import write_array
    from debruit.sampling.sampler import level

    def work(watch):
        noise = invert(model, images, watch=stretch(watch, 0.0, 0.5), **options)
        return noise, redraw(model, noise, watch=stretch(watch, 0.5, 1.0), **options)

    def decibels(found) -> str:
        value = float(psnr(*(model.config.data.to_model(x) for x in (images, found)), value_range=2))
        return "exactly" if value == float("inf") else f"{value:.1f} dB"

    noise, back = edits.followed(work)
    edits.write(back, model, out)
    array = out.with_suffix(".npy")
    scale = level(model.config.process, 1.0).sigma
    write_array(array, (noise / scale).float().cpu().numpy())
    codec = (
        ""
        if isinstance(model.config.codec, Pixels)
        else f" (the autoencoder alone: {decibels(model.images(model.latents(images)))})"
    )
    say(f"noise -> {array}; drawn from it -> {out}; PSNR of the round trip {decibels(back)}{codec}")
    return 0
