"""How the segmenting network is trained (judges/features/fitting.py): cross entropy over pixels, image and mask mirrored together."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from debruit.data.dataset import Dataset
from debruit.data.order import Order
from debruit.data.transforms import flip, flips
from debruit.judges.features.classifier_network import Preparation, input_shape
from debruit.judges.features.classifier_training import pixels_of
from debruit.judges.features.fitting import Fitted, optimise
from debruit.judges.features.stored import Say
from debruit.judges.segmentation.network import SIDE, Segmenter
from debruit.networks.layers import channels_last

BATCH = 32
IMAGES, PASSES = 8_000, 60  # seen in training: the fewer of the two
MOST = 20_000  # different images, held in memory


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
        return optimise(
            network, lambda x, masks: F.cross_entropy(network(x), masks.long()), _batches(pixels, masks, steps, seed), steps, mean=mean,
            deviation=deviation, what="the segmentation", say=say,
        )  # fmt: skip
    finally:
        torch.set_rng_state(before)


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
