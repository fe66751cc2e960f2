"""What the verbs that edit share: which edit was asked for, the model and its options, the progress, the files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from debruit.errors import InputError
from debruit.files.outputs import check_file, check_folder
from debruit.ranges import LARGEST_SIDE

WAYS = ("strength", "inpaint", "outpaint", "variations", "interpolate", "invert")
BELONGS = {
    "frames": ("interpolate",),
    "amount": ("variations",),
    "resamplings": ("inpaint", "outpaint"),
    "jump": ("inpaint", "outpaint"),
}  # a flag -> the edits that it belongs to
COUNTED = {
    "variations": "say how many by --variations N",
    "interpolate": "say how many by --frames N",
    "invert": "an image has one noise",
}  # the edits that -n does not count
SUFFIXES = (".png", ".npy")
MOVING = (".gif", ".webp")
FRAME_MILLISECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Edit:
    """The one edit that was asked for: its `way`, the `value` of its flag, the `files` it begins with, where it goes, how many, and its own flags."""

    way: str
    value: Any
    files: tuple[Path, ...]
    out: Path
    n: int
    own: Mapping[str, Any]


def asked(given: Mapping[str, Any], *, image: Path | None, out: Path | None, n: int, own: Mapping[str, Any]) -> Edit:
    """From the flags of `debruit edit`, None where they were not given. InputError for no edit or several, and for what does not go with it."""
    way = _one(given)
    if way == "interpolate" and image is not None:
        raise InputError("--interpolate takes its two images itself: leave --image out")
    if way != "interpolate" and image is None:
        raise InputError("name the image to edit: --image FILE")
    own = {name: value for name, value in own.items() if value is not None}
    for name in own:
        if way not in BELONGS[name]:
            belongs = " and ".join(f"--{other}" for other in BELONGS[name])
            raise InputError(f"--{name} belongs to {belongs}, and this is --{way}: leave it out")
    if n > 1 and way in COUNTED:
        raise InputError(f"-n {n} does not go with --{way}: {COUNTED[way]}")
    count = given["variations"] if way == "variations" else n
    files = tuple(given["interpolate"]) if image is None else (image,)
    out = out or Path(f"{files[0].stem}-{way}.png")
    check_out(
        out,
        (".png",) if way == "invert" else (*SUFFIXES, *MOVING) if way == "interpolate" else SUFFIXES,
        folder=way != "invert",
    )
    if way == "invert":
        check_file(out.with_suffix(".npy"))
    return Edit(way=way, value=given[way], files=files, out=out, n=count, own=own)


def _one(given: Mapping[str, Any]) -> str:
    chosen = [name for name in WAYS if given[name] is not None]
    ways = ", ".join(f"--{name}" for name in WAYS)
    if not chosen:
        raise InputError(f"say what to do with the image: give one of {ways}")
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(f'--{name}' for name in chosen)} were given together: give one of {ways}")
    return chosen[0]


def check_out(out: Path, suffixes: Sequence[str], *, folder: bool = True) -> None:
    """InputError for a file of a kind that cannot be written, or at a place where nothing can."""
    if out.suffix.lower() in suffixes:
        check_file(out)
        return
    if folder and not out.suffix:
        check_folder(out)
        return
    raise InputError(
        f"--out {out}: give {' or '.join(f'FILE{suffix}' for suffix in suffixes)}{', or a folder' if folder else ''}"
    )


def margins(text: str) -> tuple[int, int, int, int]:
    """ "32", or "LEFT,TOP,RIGHT,BOTTOM". InputError: neither."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (1, 4) or not all(part.isdecimal() for part in parts):
        raise InputError(
            f"--outpaint {text}: give the pixels on each side, for example 32, or LEFT,TOP,RIGHT,BOTTOM, for example 0,0,32,0"
        )
    if any(len(part) > 5 or int(part) > LARGEST_SIDE for part in parts):
        raise InputError(f"--outpaint {text}: give at most {LARGEST_SIDE:,} pixels on each side, for example 32")
    left, top, right, bottom = (int(part) for part in parts * (4 // len(parts)))
    return left, top, right, bottom


def options(model: Any, assignments: Sequence[str], flags: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an edit from flags that were given (not None) and from --set."""
    from debruit.overrides import override
    from debruit.sampling.config import SamplingConfig

    found = {name: value for name, value in flags.items() if value is not None}
    names = {f.name for f in fields(SamplingConfig)}
    settings = model.settings(**{name: value for name, value in found.items() if name in names})
    changed = {name for name in found if name in names}
    for assignment in assignments:
        settings = override(settings, assignment)
        changed.add(assignment.partition("=")[0].partition(".")[0].strip())
    return found | {name: getattr(settings, name) for name in changed}


def followed(work: Callable[[Callable[[float], object]], Any]) -> Any:
    """`work(watch)`, showing how far it is."""
    from debruit.workflows.progress import Shown

    with Shown("editing", 1) as shown:
        return work(shown)


def write(images: Any, model: Any, out: Path, *, columns: int | None = None) -> None:
    """A single image as it is, several as a grid, or in motion."""
    from debruit.images import pictures

    kind, spec = out.suffix.lower(), model.config.data
    if kind in MOVING:
        _animate(pictures.displayable(images, spec), out)
    elif len(images) == 1:
        pictures.save_single(images[0], spec, out)
    else:
        pictures.save_grid(images, spec, out, columns=columns)


def _animate(shown: Any, out: Path) -> None:
    from PIL import Image

    from debruit.files.atomic import write_atomically

    scale = max(1, round(128 / max(shown.shape[1:3])))
    frames = [Image.fromarray(frame.repeat(scale, 0).repeat(scale, 1)) for frame in shown]
    kept = {"save_all": True, "append_images": frames[1:], "duration": FRAME_MILLISECONDS, "loop": 0}
    kind = out.suffix[1:].upper()
    write_atomically(out, lambda path: frames[0].save(path, format=kind, lossless=True, **kept))
