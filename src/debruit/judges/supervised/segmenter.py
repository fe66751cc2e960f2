"""A small segmentation network trained on the user's masks.

Images of more than 64 pixels are reduced to that. A tenth of the images is held out of its training and measures its
IoU.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from debruit import events
from debruit.data.dataset import Dataset
from debruit.data.transforms import flip
from debruit.images.spec import DataSpec
from debruit.judges.features.network import digest
from debruit.judges.supervised import fitting
from debruit.judges.supervised.fitting import Batch, Fitted
from debruit.judges.supervised.scaling import Scaling, input_shape
from debruit.judges.supervised.segmenter_network import SegmenterNetwork
from debruit.metrics.masks import mean_iou
from debruit.networks.layers import channels_last
from debruit.networks.shapes import shapes_alone

SIDE = 64
ROWS = 64  # images in the network at a time


@dataclass(frozen=True)
class SegmenterTask:
    """Cross entropy over pixels; image and mask are mirrored together."""

    kind: ClassVar[str] = "segmenter"
    side: ClassVar[int] = SIDE
    batch: ClassVar[int] = 32
    passes: ClassVar[int] = 60
    most: ClassVar[int] = 20_000
    most_held_out: ClassVar[int] = 1_000
    images: int = 8_000

    def build(self, shape: tuple[int, int, int], spec: DataSpec) -> nn.Module:
        return SegmenterNetwork(shape[0], len(spec.mask_names))

    def targets(self, dataset: Dataset, indices: np.ndarray, size: tuple[int, int]) -> Tensor:
        assert dataset.masks is not None
        return resized(torch.from_numpy(np.asarray(dataset.masks[indices])), size)

    def loss(self, network: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(network(x), targets.long())

    def augmentation(self, spec: DataSpec, size: tuple[int, int], seed: int) -> Callable[[Batch, np.ndarray], Batch]:
        return lambda batch, mirrored: (flip(batch[0], mirrored), flip(batch[1], mirrored))


class Segmenter:
    """Images at rest (N, C, H, W) -> class indices (N, H, W) uint8. `accuracy` is the mean IoU on `held_out` images
    that it was not trained on."""

    def __init__(self, spec: DataSpec, fitted: Fitted, *, accuracy: float, held_out: int) -> None:
        shape = input_shape(spec, SIDE)
        self.label, self.names = f"Segmenter({spec.name})", spec.mask_names
        self.scale = Scaling(*shape, fitted.mean, fitted.deviation)
        self.fingerprint = digest(fitted.weights, self.scale, fitting.VERSION)
        self.accuracy, self.held_out = accuracy, held_out
        with shapes_alone():  # no numbers from torch's global generator, which a training may be using
            self.network = SegmenterNetwork(shape[0], len(spec.mask_names))
        self.network.load_state_dict(dict(fitted.weights), assign=True)
        channels_last(self.network)
        self.network.eval()

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray:
        masks = np.empty((len(images), *images.shape[2:]), np.uint8)
        with torch.inference_mode():
            for start in range(0, len(images), ROWS):
                x = self.scale(images[start : start + ROWS], spec).contiguous(memory_format=torch.channels_last)
                logits = self.network(x)
                if logits.shape[2:] != images.shape[2:]:
                    logits = F.interpolate(logits, images.shape[2:], mode="bilinear")
                masks[start : start + len(x)] = logits.argmax(dim=1).byte().numpy()
        return masks


def segmenter(
    dataset: Dataset, indices: np.ndarray, *, seed: int = 0, task: SegmenterTask | None = None, group: str = ""
) -> Segmenter:
    """The segmenter of these images by their masks, trained, or read from the cache; `group` as for the classifier."""

    def accuracy(fitted: Fitted, held_out: np.ndarray) -> float:
        return measure_iou(Segmenter(dataset.spec, fitted, accuracy=0.0, held_out=len(held_out)), dataset, held_out)

    trained = fitting.train(task or SegmenterTask(), dataset, indices, accuracy, seed=seed, group=group)
    made = Segmenter(dataset.spec, trained.fitted, accuracy=trained.measured, held_out=trained.held_out)
    events.say(f"{made.label} reaches a mean IoU of {made.accuracy:.3f} on {made.held_out:,} held-out images")
    return made


def resized(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """Masks (N, H, W) at another size, by the nearest pixel."""
    return masks if masks.shape[1:] == size else F.interpolate(masks[:, None], tuple(size), mode="nearest-exact")[:, 0]


def measure_iou(network: Segmenter, dataset: Dataset, indices: np.ndarray) -> float:
    """The mean IoU of predicted and true masks of these images."""
    assert dataset.masks is not None
    predicted = network(dataset.images_of(indices), dataset.spec)
    return mean_iou(predicted, np.asarray(dataset.masks[indices]), names=network.names, network="")[0].value
