"""The split of a new run: how many images it holds out, and which of them together.

The groups that are held out together are the requested ones, or else whole folders of frames if the model is
conditioned on the first frame.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from debruit.data.dataset import Dataset
from debruit.data.groups import SEQUENCE
from debruit.data.split import Split, SplitConfig, make_split
from debruit.images.spec import DataSpec
from debruit.overrides import override
from debruit.training.config import held_out_count

NONE = "none"
FAR = 2  # folders of frames are held out whole if the number of held-out images changes by less than this factor


def planned_split(
    dataset: Dataset,
    *,
    seed: int = 0,
    assignments: Sequence[str] = (),
    group: str | None = None,
    reads: Collection[str] = (),
) -> Split:
    """The split of a training with this seed, group and --set, whose conditions read these fields of the data."""
    count = held_out(len(dataset))
    group = usual_group(dataset, group, reads, count, seed)
    held = SplitConfig(seed=seed, validation_images=count, group=group, own_parts=dataset.parts is not None)
    for assignment in assignments:
        if assignment.partition("=")[0].strip() in vars(held):
            held = override(held, assignment)
    count = held_out_count(held.validation_images, len(dataset))
    return make_split(dataset, replace(held, validation_images=count))


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


def held_out(count: int) -> int:
    """Number of images held out for validation: 5 %, at most 512, and none of fewer than 20."""
    return min(count // 20, 512)


def sizes(spec: DataSpec, held_out: int, split: Split | None) -> tuple[int, int]:
    """Numbers of training images, at least 1, and of held-out images."""
    if split is None:
        return max(spec.count - held_out, 1), held_out
    return max(len(split.train), 1), len(split.validation)
