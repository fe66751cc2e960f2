"""How the segmenting network is trained: AdamW, a one-cycle rate, cross entropy over pixels, image and mask mirrored together."""

import time
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit.data.dataset import Dataset
from debruit.data.transforms import flip, flips
from debruit.evaluation.features.classifier_network import Preparation, input_shape
from debruit.evaluation.features.classifier_training import Fitted, pixels_of
from debruit.evaluation.features.stored import Say
from debruit.evaluation.segmentation.network import SIDE, Segmenter
from debruit.networks.layers import channels_last
from debruit.training.stream import Order

BATCH, RATE, DECAY = 32, 4e-3, 0.02
IMAGES, PASSES = 8_000, 60  # seen in training: the fewer of the two
MOST = 20_000  # different images, held in memory
PROGRESS_SECONDS = 10


def fit(dataset: Dataset, indices: np.ndarray, *, seed: int, images: int, say: Say) -> Fitted:
    """Trains on the images `indices` of the data and their masks. Deterministic in the seed, for one machine and number of threads; torch's global
    generator is left as it was."""
    chosen = np.sort(Order(indices, seed).take(0, min(len(indices), MOST))[0])
    prepare = Preparation(*input_shape(dataset.spec, SIDE))
    pixels, mean, deviation = pixels_of(dataset, chosen, prepare)
    masks = shrunk(torch.from_numpy(np.asarray(dataset.masks[chosen])), pixels.shape[-2:])  # ty: ignore
    steps = max(min(images, PASSES * len(chosen)) // BATCH, 1)
    before = torch.get_rng_state()
    torch.manual_seed(seed)
    try:
        network = Segmenter(prepare.channels, len(dataset.spec.mask_names))
        channels_last(network)
        _optimise(network, _batches(pixels, masks, steps, seed), steps, mean=mean, deviation=deviation, say=say)
    finally:
        torch.set_rng_state(before)
    weights = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    return Fitted(weights, mean, deviation)


def shrunk(masks: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Masks (N, H, W) at another size, by nearest."""
    return masks if masks.shape[1:] == size else F.interpolate(masks[:, None], tuple(size), mode="nearest-exact")[:, 0]


def _batches(pixels: Tensor, masks: Tensor, steps: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """`steps` batches (images on 0..255, masks)."""
    order = Order(np.arange(len(pixels)), seed)
    for step in range(steps):
        indices, epochs = order.take(step * BATCH, BATCH)
        places, mirrored = torch.from_numpy(indices), flips(seed, epochs, indices)
        yield flip(pixels[places].float(), mirrored), flip(masks[places], mirrored)


def _optimise(network: nn.Module, batches, steps: int, *, mean: float, deviation: float, say: Say) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=max(steps, 4))
    began = said = time.monotonic()
    network.train()
    for step, (images, masks) in enumerate(batches, 1):
        x = ((images - mean) / deviation).contiguous(memory_format=torch.channels_last)
        loss = F.cross_entropy(network(x), masks.long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        now = time.monotonic()
        if now - said > PROGRESS_SECONDS:
            said = now
            left = (now - began) * (steps - step) / step
            say(f"training the segmentation: {step * BATCH:,} of {steps * BATCH:,} images, {left:.0f} s left")
