"""Condition alignment on a page: samples below their conditions, masks class by class, and the networks that score
them."""

import numpy as np

from debruit.conditioning.base import keyword
from debruit.evaluation.image_set import SAMPLES
from debruit.evaluation.judge_data import captions_of
from debruit.evaluation.result import Evaluation
from debruit.images.figures import displayable, grid
from debruit.reports import html
from debruit.reports.rows import with_baseline

BY_MASK = "iou-"
SHOWN, MOST_CLASSES = 12, 20
WIDTH = 900


def requested(evaluation: Evaluation) -> str:
    """The request for the samples, as sentences."""
    conditions, data = evaluation.conditions, evaluation.data.name
    if conditions is None:
        return ""
    missing = " and ".join(conditions.missing)
    dropped = f" Without a {missing}, which {data} lacks or names differently." if missing else ""
    dropped += f" Without {_listed(conditions.left_out)}, as requested." if conditions.left_out else ""
    if conditions.fields:
        return f"Each has the {_listed(conditions.fields)} of a real image of {data}.{dropped}"
    if conditions.fields is not None:
        return dropped.strip()
    labelled = any(c.item == "label" for c in evaluation.model.config.conditioners)
    names = evaluation.model.config.data.class_names if labelled else ()
    more = " …" if len(names) > MOST_CLASSES else ""
    return (f"Classes in turn: {', '.join(names[:MOST_CLASSES])}{more}." if names else "") + dropped


def alignment(evaluation: Evaluation) -> str:
    """The section; "" for models whose only condition is the class."""
    if evaluation.conditions is None or evaluation.conditions.fields is None:
        return ""
    chosen = [s for s in evaluation.scores if s.name.startswith(BY_MASK)]
    table = html.details("Masks class by class", with_baseline(chosen, evaluation)) if chosen else ""
    return html.section("Condition alignment", sheet(evaluation), table)


def sheet(evaluation: Evaluation) -> str:
    """The first samples below their conditions: mask, real image, sample; captions as text."""
    conditions, samples = evaluation.conditions, evaluation.sets[SAMPLES]
    assert conditions is not None
    spec, count = samples.spec, min(SHOWN, len(samples))
    indices = conditions.counterparts(0, count)
    rows = [("the real image", displayable(conditions.dataset.images_of(indices), spec))]
    if conditions.has("mask"):
        assert conditions.dataset.masks is not None
        rows.insert(0, ("the mask", np.asarray(spec.palette, np.uint8)[conditions.dataset.masks[indices]]))
    if samples.without_mask is not None:
        rows.append(("a sample without the mask", displayable(samples.without_mask.images[:count], spec)))
    rows.append(("the sample", displayable(samples.images[:count], spec)))
    scale = max(1, WIDTH // (SHOWN * (spec.width + 2)))
    image = grid(np.concatenate([row for _, row in rows]), columns=count, scale=scale)
    which = f" (images {evaluation.baseline_description})" if evaluation.split.own else ""
    order = ", ".join(name for name, _ in rows)
    caption = f"The first {count}{which}, not selected. From top to bottom: {order}.{_captions(evaluation, indices)}"
    return html.figure(html.image(image, "conditions above the samples"), caption)


def scoring_networks(evaluation: Evaluation) -> str:
    """The networks that measure alignment, and how reliable they are."""
    sentences = []
    if about := evaluation.networks.get("segmentation"):
        sentences.append(
            f"{about['label']} is a small network trained on masks of the training data; its mean IoU on "
            f"{about['held_out']:,} held-out images is {about['accuracy']:.3f}."
            if about["accuracy"] is not None
            else "Masks are recovered from the colours of the palette."
        )
        sentences.append(
            "Its score on real images is the most that samples can reach; the score of samples without the mask "
            "is chance."
        )
    if about := evaluation.networks.get("scorer"):
        sentences.append(
            f"{about['label']} relates features of images and of captions, fitted to {about['pairs']:,} pairs of the "
            "training data; images without a caption are left out."
        )
    if sentences:
        sentences.append(
            f"Both are measured on {len(evaluation.split.scored):,} real images, and on the samples with the same "
            f"conditions, {_seen(evaluation)}."
        )
    return " ".join(sentences)


def _seen(evaluation: Evaluation) -> str:
    return (
        "which neither the model nor that network was trained on"
        if len(evaluation.split.scored) <= len(evaluation.split.held_out)
        else "which the model was trained on, since too few were held out"
    )


def _captions(evaluation: Evaluation, indices: np.ndarray) -> str:
    assert evaluation.conditions is not None
    if not evaluation.conditions.has("prompt"):
        return ""
    captions = [caption or "(none)" for caption in captions_of(evaluation.conditions.dataset, indices)]
    return f" Captions, from the left: {'; '.join(captions)}."


def _listed(fields: tuple[str, ...]) -> str:
    names = ["caption" if keyword(name) == "prompt" else keyword(name) for name in fields]
    return " and ".join(names)
