"""How the classifier is trained (fitting.py): smoothed labels, shifts, and flips where the data allows them."""

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.data.dataset import Dataset
from debruit.data.order import Order
from debruit.data.transforms import flip
from debruit.data.transforms import flips as mirrored
from debruit.judges.features.classifier_network import DIMENSIONS, Body, Preparation, input_shape
from debruit.judges.features.fitting import Fitted, optimise
from debruit.judges.features.stored import Say
from debruit.networks.layers import channels_last
from debruit.sampling.noise import generator

BATCH, SMOOTHING, DROPOUT = 128, 0.05, 0.3
IMAGES, PASSES = 100_000, 30  # seen in training: the fewer of the two
MOST = 60_000  # different images, held in memory
SHIFTS = 7  # key of the random stream


def fit(dataset: Dataset, labels: np.ndarray, indices: np.ndarray, *, seed: int, images: int, say: Say) -> Fitted:
    """Trains on the images `indices` of the data. Deterministic in the seed, for one machine and number of threads; torch's global generator
    is left as it was."""
    order = Order(indices, seed)
    chosen = np.sort(order.take(0, min(len(indices), MOST))[0])
    pixels, mean, deviation = pixels_of(dataset, chosen, Preparation(*input_shape(dataset.spec)))
    steps = max(min(images, PASSES * len(chosen)) // BATCH, 1)
    before = torch.get_rng_state()
    torch.manual_seed(seed)  # for the initialisation and the dropout
    try:
        network = nn.ModuleDict(
            {"body": Body(*input_shape(dataset.spec)), "head": nn.Linear(DIMENSIONS, len(dataset.spec.class_names))}
        )
        channels_last(network)
        batches = _batches(pixels, torch.from_numpy(labels[chosen]), steps, seed, flips=not dataset.spec.lettered)
        return optimise(
            network, partial(_loss, network), batches, steps, mean=mean, deviation=deviation, what="the classifier", say=say
        )  # fmt: skip
    finally:
        torch.set_rng_state(before)


def _loss(network: nn.ModuleDict, x: Tensor, labels: Tensor) -> Tensor:
    seen = F.dropout(network["body"](x), DROPOUT)
    return F.cross_entropy(network["head"](seen), labels, label_smoothing=SMOOTHING)


def pixels_of(dataset: Dataset, indices: np.ndarray, prepare: Preparation) -> tuple[Tensor, float, float]:
    """The images as a network sees them, on 0..255, in half precision to save memory; their mean and deviation."""
    parts = [prepare(dataset.images_of(part), dataset.spec).half() for part in _chunks(indices)]
    pixels = torch.cat(parts)
    sums = [(float(part.double().sum()), float(part.double().square().sum())) for part in parts]
    mean = sum(s for s, _ in sums) / pixels.numel()
    variance = sum(q for _, q in sums) / pixels.numel() - mean**2
    return pixels, mean, max(variance, 1.0) ** 0.5


def _chunks(indices: np.ndarray) -> list[np.ndarray]:
    return [indices[start : start + 256] for start in range(0, len(indices), 256)]


def _batches(pixels: Tensor, labels: Tensor, steps: int, seed: int, *, flips: bool):
    """`steps` batches (images on 0..255, labels), each shifted as a whole by up to a sixteenth."""
    order, g = Order(np.arange(len(pixels)), seed), generator(seed, SHIFTS)
    high, wide = (side // 16 for side in pixels.shape[2:])
    for step in range(steps):
        indices, epochs = order.take(step * BATCH, BATCH)
        images = pixels[torch.from_numpy(indices)].float()
        images = flip(images, mirrored(seed, epochs, indices) if flips else None)
        top, left = (int(torch.randint(2 * most + 1, (), generator=g)) for most in (high, wide))
        padded = F.pad(images, (wide, wide, high, high), mode="replicate")
        yield padded[:, :, top : top + images.shape[2], left : left + images.shape[3]], labels[indices]
