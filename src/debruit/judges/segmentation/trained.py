"""A small network trained on the user's own masks: it knows the classes that samples were asked for, which no foreign network does.

Images of more than 64 pixels are shrunk to that, so that training takes a minute or two on a CPU. A tenth of the pairs is held out of its training, to say
how far it can be trusted.
"""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from debruit.data.dataset import Dataset
from debruit.data.split import judging
from debruit.files.keys import make_key, root
from debruit.images.spec import DataSpec
from debruit.judges.features.classifier_network import Preparation, input_shape
from debruit.judges.features.fitting import Fitted
from debruit.judges.features.network import digest
from debruit.judges.features.stored import Arrays, Say, kept
from debruit.judges.segmentation.network import SIDE, Segmenter
from debruit.judges.segmentation.training import IMAGES, fit
from debruit.metrics.masks import mean_iou
from debruit.networks.layers import channels_last

HELD_OUT, MOST_HELD_OUT = 0.1, 1_000
ROWS = 64  # images in the network at a time
VERSION = 1  # of the training; part of the cache's key


class TrainedSegmentation:
    """Images at rest (N, C, H, W) -> class numbers (N, H, W) uint8. `accuracy` is the mean IoU on `held_out` images that it was not trained on."""

    def __init__(self, spec: DataSpec, fitted: Fitted, *, accuracy: float, held_out: int) -> None:
        shape = input_shape(spec, SIDE)
        self.label, self.names = f"Segmenter({spec.name})", spec.mask_names
        self.prepare = Preparation(*shape, fitted.mean, fitted.deviation)
        self.fingerprint = digest(fitted.weights, self.prepare, VERSION)
        self.accuracy, self.held_out = accuracy, held_out
        with torch.device("meta"):  # nothing is drawn from torch's global generator, which a training may be using
            self.network = Segmenter(shape[0], len(spec.mask_names))
        self.network.load_state_dict(dict(fitted.weights), assign=True)
        channels_last(self.network)
        self.network.eval()

    def __call__(self, images: Tensor, spec: DataSpec) -> np.ndarray:
        found = np.empty((len(images), *images.shape[2:]), np.uint8)
        with torch.inference_mode():
            for start in range(0, len(images), ROWS):
                x = self.prepare(images[start : start + ROWS], spec).contiguous(memory_format=torch.channels_last)
                logits = self.network(x)
                if logits.shape[2:] != images.shape[2:]:
                    logits = F.interpolate(logits, images.shape[2:], mode="bilinear")
                found[start : start + len(x)] = logits.argmax(dim=1).byte().numpy()
        return found


def trained(
    dataset: Dataset, indices: np.ndarray, *, seed: int = 0, images: int = IMAGES, say: Say = print, group: str = ""
) -> TrainedSegmentation:
    """The segmentation of this data by these of its images, trained on `images` at most, or from the cache where that was done before. `group`: which
    images belong together (data/groups.py), so that no group is on both sides."""
    held = min(max(round(HELD_OUT * len(indices)), 1), MOST_HELD_OUT)
    training, held_out = judging(dataset, indices, held, seed, group=group)
    held = len(held_out)

    def make() -> tuple[Arrays, dict]:
        fitted = fit(dataset, training, seed=seed, images=images, say=say)
        found = TrainedSegmentation(dataset.spec, fitted, accuracy=0.0, held_out=held)
        facts = {"mean": fitted.mean, "deviation": fitted.deviation, "accuracy": _agreement(found, dataset, held_out)}
        return {name: weight.numpy() for name, weight in fitted.weights.items()}, facts

    if dataset.spec.fingerprint:
        of_groups = [held_out.tolist()] if group else []
        key = make_key("segmentation", VERSION, dataset.spec.fingerprint, indices.tolist(), seed, images, *of_groups)
        arrays, facts = kept(root() / "segmentations" / f"{key}.safetensors", make, say)
    else:
        arrays, facts = make()
    weights: Mapping[str, Tensor] = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    fitted = Fitted(weights, facts["mean"], facts["deviation"])
    found = TrainedSegmentation(dataset.spec, fitted, accuracy=facts["accuracy"], held_out=held)
    say(
        f"{found.label} reaches a mean IoU of {found.accuracy:.3f} on {found.held_out:,} images that it was not trained on"
    )
    return found


def _agreement(found: TrainedSegmentation, dataset: Dataset, indices: np.ndarray) -> float:
    assert dataset.masks is not None
    predicted = found(dataset.images_of(indices), dataset.spec)
    return mean_iou(predicted, np.asarray(dataset.masks[indices]), names=found.names, network="")[0].value
