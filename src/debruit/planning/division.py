"""The groups of images that a new run holds out together: the requested ones, or else whole folders of frames if the
model is conditioned on the first frame."""

from collections.abc import Collection

from debruit.data.dataset import Dataset
from debruit.data.groups import SEQUENCE
from debruit.data.split import SplitConfig, make_split

NONE = "none"
FAR = 2  # folders of frames are held out whole if the number of held-out images changes by less than this factor


def usual_group(dataset: Dataset, requested: str | None, reads: Collection[str], held_out: int, seed: int) -> str:
    """Return the group of a run whose conditions read these fields of the data, or "". Without a request (--group),
    folders of frames are groups if a condition reads the first frame and they are small enough."""
    if requested is not None:
        return "" if requested.strip().lower() == NONE else requested
    if "first" not in reads or not held_out:
        return ""
    config = SplitConfig(validation_images=held_out, seed=seed, group=SEQUENCE, own_parts=dataset.parts is not None)
    held = len(make_split(dataset, config).validation)
    return SEQUENCE if held_out / FAR <= held <= held_out * FAR else ""
