"""`debruit upscale`: an image enlarged by a model that was trained for it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from debruit.editing import upscaling
from debruit.editing.reading import read_image
from debruit.images.grids import images_in
from debruit.workflows.edit_request import Count, check_out
from debruit.workflows.outputs import manifest
from debruit.workflows.outputs.grid_file import save_images
from debruit.workflows.outputs.sample_writer import find_writer, write_samples
from debruit.workflows.progress import relayed
from debruit.workflows.public import public
from debruit.workflows.sampling_options import SamplingOptions, editing_options, open_model


@dataclass(frozen=True, kw_only=True)
class UpscaleRequest(SamplingOptions):
    """`n` enlargements of the file `image`, or of each image of a grid, to `out`: FILE.png, FILE.npy or a folder; None:
    they stay in memory."""

    image: str | Path
    out: str | Path | None = None
    n: Count = 1


@dataclass(frozen=True, kw_only=True)
class UpscaleResult:
    """`images` are (N, C, scale h, scale w) in the dtype and range of the data where they stayed in memory, else None,
    and `paths` the files that hold them; of a grid of G images, image k is one of number k mod G. `size` is (width,
    height) in pixels.
    """

    images: Tensor | None
    paths: tuple[Path, ...]
    scale: int
    size: tuple[int, int]


def upscale(request: UpscaleRequest) -> UpscaleResult:
    """Enlarge an image. The same request resumes, if it writes a folder or an array.

    InputError: before any work, for a request that cannot be served. events.Cancelled: says what is kept.
    """
    request.check("upscale")
    out = None if request.out is None else Path(request.out)
    if out is not None:
        check_out(out)
    model = open_model(request.model, request.device)
    data, scale = model.config.data, upscaling.condition(model).scale
    options = editing_options(model, request)
    names = images_in(request.image)
    small = torch.stack([read_image(name, data, whole=True) for name in names])
    count = request.n * len(names)
    height, width = (side * scale for side in small.shape[2:])
    settings = {}
    if out is not None:
        image = manifest.digest(names[0]) if len(names) == 1 else manifest.digests(names)
        settings = manifest.settings_of("upscale", request.model, image=image, **request.digest)
    writer = find_writer(
        out,
        settings,
        count,
        (small.shape[1], height, width),
        data.depth,
        lambda images: save_images(images, data, out or Path()),
    )

    def generate(first: int, number: int, report: Callable[[float], object]) -> Tensor:
        with relayed(report):
            chosen = [(first + k) % len(small) for k in range(number)]
            return upscaling.upscale(model, small[chosen], first=first, **options)

    write_samples(writer, count, request.batch, generate, stage="upscaling")
    return UpscaleResult(images=writer.images(), paths=writer.paths(), scale=scale, size=(width, height))


start = public(UpscaleRequest, upscale)
