"""Do images show what they were asked for? The sides with what was asked beside what is found: masks beside segmentations, captions beside images, and
of an enlargement the image itself.

samples  under the masks and captions of real images      ->  how well the model follows
floor    those real images                                ->  the most that the segmentation, or the scorer, can find
bare     samples drawn again without the mask             ->  what is found without following it; what the caption alone does
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from debruit.data.dataset import Dataset
from debruit.evaluation import sampling_stage
from debruit.evaluation.agreement import Agreement
from debruit.evaluation.image_set import EvalSplit, ImageSet
from debruit.evaluation.loaded import LoadedModel
from debruit.evaluation.part_store import Parts
from debruit.evaluation.progress import Pace, Progress
from debruit.evaluation.registry import Choice
from debruit.evaluation.teaching import captions_of
from debruit.evaluation.wanted import Wanted
from debruit.judges.captions.scorer import MOST_PAIRS, Scorer, fitted
from debruit.judges.captions.sentences import find_sentences
from debruit.judges.features.extractor import Extractor
from debruit.judges.segmentation.find import Segmentation, by_colour, find_segmentation, renumbered

BARE = 200  # samples without the mask: drawing them costs as much as drawing those with it


@dataclass(frozen=True, kw_only=True)
class Judges:
    """What the chosen metrics of conditions look with; None where none of them does. `eyes` is the network of features that the scorer of captions was
    fitted to."""

    segmentation: Segmentation | None = None
    scorer: Scorer | None = None
    eyes: Any = None

    @property
    def fingerprints(self) -> list[str]:
        """Of those that are there, for the key of the scores."""
        return [one.fingerprint for one in (self.segmentation, self.scorer) if one is not None]

    def about(self) -> dict[str, Any]:
        """What a report says of them."""
        found = {}
        if self.segmentation is not None:
            facts = ("label", "fingerprint", "accuracy", "held_out")
            found["segmentation"] = {name: getattr(self.segmentation, name, None) for name in facts}
        if self.scorer is not None:
            found["scorer"] = {
                name: getattr(self.scorer, name) for name in ("label", "fingerprint", "accuracy", "pairs", "ridge")
            }
        return found


def find_judges(
    choice: Choice, dataset: Dataset, division: EvalSplit, eyes: Extractor | None, say: Callable[[str], None], *, device: str
) -> Judges:  # fmt: skip
    """What the chosen metrics need. `eyes` is EfficientNet-Lite0 where it is at hand already."""
    teaching = division.teaching
    segmentation = None
    if choice.needs("segments") and by_colour(dataset.spec):
        segmentation = find_segmentation(dataset, np.empty(0, np.int64), say)
    elif choice.needs("segments"):
        learnt = find_segmentation(teaching.dataset, teaching.indices, say, group=teaching.group)
        segmentation = renumbered(learnt, teaching.dataset.spec.mask_names, dataset.spec.mask_names)
    if not choice.needs("scorer"):
        return Judges(segmentation=segmentation)
    from debruit.judges.features.find import find_extractor
    from debruit.judges.features.store import reference_features

    eyes = eyes or find_extractor("efficientnet", dataset, say, device=device)
    captions = captions_of(teaching.dataset, teaching.indices)
    pairs = [(n, caption) for n, caption in zip(teaching.indices.tolist(), captions, strict=True) if caption]
    pairs = pairs[:: -(-len(pairs) // MOST_PAIRS)]
    features = reference_features(teaching.dataset, [n for n, _ in pairs], eyes, say)
    texts = [caption for _, caption in pairs]
    scorer = fitted(features, texts, find_sentences(), network=eyes.label, fingerprint=eyes.fingerprint, say=say)
    return Judges(segmentation=segmentation, scorer=scorer, eyes=eyes)


def follow(
    subject: LoadedModel, dataset: Dataset, division: EvalSplit, wanted: Wanted, sides: dict[str, ImageSet], judges: Judges, parts: Parts, pace: Pace, *,
    seed: int, batch: int,
) -> Generator[Progress, None, dict[str, ImageSet]]:  # fmt: skip
    """The same sides, those of images that were asked for something with what was asked and found. The names are those of protocol.py."""
    found = dict(sides)
    for name in ("samples", "floor", "decoded"):
        if name not in found:
            continue
        side = found[name]
        real = wanted.counterparts(0, len(side)) if name == "samples" else division.floor[: len(side)]
        counts = np.isin(real, division.judged)
        if judges.segmentation is not None:
            work = _segmented(side.images, dataset, judges.segmentation, parts)
            segments = yield from pace.follow(f"segmentation, {name}", len(side), work)
            side = replace(side, masks=_masks(dataset, real, segments, counts, judges.segmentation))
        if judges.scorer is not None:
            seen = yield from _seen(name, side, real, dataset, judges, parts, pace)
            side = replace(side, captions=_captions(dataset, real, seen, counts, judges.scorer))
        found[name] = side
    samples = found["samples"]
    if wanted.has("image"):
        real = dataset.images_of(wanted.counterparts(0, len(samples)))
        samples = replace(samples, originals=ImageSet(images=real, spec=dataset.spec))
    if wanted.has("mask"):
        bare = yield from _bare(subject, dataset, division, wanted, samples, judges, parts, pace, seed, batch)
        samples = replace(samples, bare=bare)
    return found | {"samples": samples}


def _bare(
    subject: LoadedModel, dataset: Dataset, division: EvalSplit, wanted: Wanted, samples: ImageSet, judges: Judges, parts: Parts, pace: Pace, seed: int,
    batch: int,
) -> Generator[Progress, None, ImageSet | None]:  # fmt: skip
    """The first samples again without their masks, against the masks and the captions; None for a model that was never trained without, or where nobody
    looks."""
    never = any(c.field == "mask" and c.drop == 0 for c in subject.model.config.conditioners)
    if never or (judges.segmentation is None and judges.scorer is None):
        return None
    count = min(len(samples), BARE)
    work = sampling_stage.sample(subject, parts, count, wanted=wanted.without("mask"), seed=seed, batch=batch)
    side = ImageSet(images=(yield from pace.follow("samples without the mask", count, work)), spec=samples.spec)
    real = wanted.counterparts(0, count)
    counts = np.isin(real, division.judged)
    if judges.segmentation is not None:
        work = _segmented(side.images, dataset, judges.segmentation, parts)
        segments = yield from pace.follow("segmentation, without the mask", count, work)
        side = replace(side, masks=_masks(dataset, real, segments, counts, judges.segmentation))
    if judges.scorer is not None:
        seen = yield from _seen("without the mask", side, real, dataset, judges, parts, pace)
        side = replace(side, captions=_captions(dataset, real, seen, counts, judges.scorer))
    return side


def _masks(
    dataset: Dataset, real: np.ndarray, segments: np.ndarray, counts: np.ndarray, segmentation: Segmentation
) -> Agreement:
    assert dataset.masks is not None
    names = getattr(segmentation, "names", None) or dataset.spec.mask_names
    return Agreement(
        asked=np.asarray(dataset.masks[real]), found=segments, counts=counts, network=segmentation.label, names=names
    )


def _captions(dataset: Dataset, real: np.ndarray, seen: np.ndarray, counts: np.ndarray, scorer: Scorer) -> Agreement:
    """An image without a caption does not count."""
    captions = captions_of(dataset, real)
    says = np.array([bool(caption) for caption in captions])
    return Agreement(
        asked=scorer.captions(captions), found=scorer.images(seen), counts=counts & says, network=scorer.label
    )


def _segmented(
    images: Tensor, dataset: Dataset, segmentation: Segmentation, parts: Parts
) -> Generator[float, None, np.ndarray]:
    """(N, H, W) uint8, in parts that are found again by the images themselves."""
    done = []
    for start in range(0, len(images), sampling_stage.FEATURE_IMAGES):
        part = images[start : start + sampling_stage.FEATURE_IMAGES]
        key = [segmentation.fingerprint, sampling_stage.images_key(part)]
        done.append(parts.kept("segments", key, lambda: segmentation(part, dataset.spec)))  # noqa: B023
        yield start + len(part)
    return np.concatenate(done)


def _seen(
    name: str, side: ImageSet, real: np.ndarray, dataset: Dataset, judges: Judges, parts: Parts, pace: Pace
) -> Generator[Progress, None, np.ndarray]:
    """The features of a side in the eyes of the scorer: those that are there, where the same network looked."""
    if side.network == judges.eyes.label and len(side.features):
        return side.features
    work: Iterator[float] = (
        sampling_stage.extract_real(dataset, real, judges.eyes, parts.say)
        if name == "floor"
        else sampling_stage.extract(side.images, dataset.spec, judges.eyes, parts)
    )
    return (yield from pace.follow(f"features for captions, {name}", len(side), work))
