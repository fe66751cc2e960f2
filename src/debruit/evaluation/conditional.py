"""The scores of a conditional model, from the sides that `following` has filled: do samples show the mask, the caption, the image that they were asked for?"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from debruit.evaluation.agreement import Agreement
from debruit.evaluation.image_set import ImageSet
from debruit.metrics.score import Score

BARE = ", without the mask"


def mask_iou(side: ImageSet, reference: ImageSet) -> list[Score]:
    """The mean IoU of segmentations and masks, and for samples that of the first of them (following.BARE) drawn without the mask."""
    return [*_ious(side)[:1], *_bare(side, lambda bare: _ious(bare)[:1])]


def mask_iou_by_class(side: ImageSet, reference: ImageSet) -> list[Score]:
    """The IoU of each class."""
    return _ious(side)[1:]


def caption_retrieval(side: ImageSet, reference: ImageSet) -> list[Score]:
    """The share of images whose own caption is found among 20, and for samples that of the first of them (following.BARE) drawn without the mask;
    nothing where so many different captions are not there."""
    return [*_retrieved(side), *_bare(side, _retrieved)]


def _retrieved(side: ImageSet) -> list[Score]:
    from debruit.judges.captions.scorer import AMONG
    from debruit.metrics.retrieval import caption_retrieval as retrieval

    captions, images = _counted(side.captions)
    if not len(captions) or len(np.unique(captions, axis=0)) < AMONG:
        return []
    assert side.captions is not None
    return [retrieval(images, captions, network=side.captions.network, among=AMONG)]


def fidelity(side: ImageSet, reference: ImageSet) -> list[Score]:
    """PSNR and SSIM of images to those that they are enlargements of (or of decoded images to those that went in)."""
    from debruit.metrics.reconstruction import reconstruction

    if side.originals is None:
        return []
    note = "against the image itself, of which the model saw a small version, outlines or the first frame: many images fit those"
    return [
        replace(s, name=f"sample-{s.name}", label=f"{s.label} to the image", note=s.note or note)
        for s in reconstruction(side.originals.images, side.images, side.spec)
    ]


def _bare(side: ImageSet, judge: Callable[[ImageSet], list[Score]]) -> list[Score]:
    """What is found in samples that were drawn without the mask; nothing where there are none."""
    if side.bare is None:
        return []
    note = "the same prompts, classes and noise, without the mask; "
    return [replace(s, name=f"{s.name}-bare", label=s.label + BARE, note=note + s.note) for s in judge(side.bare)]


def _ious(side: ImageSet) -> list[Score]:
    from debruit.metrics.masks import mean_iou

    masks, segments = _counted(side.masks)
    if not len(masks):
        return []
    assert side.masks is not None
    return mean_iou(segments, masks, names=side.masks.names or side.spec.mask_names, network=side.masks.network)


def _counted(agreement: Agreement | None) -> tuple[np.ndarray, np.ndarray]:
    nothing = np.empty((0, 0))
    return (nothing, nothing) if agreement is None else agreement.counted
