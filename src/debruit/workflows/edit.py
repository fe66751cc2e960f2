"""`debruit edit`: an image changed by a trained model, in one of six ways."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from debruit.autoencoders.fidelity import psnr
from debruit.autoencoders.pixels import Pixels
from debruit.editing.image_to_image import image_to_image
from debruit.editing.inpainting import inpaint
from debruit.editing.interpolation import interpolate
from debruit.editing.inversion import invert, redraw
from debruit.editing.outpainting import outpaint
from debruit.editing.reading import read_image, read_region
from debruit.editing.variations import vary
from debruit.files.atomic import write_array
from debruit.models.diffusion import Model
from debruit.sampling.sampler import level
from debruit.workflows.edit_request import Edit, EditRequest, requested_edit
from debruit.workflows.enlarging import Enlarger, enlarged, enlarged_spec, enlarger_digest, find_enlarger
from debruit.workflows.outputs import manifest
from debruit.workflows.outputs.grid_file import MemoryWriter, save_images
from debruit.workflows.outputs.sample_writer import Generate, SampleWriter, find_writer, write_samples
from debruit.workflows.progress import ProgressMeter, relayed
from debruit.workflows.public import public
from debruit.workflows.sampling_options import editing_options, open_model


@dataclass(frozen=True, kw_only=True)
class EditResult:
    """`images` are (N, C, H, W) in the dtype and range of the data where they stayed in memory, else None, and `paths`
    the files that hold them.

    Of an inversion `noise` is eps, (1, c, h, w) float32, `psnr` that of the round trip in dB, and `codec_psnr` that of
    the autoencoder alone.
    """

    name: str
    count: int
    images: Tensor | None
    paths: tuple[Path, ...]
    noise: Tensor | None = None
    psnr: float | None = None
    codec_psnr: float | None = None


def edit(request: EditRequest) -> EditResult:
    """Edit an image. The same request resumes, if it writes a folder or an array.

    InputError: before any work, for a request that cannot be served. events.Cancelled: says what is kept.
    """
    edit = requested_edit(request)
    model = open_model(request.model, request.device)
    options = editing_options(model, request)
    images = torch.stack([read_image(file, model.config.data) for file in edit.files])
    if edit.name == "invert":
        return _invert(model, images, edit.out, options)
    enlarger = find_enlarger(request, model.config.data)
    generate = enlarged(_generator(edit, model, images, options), enlarger)  # reads the mask
    writer = _writer(request, edit, model, enlarger)
    together = edit.name == "interpolate"  # all frames come from the same two noises
    write_samples(writer, edit.count, edit.count if together else request.batch, generate, stage="editing")
    return EditResult(name=edit.name, count=edit.count, images=writer.images(), paths=writer.paths())


def _generator(edit: Edit, model: Model, images: Tensor, options: dict[str, Any]) -> Generate:
    """The results from number `first` on, at rest."""
    own = {**options, **edit.options}
    if edit.name == "interpolate":

        def frames(first: int, number: int, report: Callable[[float], object]) -> Tensor:
            with relayed(report):
                return interpolate(model, images, **own)

        return frames
    if "jump_length" in own:
        own["jump"] = own.pop("jump_length")
    if edit.name == "strength":
        change, own["strength"] = image_to_image, edit.value
    elif edit.name == "inpaint":
        change, own["region"] = inpaint, read_region(edit.value, model.config.data)
    elif edit.name == "outpaint":
        change, own["margins"] = outpaint, edit.value
    else:
        change = vary

    def generate(first: int, number: int, report: Callable[[float], object]) -> Tensor:
        with relayed(report):
            return change(model, images.expand(number, -1, -1, -1), first=first, **own)

    return generate


def _writer(request: EditRequest, edit: Edit, model: Model, enlarger: Enlarger | None) -> SampleWriter:
    data = model.config.data
    left, top, right, bottom = edit.value if edit.name == "outpaint" else (0, 0, 0, 0)
    canvas = replace(data, height=data.height + top + bottom, width=data.width + left + right)
    shape = enlarged_spec(canvas, enlarger).shape
    out, columns = edit.out, edit.count if edit.name == "interpolate" else None
    if out is None:
        return MemoryWriter(edit.count)
    value = {"inpaint": manifest.digest(request.inpaint), "interpolate": None, "variations": None}.get(
        edit.name, edit.value
    )
    settings = manifest.settings_of(
        "edit",
        request.model,
        edit=edit.name,
        value=value,
        images=[manifest.digest(file) for file in edit.files],
        options=edit.options,
        **request.digest,
        **enlarger_digest(enlarger),
    )
    return find_writer(
        out, settings, edit.count, shape, data.depth, lambda made: save_images(made, data, out, columns=columns)
    )


def _invert(model: Model, images: Tensor, out: Path | None, options: dict[str, Any]) -> EditResult:
    """The noise of the image, and what is sampled from it, which go to FILE.npy and FILE.png where `out` is given."""
    progress = ProgressMeter("editing", 1)
    with relayed(lambda fraction: progress(fraction / 2)):
        x_1 = invert(model, images, **options)
    with relayed(lambda fraction: progress(0.5 + fraction / 2)):
        back = redraw(model, x_1, **options)
    noise = (x_1 / level(model.config.process, 1.0).sigma).float().cpu()
    paths: tuple[Path, ...] = ()
    if out is not None:
        paths = (out, out.with_suffix(".npy"))
        save_images(back, model.config.data, out)
        write_array(paths[1], noise.numpy())
    codec = None if isinstance(model.config.codec, Pixels) else model.images(model.latents(images))
    return EditResult(
        name="invert",
        count=1,
        images=back if out is None else None,
        paths=paths,
        noise=noise,
        psnr=_psnr(model, images, back),
        codec_psnr=None if codec is None else _psnr(model, images, codec),
    )


def _psnr(model: Model, images: Tensor, others: Tensor) -> float:
    """In dB; infinite for equal images."""
    return float(psnr(*(model.config.data.to_model(x) for x in (images, others)), value_range=2))


start = public(EditRequest, edit)
