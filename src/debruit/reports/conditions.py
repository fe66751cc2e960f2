"""The part of a page that a conditional model has: the samples below what they were asked for, the masks class by class, and who judges."""

import numpy as np

from debruit.conditioning.batch import argument
from debruit.evaluation.loaded import LoadedModel
from debruit.evaluation.pipeline import Evaluation
from debruit.evaluation.teaching import captions_of
from debruit.images import pictures
from debruit.reports import html
from debruit.reports.rows import beside_real

BY_MASK = "iou-"
SHOWN, MOST_CLASSES = 12, 20
WIDTH = 900


def asked_of(found: Evaluation) -> str:
    """What the samples were asked for, in words."""
    wanted = found.wanted
    if wanted is None or not isinstance(found.subject, LoadedModel):
        return ""
    lacking = " and ".join(wanted.lacking)
    dropped = f" Without a {lacking}, which {found.data.name} lacks or names differently." if lacking else ""
    if wanted.fields is not None:
        return f"Each has the {_listed(wanted.fields)} of a real image of {found.data.name}.{dropped}"
    names = found.subject.classes
    more = " …" if len(names) > MOST_CLASSES else ""
    return (f"Classes in turn: {', '.join(names[:MOST_CLASSES])}{more}." if names else "") + dropped


def conditions(found: Evaluation) -> str:
    """Nothing for a model that is asked for classes alone."""
    if found.wanted is None or found.wanted.fields is None:
        return ""
    chosen = [s for s in found.scores if s.name.startswith(BY_MASK)]
    table = html.details("The masks class by class", beside_real(chosen, found)) if chosen else ""
    return html.section("As asked", sheet(found), table)


def sheet(found: Evaluation) -> str:
    """The first samples below what they were asked for: mask, real image, sample; captions in words."""
    wanted, side = found.wanted, found.sides["samples"]
    assert wanted is not None
    count = min(SHOWN, len(side))
    indices = wanted.counterparts(0, count)
    rows, names = [pictures.displayable(wanted.dataset.images_of(indices), side.spec)], ["the real image"]
    if wanted.has("mask"):
        assert wanted.dataset.masks is not None
        rows.insert(0, np.asarray(side.spec.palette, np.uint8)[wanted.dataset.masks[indices]])
        names.insert(0, "the mask")
    if side.bare is not None:
        rows.append(pictures.displayable(side.bare.images[:count], side.spec))
        names.append("a sample without the mask")
    rows.append(pictures.displayable(side.images[:count], side.spec))
    names.append("the sample")
    scale = max(1, WIDTH // (SHOWN * (side.spec.width + 2)))
    picture = pictures.grid(np.concatenate(rows), columns=count, scale=scale)
    unseen = f" (images {found.own_floor})" if found.division.own else ""
    caption = f"The first {count}{unseen}, not chosen. From above: {', '.join(names)}.{_captions(found, indices)}"
    return html.figure(html.picture(picture, "what was asked for, above the samples"), caption)


def judges(found: Evaluation) -> str:
    """What says whether samples follow what they were asked for, and how far it can be trusted."""
    parts = []
    if about := found.networks.get("segmentation"):
        trained = about["accuracy"] is not None
        what = (
            f"{about['label']} is a small network trained on masks of the training data; on {about['held_out']:,} images that it was not trained "
            f"on its mean IoU is {about['accuracy']:.3f}."
            if trained
            else "Masks are found again by the colours of the palette."
        )
        parts.append(
            f"{what} What it reaches on real images is the most that samples can, what samples drawn without the mask reach is chance."
        )
    if about := found.networks.get("scorer"):
        parts.append(
            f"{about['label']} joins features of images and of captions by {about['pairs']:,} pairs of the training data; images "
            "without a caption are left out."
        )
    if parts:
        parts.append(
            f"Both are measured on {len(found.division.judged):,} real images, and the samples asked for the same, {_fresh(found)}."
        )
    return " ".join(parts)


def _fresh(found: Evaluation) -> str:
    return (
        "which neither the model nor that network was trained on"
        if len(found.division.judged) <= len(found.division.held_out)
        else "which the model was trained on, since too few were held out"
    )


def _captions(found: Evaluation, indices: np.ndarray) -> str:
    assert found.wanted is not None
    if not found.wanted.has("text"):
        return ""
    captions = [caption or "(none)" for caption in captions_of(found.wanted.dataset, indices)]
    return f" Captions, from the left: {'; '.join(captions)}."


def _listed(fields: tuple[str, ...]) -> str:
    names = ["caption" if name == "text" else argument(name) for name in fields]
    return " and ".join(names)
