"""How a new run divides its data: by the groups that were asked for, and by the user's own parts where the data has them. For clips a clip is a group."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from debruit.data.dataset import Dataset
from debruit.data.groups import CLIP
from debruit.data.split import divided, split_of

NONE = "none"
FAR = 2  # clips are held out whole where that changes the number of held-out images by less than this factor


def usual_group(dataset: Dataset, asked: str | None, reads: Collection[str], held_out: int, seed: int) -> str:
    """What --group means for a run of these settings: without it, whole clips where a run is given the first frame of its clip and they are small
    enough; "none" is no group."""
    if asked is not None:
        return "" if asked.strip().lower() == NONE else asked
    if "first" not in reads or not held_out:
        return ""
    held = len(divided(dataset, held_out, seed, group=CLIP, own_parts=dataset.parts is not None).held_out)
    return CLIP if held_out / FAR <= held <= held_out * FAR else ""


def with_division(run: Any, dataset: Dataset, asked: str | None) -> Any:
    """The run with its division, which is recorded in run.json. InputError: groups that cannot be made."""
    reads = {c.reads for c in getattr(run.model, "conditioners", ())}
    group = run.group or usual_group(dataset, asked, reads, run.held_out_images, run.seed)
    run = replace(run, group=group, own_parts=dataset.parts is not None)
    split_of(dataset, run)
    return run
