"""Training of small networks on labels or masks: AdamW with a one-cycle rate, normalised images, a part held out.

A training takes a minute or two on a CPU. It is deterministic in the seed, for one machine and number of threads.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from debruit import events
from debruit.data.dataset import Dataset
from debruit.data.order import Order
from debruit.data.split import judging
from debruit.data.subset import random_subset
from debruit.data.transforms import flips
from debruit.files.keys import make_key, root
from debruit.files.store import Store
from debruit.images.spec import DataSpec
from debruit.judges.supervised.scaling import Scaling, input_shape
from debruit.networks.layers import channels_last
from debruit.rng import Purpose, torch_generator

RATE, DECAY = 4e-3, 0.02
HELD_OUT = 0.1  # share of the images that measures the network
PROGRESS_SECONDS = 10
ROWS = 256  # images read at a time
VERSION = 2  # of the training; part of the cache's key

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Fitted:
    """A trained network: its weights, and the mean and standard deviation of the data on 0..255."""

    weights: Mapping[str, Tensor]
    mean: float
    deviation: float


class Length(Protocol):
    """The length of a training.

    kind: name in the cache and in reports
    batch: images per step; `images` and `passes`: length of the training, the shorter of the two
    most, most_held_out: different images for training and for the measurement
    """

    kind: ClassVar[str]
    batch: ClassVar[int]
    passes: ClassVar[int]
    most: ClassVar[int]
    most_held_out: ClassVar[int]

    @property
    def images(self) -> int: ...


class JudgeTask(Length, Protocol):
    """The parts of a training on pixels that differ between classifier and segmenter. `side`: longer side of the
    network's input, in pixels."""

    side: ClassVar[int]

    def build(self, shape: tuple[int, int, int], spec: DataSpec) -> nn.Module: ...

    def targets(self, dataset: Dataset, indices: np.ndarray, size: tuple[int, int]) -> Tensor:
        """Targets of the prediction, one row per image; `size` is that of its input."""
        ...

    def loss(self, network: nn.Module, x: Tensor, targets: Tensor) -> Tensor: ...

    def augmentation(self, spec: DataSpec, size: tuple[int, int], seed: int) -> Callable[[Batch, np.ndarray], Batch]:
        """A function of a batch and of a mask (B,) of images to mirror."""
        ...


@dataclass(frozen=True)
class Trained:
    """A network with its measurement on `held_out` images that it was not trained on."""

    fitted: Fitted
    measured: float
    held_out: int


def train(
    task: JudgeTask,
    dataset: Dataset,
    indices: np.ndarray,
    measure: Callable[[Fitted, np.ndarray], float],
    *,
    seed: int = 0,
    group: str = "",
) -> Trained:
    """Train on nine tenths of these images and measure on the others, or read the result from the cache.

    `group` says which images belong together (data/groups.py): no group is in both parts.
    """
    return trained(
        task, dataset, indices, lambda part: fit(task, dataset, part, seed=seed), measure, seed=seed, group=group
    )


def trained(
    length: Length,
    dataset: Dataset,
    indices: np.ndarray,
    fitted: Callable[[np.ndarray], Fitted],
    measure: Callable[[Fitted, np.ndarray], float],
    *,
    seed: int = 0,
    group: str = "",
    networks: tuple[str, ...] = (),
) -> Trained:
    """As `train`, where `fitted` trains on nine tenths; `networks` are fingerprints of those that it builds on."""
    count = min(max(round(HELD_OUT * len(indices)), 1), length.most_held_out)
    training, held_out = judging(dataset, indices, count, seed, group=group)

    def make() -> dict[str, Any]:
        made = fitted(training)
        return vars(made) | {"measured": measure(made, held_out)}

    if dataset.spec.fingerprint:
        groups = [held_out.tolist()] if group else []
        data = [dataset.spec.fingerprint, indices.tolist()]
        key = make_key(length.kind, VERSION, *data, seed, length.images, *groups, *networks)
        saved = Store(root() / "judges").get_or_make(f"{length.kind}-{key}", make)
    else:
        saved = make()
    weights = {
        name: torch.from_numpy(np.array(w)) if isinstance(w, np.ndarray) else w for name, w in saved["weights"].items()
    }
    return Trained(Fitted(weights, saved["mean"], saved["deviation"]), saved["measured"], len(held_out))


def fit(task: JudgeTask, dataset: Dataset, indices: np.ndarray, *, seed: int) -> Fitted:
    """Train on these images. torch's global generator is left unchanged."""
    chosen = random_subset(indices, Purpose.JUDGE_DATA, seed, task.most)
    shape = input_shape(dataset.spec, task.side)
    pixels, mean, deviation = scaled_pixels(dataset, chosen, Scaling(*shape))
    targets = task.targets(dataset, chosen, shape[1:])
    steps = max(min(task.images, task.passes * len(chosen)) // task.batch, 1)
    augment = task.augmentation(dataset.spec, shape[1:], seed)
    with torch_generator(Purpose.JUDGE_WEIGHTS, seed):  # for the initialisation and the dropout
        network = task.build(shape, dataset.spec)
        channels_last(network)
        batches = _batches(pixels, targets, augment, task.batch, steps, seed)
        normalised = ((((x - mean) / deviation).contiguous(memory_format=torch.channels_last), y) for x, y in batches)
        optimise(network, lambda x, y: task.loss(network, x, y), normalised, steps, kind=task.kind)
        weights = {name: weight.detach().contiguous() for name, weight in network.state_dict().items()}
        return Fitted(weights, mean, deviation)


def scaled_pixels(dataset: Dataset, indices: np.ndarray, scale: Scaling) -> tuple[Tensor, float, float]:
    """The images as the network's input on 0..255, in half precision to save memory, with their mean and deviation."""
    chunks = [indices[start : start + ROWS] for start in range(0, len(indices), ROWS)]
    parts = [scale(dataset.images_of(chunk), dataset.spec).half() for chunk in chunks]
    pixels = torch.cat(parts)
    sums = [(float(part.double().sum()), float(part.double().square().sum())) for part in parts]
    mean = sum(s for s, _ in sums) / pixels.numel()
    variance = sum(q for _, q in sums) / pixels.numel() - mean**2
    return pixels, mean, max(variance, 1.0) ** 0.5


def _batches(
    pixels: Tensor, targets: Tensor, augment: Callable[[Batch, np.ndarray], Batch], batch: int, steps: int, seed: int
) -> Iterator[Batch]:
    """`steps` augmented batches of images on 0..255 and their targets."""
    order = Order(np.arange(len(pixels)), seed, purpose=Purpose.JUDGE_ORDER)
    for step in range(steps):
        chosen = torch.from_numpy(order.take(step * batch, batch)[0])
        mirrored = flips(seed, step * batch, batch, purpose=Purpose.JUDGE_FLIP)
        yield augment((pixels[chosen].float(), targets[chosen]), mirrored)


def optimise(
    network: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    batches: Iterable[Batch],
    steps: int,
    *,
    kind: str,
) -> None:
    """One optimiser step per batch. Reports progress every ten seconds."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=max(steps, 4))
    began = reported = time.monotonic()
    network.train()
    for step, (x, targets) in enumerate(batches, 1):
        value = loss(x, targets)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
        now = time.monotonic()
        if now - reported > PROGRESS_SECONDS:
            reported, left = now, (now - began) * (steps - step) / step
            images = f"{step * len(x):,} of {steps * len(x):,} images"
            events.say(f"training the {kind}: {images}, {left:.0f} s left", stage=kind)
            events.check_cancelled()
