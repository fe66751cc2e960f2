"""The scores of a conditional model, from the sides that `following` has filled: do samples show the mask, the caption, the image that they were asked for?"""

from dataclasses import replace

import numpy as np

from debruit.evaluation.agreement import Agreement
from debruit.evaluation.score import Score
from debruit.evaluation.sides import Side

BARE = ", without the mask"


def mask_iou(side: Side, reference: Side) -> list[Score]:
    """The mean IoU of segmentations and masks, and for samples that of as many drawn without the mask."""
    scores = _ious(side)[:1]
    if side.bare is None or not (bare := _ious(side.bare)):
        return scores
    note = f"the same prompts, classes and noise, without the mask; {bare[0].note}"
    return [*scores, replace(bare[0], name="mask-iou-bare", label=bare[0].label + BARE, note=note)]


def mask_iou_by_class(side: Side, reference: Side) -> list[Score]:
    """The IoU of each class."""
    return _ious(side)[1:]


def caption_retrieval(side: Side, reference: Side) -> list[Score]:
    """The share of images whose own caption is found among 20; nothing where so many different ones are not there."""
    from debruit.evaluation.captions.scorer import AMONG
    from debruit.evaluation.metrics.retrieval import caption_retrieval as retrieval

    captions, images = _counted(side.captions)
    if not len(captions) or len(np.unique(captions, axis=0)) < AMONG:
        return []
    assert side.captions is not None
    return [retrieval(images, captions, network=side.captions.network, among=AMONG)]


def fidelity(side: Side, reference: Side) -> list[Score]:
    """PSNR and SSIM of images to those that they are enlargements of (or of decoded images to those that went in)."""
    from debruit.evaluation.metrics.reconstruction import reconstruction

    if side.originals is None:
        return []
    note = "against the image itself, of which the model saw a small version or outlines: many images fit those"
    return [
        replace(s, name=f"sample-{s.name}", label=f"{s.label} to the image", note=s.note or note)
        for s in reconstruction(side.originals.images, side.images, side.spec)
    ]


def _ious(side: Side) -> list[Score]:
    from debruit.evaluation.metrics.masks import mean_iou

    masks, segments = _counted(side.masks)
    if not len(masks):
        return []
    assert side.masks is not None
    return mean_iou(segments, masks, names=side.spec.mask_names, network=side.masks.network)


def _counted(agreement: Agreement | None) -> tuple[np.ndarray, np.ndarray]:
    nothing = np.empty((0, 0))
    return (nothing, nothing) if agreement is None else agreement.counted
