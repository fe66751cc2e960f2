"""Which images are trained on, which are held out, and which the model never saw: computed here alone, for everybody.

    training    what is trained on, and searched for copies
    held_out    what a training validates on: as many as asked for, drawn by the seed; whole groups where there are groups (groups.py)
    unseen      what an evaluation takes for images that the model never saw: the test part of the user's own division (parts.py), else its
                validation part, else the held-out images

Where the user divided the data, only its training part is trained on; its validation part is held out, or a share of the training part where there is
none. Without groups and parts the held-out images are drawn one by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from debruit.annotations.parts import NEITHER, TEST, TRAINING, VALIDATION
from debruit.data.dataset import Dataset
from debruit.data.groups import Groups, groups_of
from debruit.rng import split_permutation
from debruit.text.wording import counted, shown, some


class Divided(Protocol):
    """What a run says of its division (training/config.py)."""

    @property
    def held_out_images(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def group(self) -> str: ...
    @property
    def own_parts(self) -> bool: ...


@dataclass(frozen=True)
class Split:
    """Indices of the data, each rising; `lines` say it with counts, where there is more to say than how many are held out."""

    training: np.ndarray
    held_out: np.ndarray
    unseen: np.ndarray
    lines: tuple[str, ...] = ()

    @property
    def sides(self) -> tuple[np.ndarray, np.ndarray]:
        """What is trained on, and what is held out while training."""
        return self.training, self.held_out


def split_of(dataset: Dataset, run: Divided) -> Split:
    """The split of a run on this data."""
    return divided(dataset, run.held_out_images, run.seed, group=run.group, own_parts=run.own_parts)


def split_of_model(dataset: Dataset, provenance: Mapping[str, Any]) -> Split:
    """The split of the training that a model's file tells of, on the data of that training."""
    of = provenance.get
    return divided(
        dataset,
        int(of("held_out_images", 0)),
        int(of("seed", 0)),
        group=str(of("group", "")),
        own_parts=bool(of("own_parts", False)),
    )


def divided(dataset: Dataset, held_out: int, seed: int, *, group: str = "", own_parts: bool = False) -> Split:
    """The split with about `held_out` images held out, drawn by the seed. InputError: groups that cannot be made."""
    if not group and (not own_parts or dataset.parts is None):
        training, held = split(len(dataset), held_out, seed)
        return Split(training, held, held, _of_joined_parts(dataset.parts))
    key = held_out, seed, group, own_parts
    if key not in dataset.splits:
        dataset.splits[key] = _divided(dataset, held_out, seed, group, dataset.parts if own_parts else None)
    return dataset.splits[key]


def _divided(dataset: Dataset, held_out: int, seed: int, group: str, parts: np.ndarray | None) -> Split:
    groups = groups_of(dataset, group) if group else None
    pool = np.arange(len(dataset)) if parts is None else np.flatnonzero(parts == TRAINING)
    validation, test = (np.flatnonzero(parts == part) if parts is not None else pool[:0] for part in (VALIDATION, TEST))
    if len(validation):
        training, held = pool, _some(validation, held_out, seed)
    elif groups is not None:
        training, held = _whole_groups(pool, groups.numbers[pool], min(held_out, len(pool) // 2), seed)
    else:
        training, held = (pool[chosen] for chosen in split(len(pool), min(held_out, len(pool) // 2), seed))
    unseen = test if len(test) else validation if len(validation) else held
    joined = _of_joined_parts(dataset.parts) if parts is None else ()
    lines = [*joined, *_of_parts(parts, training, held, unseen), *_of_groups(groups, training, held, unseen)]
    return Split(training, held, unseen, tuple(lines))


def split(count: int, held_out: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(training, held-out) indices of `count` images; the held-out ones are drawn one by one by the seed."""
    order = split_permutation(count, seed)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def judging(
    dataset: Dataset, indices: np.ndarray, held_out: int, seed: int, *, group: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """(training, held-out) images of these indices for a judge of an evaluation: about `held_out`, whole groups where there are groups, images by
    themselves where no group is small enough to be held out."""
    if group:
        numbers = groups_of(dataset, group).numbers[indices]
        training, held = _whole_groups(indices, numbers, min(held_out, len(indices) // 2), seed)
        if len(held):
            return training, held
    training, held = split(len(indices), held_out, seed)
    return indices[training], indices[held]


def _some(indices: np.ndarray, most: int, seed: int) -> np.ndarray:
    return indices[split(len(indices), min(most, len(indices)), seed)[1]]


def _whole_groups(pool: np.ndarray, numbers: np.ndarray, wanted: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(training, held-out) images of the pool, whose groups these are (N,), so that about `wanted` are held out and at most half of the pool: groups in an
    order drawn by the seed as long as they fit, then the one that brings the count nearest to what is wanted."""
    names, inverse, sizes = np.unique(numbers, return_inverse=True, return_counts=True)
    order = split_permutation(len(names), seed, 1)
    chosen, total = [], 0
    for n in order:
        if total + sizes[n] <= wanted:
            chosen.append(n)
            total += sizes[n]
    further = [n for n in order if n not in set(chosen) and total + sizes[n] <= len(pool) // 2]
    nearest = min(further, key=lambda n: abs(wanted - total - sizes[n]), default=None)
    if nearest is not None and abs(wanted - total - sizes[nearest]) < wanted - total:
        chosen.append(nearest)
    elif not chosen and wanted and further:
        chosen.append(min(further, key=lambda n: sizes[n]))
    held = np.isin(inverse, chosen)
    return pool[~held], pool[held]


def _of_joined_parts(parts: np.ndarray | None) -> tuple[str, ...]:
    if parts is None:
        return ()
    return (f"the data's own parts are taken together, as asked: all {counted(len(parts))} are divided anew",)


def _of_parts(parts: np.ndarray | None, training: np.ndarray, held: np.ndarray, unseen: np.ndarray) -> list[str]:
    if parts is None:
        return []
    counts = np.bincount(parts, minlength=4)
    validation = (
        f"{counts[VALIDATION]:,} for validation ({len(held):,} of them while training)"
        if counts[VALIDATION]
        else (f"none for validation, for which {len(held):,} of the training part are held out")
    )
    rest = f", {counts[NEITHER]:,} of no such part, which are left out" if counts[NEITHER] else ""
    test = f"{counts[TEST]:,} for the test" if counts[TEST] else "none for the test"
    evaluated = f"`evaluate` takes {counted(len(unseen))} that are not trained on"
    return [f"the data's own parts: {counts[TRAINING]:,} to train on, {validation}, {test}{rest}; {evaluated}"]


def _of_groups(groups: Groups | None, training: np.ndarray, held: np.ndarray, unseen: np.ndarray) -> list[str]:
    if groups is None:
        return []
    of_training, of_held = (set(groups.numbers[side].tolist()) for side in (training, held))
    lines = [
        f"groups {groups.how}: {len(of_training):,} of {groups.count:,} with {counted(len(training))} are trained on, "
        f"{len(of_held):,} with {counted(len(held))} are held out"
    ]
    if groups.alone:
        lines.append(
            f"{counted(len(groups.alone))} without a group, each a group by itself: {some(map(shown, groups.alone), 3)}"
        )
    if both := sorted(of_training & (of_held | set(groups.numbers[unseen].tolist()))):
        named = some((groups.names[n] for n in both if n < len(groups.names)), 3)
        lines.append(
            f"{counted(len(both), 'group')} on both sides of the data's own parts, which are kept as they are: {named}"
        )
    if not len(held):
        lines.append("nothing is held out: every group has more than half of the images, or none was asked for")
    return lines
