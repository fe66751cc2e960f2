"""Alignment of samples with the requested mask, caption, colour or image."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from debruit.evaluation.image_set import Agreement, ImageSet
from debruit.evaluation.requirements import (
    Requirement,
    caption_scorer,
    class_captions,
    different_captions,
    hue_captions,
    image_condition,
    mask_condition,
    segmenter,
    text_condition,
)
from debruit.evaluation.scores.metric import Metric
from debruit.judges.captions.scorer import AMONG
from debruit.metrics import retrieval
from debruit.metrics.hues import colour_agreement
from debruit.metrics.masks import mean_iou
from debruit.metrics.reconstruction import reconstruction
from debruit.metrics.score import Score

WITHOUT_MASK = "-without-mask"  # end of the names of scores of samples without the mask
FIDELITY_NOTE = (
    "against the image itself, of which the model saw a small version, edges or the first frame: many images fit those"
)


@dataclass(frozen=True)
class MaskIoU(Metric):
    """Mean IoU of predicted and requested masks; also of samples without the mask, as a baseline."""

    name: ClassVar[str] = "mask-iou"
    networks: ClassVar[tuple[str, ...]] = ("segmenter",)
    requires: ClassVar[tuple[Requirement, ...]] = (mask_condition, segmenter)
    without_mask: ClassVar[bool] = True
    position: ClassVar[float] = 90

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        return [*_ious(images)[:1], *_without_mask(images, lambda others: _ious(others)[:1])]


@dataclass(frozen=True)
class MaskIoUByClass(Metric):
    """The IoU of each class of the masks."""

    name: ClassVar[str] = "mask-iou-by-class"
    networks: ClassVar[tuple[str, ...]] = ("segmenter",)
    requires: ClassVar[tuple[Requirement, ...]] = (mask_condition, segmenter)
    position: ClassVar[float] = 100

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        return _ious(images)[1:]


@dataclass(frozen=True)
class CaptionRetrieval(Metric):
    """The share of images whose caption is found among 20; also of samples without the mask, as a baseline. No
    score if there are not that many different captions."""

    name: ClassVar[str] = "caption-retrieval"
    networks: ClassVar[tuple[str, ...]] = ("scorer",)
    requires: ClassVar[tuple[Requirement, ...]] = (text_condition, different_captions, caption_scorer)
    without_mask: ClassVar[bool] = True
    position: ClassVar[float] = 110

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        return [*_retrieved(images), *_without_mask(images, _retrieved)]


@dataclass(frozen=True)
class RetrievalInClass(Metric):
    """The share of images whose caption is found among 20 of the same class that show other things, so that a class
    that captions name, such as a style, does not give it away; also of samples without the mask, as a baseline."""

    name: ClassVar[str] = "caption-retrieval-in-class"
    networks: ClassVar[tuple[str, ...]] = ("scorer",)
    requires: ClassVar[tuple[Requirement, ...]] = (text_condition, class_captions, caption_scorer)
    without_mask: ClassVar[bool] = True
    position: ClassVar[float] = 112

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        return [*_retrieved_in_class(images), *_without_mask(images, _retrieved_in_class)]


@dataclass(frozen=True)
class ColourAgreement(Metric):
    """The share of images whose dominant hue is the one that their caption names, among captions that name one; also
    of samples without the mask, as a baseline."""

    name: ClassVar[str] = "colour-agreement"
    requires: ClassVar[tuple[Requirement, ...]] = (text_condition, hue_captions)
    without_mask: ClassVar[bool] = True
    position: ClassVar[float] = 115

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        return [*_coloured(images), *_without_mask(images, _coloured)]


@dataclass(frozen=True)
class Fidelity(Metric):
    """PSNR and SSIM of samples to the images that their condition was derived from."""

    name: ClassVar[str] = "fidelity"
    gives: ClassVar[tuple[str, ...]] = ("sample-psnr", "sample-ssim")
    requires: ClassVar[tuple[Requirement, ...]] = (image_condition,)
    position: ClassVar[float] = 120

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        if images.originals is None:
            return []
        return [
            replace(s, name=f"sample-{s.name}", label=f"{s.label} to the image", note=s.note or FIDELITY_NOTE)
            for s in reconstruction(images.originals.images, images.images, images.spec)
        ]


def _retrieved(images: ImageSet) -> list[Score]:
    rows = _scored(images.captions)
    if rows is None or len(np.unique(rows.requested, axis=0)) < AMONG:
        return []
    score = retrieval.caption_retrieval(
        rows.predicted, rows.requested, network=rows.network, among=AMONG, things=rows.things
    )
    return [] if score is None else [score]


def _retrieved_in_class(images: ImageSet) -> list[Score]:
    rows = _scored(images.captions)
    if rows is None or rows.candidates is None:
        return []
    assert rows.things is not None
    assert rows.classes is not None
    score = retrieval.retrieval_in_class(
        rows.predicted,
        rows.requested,
        rows.candidates,
        things=rows.things,
        classes=rows.classes,
        network=rows.network,
        among=AMONG,
    )
    return [] if score is None else [score]


def _coloured(images: ImageSet) -> list[Score]:
    rows = _scored(images.hues)
    if rows is None:
        return []
    return [colour_agreement(rows.predicted, rows.requested, names=rows.names, network=rows.network)]


def _ious(images: ImageSet) -> list[Score]:
    rows = _scored(images.masks)
    if rows is None:
        return []
    names = rows.names or images.spec.mask_names
    return mean_iou(rows.predicted, rows.requested, names=names, network=rows.network)


def _without_mask(images: ImageSet, measure: Callable[[ImageSet], list[Score]]) -> list[Score]:
    """The scores of samples without the mask; none if there are no such samples."""
    if images.without_mask is None:
        return []
    note = "the same prompts, classes and noise, without the mask; "
    return [
        replace(s, name=s.name + WITHOUT_MASK, label=f"{s.label}, without the mask", note=note + s.note)
        for s in measure(images.without_mask)
    ]


def _scored(agreement: Agreement | None) -> Agreement | None:
    """The rows of the scored images; None if there are none."""
    return None if agreement is None or not agreement.scored.any() else agreement.of_scored
