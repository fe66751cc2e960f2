"""The request of `debruit edit`, and which of the six edits it asks for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le

from debruit.errors import InputError
from debruit.files.outputs import check_file, check_folder
from debruit.images.animation import MOVING
from debruit.ranges import LARGEST_SIDE
from debruit.workflows.sampling_options import AnyModel, SamplingOptions

EDITS = ("strength", "inpaint", "outpaint", "variations", "interpolate", "invert")
OPTIONS_OF = {
    "frames": ("interpolate",),
    "amount": ("variations",),
    "resamplings": ("inpaint", "outpaint"),
    "jump_length": ("inpaint", "outpaint"),
}  # an option -> the edits that it belongs to
COUNTED_BY = {
    "variations": "set their number with --variations N",
    "interpolate": "set their number with --frames N",
    "invert": "an image has one noise",
}  # the edits that -n does not count
FRAMES = 9  # of an interpolation, both ends included
SUFFIXES = (".png", ".npy")
MOST_EDITED = 10_000

Count = Annotated[int, Ge(1), Le(MOST_EDITED)]
Repeats = Annotated[int, Ge(1), Le(1_000)]
Share = Annotated[float, Gt(0), Le(1)]
Margins = tuple[int, int, int, int]  # left, top, right, bottom, in pixels


@dataclass(frozen=True, kw_only=True)
class EditRequest(SamplingOptions):
    """One of six edits of `image` (interpolate: of its own two), to `out`: FILE.png, FILE.npy, a folder, or FILE.gif
    and FILE.webp for an interpolation; None: the result stays in memory.

    `strength`      image to image: the time, above 0 up to 1, to which the image is noised before it is sampled again
    `inpaint`       a mask file: what is transparent, or else white, is generated anew
    `outpaint`      pixels to generate around the image: 32, "32", or "LEFT,TOP,RIGHT,BOTTOM"
    `variations`    how many images around this one, `amount` away from it (above 0 up to 1)
    `interpolate`   two image files, for `frames` images from one to the other
    `invert`        the noise from which the image is sampled

    `enlarge` is a model of super-resolution, "auto" for the one that comes with debruit, that enlarges each result
    before it is written; an inversion has none.

    `n` is the number of results of the first three. Inpainting and outpainting repeat each step `resamplings` times,
    `jump_length` steps together.
    """

    image: str | Path | None = None
    out: str | Path | None = None
    strength: Share | None = None
    inpaint: str | Path | None = None
    outpaint: int | str | Margins | None = None
    variations: Count | None = None
    interpolate: tuple[str | Path, str | Path] | None = None
    invert: bool = False
    n: Count = 1
    frames: Annotated[int, Ge(2), Le(MOST_EDITED)] | None = None
    amount: Share | None = None
    resamplings: Repeats | None = None
    jump_length: Repeats | None = None
    enlarge: AnyModel | None = None


@dataclass(frozen=True, kw_only=True)
class Edit:
    """The edit that was requested: its `name`, one of EDITS, the `value` of its option, its input `files`, `out`, how
    many results, and its other `options`.
    """

    name: str
    value: Any
    files: tuple[Path, ...]
    out: Path | None
    count: int
    options: dict[str, Any]


def requested_edit(request: EditRequest) -> Edit:
    """Check a request and return its edit. InputError: no edit or several, and options that do not belong to it."""
    request.check("edit")
    name = _one(request)
    if name == "interpolate" and request.image is not None:
        raise InputError("--interpolate names its two images itself: leave --image out")
    if name != "interpolate" and request.image is None:
        raise InputError("name the image to edit: --image FILE")
    options = {option: getattr(request, option) for option in OPTIONS_OF if getattr(request, option) is not None}
    for option in options:
        if name not in OPTIONS_OF[option]:
            others = " and ".join(f"--{other}" for other in OPTIONS_OF[option])
            raise InputError(f"{_flag(option)} belongs to {others}, and this is --{name}: leave it out")
    if request.n > 1 and name in COUNTED_BY:
        raise InputError(f"-n {request.n} does not go with --{name}: {COUNTED_BY[name]}")
    if name == "invert" and request.enlarge is not None:
        raise InputError("--enlarge does not go with --invert, which returns to the image itself: leave it out")
    value = margins(request.outpaint) if request.outpaint is not None else getattr(request, name)
    count = {"variations": request.variations, "interpolate": request.frames or FRAMES}.get(name) or request.n
    out = None if request.out is None else Path(request.out)
    _check_out(name, out)
    given = request.interpolate if request.interpolate is not None else (request.image,)
    files = tuple(Path(file) for file in given if file is not None)
    return Edit(name=name, value=value, files=files, out=out, count=count, options=options)


def default_out(request: EditRequest) -> Path:
    """IMAGE-EDIT.png in the current directory."""
    first = request.image or (request.interpolate or ("",))[0]
    return Path(f"{Path(first).stem}-{_one(request)}.png")


def check_out(out: Path, suffixes: tuple[str, ...] = SUFFIXES, *, folder: bool = True) -> None:
    """InputError for a kind of file that cannot be written, or a path where nothing can."""
    if out.suffix.lower() in suffixes:
        check_file(out)
    elif folder and not out.suffix:
        check_folder(out)
    else:
        files = " or ".join(f"FILE{suffix}" for suffix in suffixes)
        raise InputError(f"--out {out}: give {files}{', or a folder' if folder else ''}")


def margins(given: int | str | Margins) -> Margins:
    """32, "32" or "LEFT,TOP,RIGHT,BOTTOM" as four numbers. InputError: anything else."""
    if isinstance(given, int):
        return given, given, given, given
    if not isinstance(given, str):
        return given
    parts = [part.strip() for part in given.split(",")]
    if len(parts) not in (1, 4) or not all(part.isdecimal() for part in parts):
        raise InputError(
            f"--outpaint {given}: give the pixels on each side, for example 32, or LEFT,TOP,RIGHT,BOTTOM, for example "
            "0,0,32,0"
        )
    if any(len(part) > 5 or int(part) > LARGEST_SIDE for part in parts):
        raise InputError(f"--outpaint {given}: give at most {LARGEST_SIDE:,} pixels on each side, for example 32")
    left, top, right, bottom = (int(part) for part in parts * (4 // len(parts)))
    return left, top, right, bottom


def _one(request: EditRequest) -> str:
    chosen = [name for name in EDITS if getattr(request, name) not in (None, False)]
    names = ", ".join(f"--{name}" for name in EDITS)
    if not chosen:
        raise InputError(f"name an edit: give one of {names}")
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(f'--{name}' for name in chosen)} were given together: give one of {names}")
    return chosen[0]


def _check_out(name: str, out: Path | None) -> None:
    if out is None:
        return
    if name == "invert":
        check_out(out, (".png",), folder=False)
        check_file(out.with_suffix(".npy"))
    else:
        check_out(out, (*SUFFIXES, *MOVING) if name == "interpolate" else SUFFIXES)


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"
