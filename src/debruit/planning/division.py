"""Which groups of images a new run holds out together: those that were requested; otherwise whole folders of frames, if
the model is given the first frame."""

from collections.abc import Collection

from debruit.data.dataset import Dataset
from debruit.data.groups import SEQUENCE
from debruit.data.split import SplitConfig, make_split

NONE = "none"
FAR = 2  # folders of frames are held out whole if that changes the number of held-out images by less than this factor


def usual_group(dataset: Dataset, requested: str | None, reads: Collection[str], held_out: int, seed: int) -> str:
    """Return what --group means for a run whose conditions read these items; "" is no group. Without it, folders of
    frames are groups where a condition reads the first frame and they are small enough."""
    if requested is not None:
        return "" if requested.strip().lower() == NONE else requested
    if "first" not in reads or not held_out:
        return ""
    config = SplitConfig(validation_images=held_out, seed=seed, group=SEQUENCE, own_parts=dataset.parts is not None)
    held = len(make_split(dataset, config).validation)
    return SEQUENCE if held_out / FAR <= held <= held_out * FAR else ""
