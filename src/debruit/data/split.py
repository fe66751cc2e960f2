"""The split of a data set: which images are trained on, validated on and tested on.

A training makes its split once and passes it to whatever needs it. An evaluation or an explanation, which comes later,
makes it again from what the model file records (`split_of_model`).

    train         images that are trained on, and searched for copies
    validation    images that a training validates on: about as many as requested, chosen by the seed; whole groups if
                  there are groups (groups.py)
    test          images that an evaluation treats as unseen: the test part of a custom split (custom_split.py), else
                  its validation part, else the validation images

With a custom split only its training part is trained on; its validation part is used for validation, or a share of the
training part if it has none. Without groups and a custom split the validation images are chosen one by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from debruit.annotations.custom_split import NEITHER, TEST, TRAINING, VALIDATION
from debruit.data.dataset import Dataset
from debruit.data.groups import Groups, groups_of
from debruit.rng import split_permutation
from debruit.text.wording import counted, shown, some


class SplitRun(Protocol):
    """The settings of a training that determine its split (training/config.py)."""

    @property
    def held_out_images(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def group(self) -> str: ...
    @property
    def own_parts(self) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """All that a split depends on besides the data: about how many images are held out, the seed that chooses them, how
    images are grouped (groups.py; "": not at all), and whether a custom split of the data is used."""

    validation_images: int = 0
    seed: int = 0
    group: str = ""
    own_parts: bool = False

    @classmethod
    def of_run(cls, run: SplitRun) -> "SplitConfig":
        """Return the configuration of a training's split."""
        return cls(validation_images=run.held_out_images, seed=run.seed, group=run.group, own_parts=run.own_parts)

    @classmethod
    def of_provenance(cls, provenance: Mapping[str, Any]) -> "SplitConfig":
        """Return the configuration that a model file records."""
        return cls(
            validation_images=int(provenance["held_out_images"]),
            seed=int(provenance["seed"]),
            # openmoji-64, which comes with debruit, has neither of these in its record
            group=str(provenance.get("group", "")),
            own_parts=bool(provenance.get("own_parts", False)),
        )


@dataclass(frozen=True)
class Split:
    """Indices of the data, each array in rising order. `lines` describe the split if there is more to say than how
    many images are held out. `group` and `own_parts` are how it was made, by their names in a run."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    lines: tuple[str, ...] = ()
    group: str = ""
    own_parts: bool = False


def make_split(dataset: Dataset, config: SplitConfig) -> Split:
    """Return the split of a data set; made once and remembered by the data set. InputError: groups that cannot be
    made."""
    if config not in dataset.splits:
        made = _made(dataset, config)
        dataset.splits[config] = replace(made, group=config.group, own_parts=config.own_parts)
    return dataset.splits[config]


def split_of(dataset: Dataset, run: SplitRun) -> Split:
    """Return the split of a training on this data."""
    return make_split(dataset, SplitConfig.of_run(run))


def split_of_model(dataset: Dataset, provenance: Mapping[str, Any]) -> Split:
    """Return the split of the training that a model file records, on the data of that training."""
    return make_split(dataset, SplitConfig.of_provenance(provenance))


def _made(dataset: Dataset, config: SplitConfig) -> Split:
    count, seed = config.validation_images, config.seed
    parts = dataset.parts if config.own_parts else None
    joined = _of_joined_parts(dataset.parts) if parts is None else ()
    if not config.group and parts is None:
        train, held = split(len(dataset), count, seed)
        return Split(train, held, held, joined)
    groups = groups_of(dataset, config.group) if config.group else None
    pool = np.arange(len(dataset)) if parts is None else np.flatnonzero(parts == TRAINING)
    validation, test = (np.flatnonzero(parts == part) if parts is not None else pool[:0] for part in (VALIDATION, TEST))
    if len(validation):
        train, held = pool, _some(validation, count, seed)
    elif groups is not None:
        train, held = _whole_groups(pool, groups.numbers[pool], min(count, len(pool) // 2), seed)
    else:
        train, held = (pool[chosen] for chosen in split(len(pool), min(count, len(pool) // 2), seed))
    unseen = test if len(test) else validation if len(validation) else held
    lines = [*joined, *_of_parts(parts, train, held, unseen), *_of_groups(groups, train, held, unseen)]
    return Split(train, held, unseen, tuple(lines))


def split(count: int, held_out: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(training, held-out) indices of `count` images; the held-out ones are chosen one by one by the seed."""
    order = split_permutation(count, seed)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def judging(
    dataset: Dataset, indices: np.ndarray, held_out: int, seed: int, *, group: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """(training, held-out) images of these indices for a judge of an evaluation: about `held_out`, whole groups
    where there are groups, images by themselves where no group is small enough to be held out."""
    if group:
        numbers = groups_of(dataset, group).numbers[indices]
        training, held = _whole_groups(indices, numbers, min(held_out, len(indices) // 2), seed)
        if len(held):
            return training, held
    training, held = split(len(indices), held_out, seed)
    return indices[training], indices[held]


def _some(indices: np.ndarray, most: int, seed: int) -> np.ndarray:
    return indices[split(len(indices), min(most, len(indices)), seed)[1]]


def _whole_groups(pool: np.ndarray, numbers: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (training, held-out) images of a pool with group numbers (N,): about `count` are held out, and at most
    half of the pool. Groups are taken in an order chosen by the seed as long as they fit, then the one that brings the
    total nearest to `count`."""
    names, inverse, sizes = np.unique(numbers, return_inverse=True, return_counts=True)
    order = split_permutation(len(names), seed, 1)
    chosen, total = [], 0
    for n in order:
        if total + sizes[n] <= count:
            chosen.append(n)
            total += sizes[n]
    further = [n for n in order if n not in set(chosen) and total + sizes[n] <= len(pool) // 2]
    nearest = min(further, key=lambda n: abs(count - total - sizes[n]), default=None)
    if nearest is not None and abs(count - total - sizes[nearest]) < count - total:
        chosen.append(nearest)
    elif not chosen and count and further:
        chosen.append(min(further, key=lambda n: sizes[n]))
    held = np.isin(inverse, chosen)
    return pool[~held], pool[held]


def _of_joined_parts(parts: np.ndarray | None) -> tuple[str, ...]:
    if parts is None:
        return ()
    return (f"the data's own parts are taken together, as requested: all {counted(len(parts))} are divided anew",)


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
        lines.append("nothing is held out: every group has more than half of the images, or none was requested")
    return lines
