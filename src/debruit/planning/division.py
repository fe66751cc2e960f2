"""How a new run divides its data: by the groups that were asked for, and by the user's own parts where the data has them. A folder of frames is a group."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from debruit.data.dataset import Dataset
from debruit.data.groups import SEQUENCE
from debruit.data.split import SplitConfig, make_split, split_of

NONE = "none"
FAR = (
    2  # folders of frames are held out whole where that changes the number of held-out images by less than this factor
)


def usual_group(dataset: Dataset, asked: str | None, reads: Collection[str], held_out: int, seed: int) -> str:
    """What --group means for a run of these settings: without it, whole folders of frames where a run is given the first frame and they are small
    enough; "none" is no group."""
    if asked is not None:
        return "" if asked.strip().lower() == NONE else asked
    if "first" not in reads or not held_out:
        return ""
    config = SplitConfig(validation_images=held_out, seed=seed, group=SEQUENCE, own_parts=dataset.parts is not None)
    held = len(make_split(dataset, config).validation)
    return SEQUENCE if held_out / FAR <= held <= held_out * FAR else ""


def with_division(run: Any, dataset: Dataset, asked: str | None) -> Any:
    """The run with its division, which is recorded in run.json. InputError: groups that cannot be made."""
    reads = {c.reads for c in getattr(run.model, "conditioners", ())}
    group = run.group or usual_group(dataset, asked, reads, run.held_out_images, run.seed)
    run = replace(run, group=group, own_parts=dataset.parts is not None)
    split_of(dataset, run)
    return run
