"""The networks that the chosen metrics need."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from debruit import events
from debruit.autoencoders.losses.perceptual import Perceptual
from debruit.data.dataset import Dataset
from debruit.data.subset import random_subset
from debruit.errors import InputError
from debruit.evaluation.judge_data import JudgeData, captions_of
from debruit.evaluation.registry import Choice
from debruit.evaluation.splits import EvalSplit
from debruit.judges import find
from debruit.judges.captions.scorer import MOST_PAIRS, Scorer, fitted
from debruit.judges.captions.sentences import find_sentences
from debruit.judges.extractor import Extractor
from debruit.judges.feature_cache import reference_features
from debruit.judges.segmentation import Segmentation, by_colour, find_segmentation, renumbered
from debruit.rng import Purpose


@dataclass(frozen=True, kw_only=True)
class Networks:
    """The networks that the chosen metrics need; None for those that none of them does.

    features: the feature network
    classifier: trained on the labels of the model's training data
    perceptual: the network of the perceptual distance (autoencoders/losses/perceptual.py)
    segmenter: masks from images
    scorer: similarity of captions and images, in the features of `caption_features`
    """

    features: Extractor | None = None
    classifier: Any = None
    perceptual: Any = None
    segmenter: Segmentation | None = None
    scorer: Scorer | None = None
    caption_features: Any = None

    @property
    def fingerprints(self) -> list[Any]:
        """Fingerprints of the networks, for the key of the scores."""
        used = (self.features, self.classifier, self.perceptual)
        conditions = (self.segmenter, self.scorer)
        return [n and getattr(n, "fingerprint", n.label) for n in used] + [n.fingerprint for n in conditions if n]

    def about(self) -> dict[str, Any]:
        """Facts about the networks for a report, as JSON values."""
        facts = {
            "features": (self.features, ("label", "dimensions", "fingerprint")),
            "classifier": (self.classifier, ("label", "fingerprint", "accuracy", "low", "high", "held_out")),
            "perceptual": (self.perceptual, ("label",)),
            "segmentation": (self.segmenter, ("label", "fingerprint", "accuracy", "held_out")),
            "scorer": (self.scorer, ("label", "fingerprint", "accuracy", "pairs", "ridge")),
        }
        return {
            kind: {name: getattr(network, name, None) for name in names}
            for kind, (network, names) in facts.items()
            if network is not None
        }


def find_networks(choice: Choice, name: str, dataset: Dataset, split: EvalSplit, *, device: str) -> Networks:
    """The networks that the chosen metrics need; `name` is that of the feature network. Networks of the user's classes,
    masks and captions are trained here, unless they are in the cache."""
    data = split.judge_data
    if any(choice.needs(kind) for kind in ("classifier", "segmenter", "scorer")) and (sentence := data.describe()):
        events.say(sentence)
    classifier = find_classifier(data, device=device) if choice.needs("classifier") else None
    perceptual = Perceptual().build(dataset.spec.channels).to(device) if choice.needs("perceptual") else None
    features = None
    if choice.needs("features") or "memorisation" in choice.analyses:
        own = classifier if name == "classifier" else None
        features = own or find_features(name, dataset, split, device=device)
    segmenter = _segmenter(dataset, data) if choice.needs("segmenter") else None
    if not choice.needs("scorer"):
        return Networks(features=features, classifier=classifier, perceptual=perceptual, segmenter=segmenter)
    caption_features = features if name == "efficientnet" else None
    caption_features = caption_features or find.find_extractor("efficientnet", dataset, device=device)
    return Networks(
        features=features,
        classifier=classifier,
        perceptual=perceptual,
        segmenter=segmenter,
        scorer=_scorer(data, caption_features),
        caption_features=caption_features,
    )


def find_features(name: str, dataset: Dataset, split: EvalSplit, *, device: str) -> Extractor:
    """The feature network of that name; "classifier" is trained on the model's training data. InputError: not
    available."""
    if name == "classifier":
        return find_classifier(split.judge_data, device=device)
    return find.find_extractor(name, dataset, device=device)


def find_classifier(data: JudgeData, *, device: str) -> Extractor:
    """The classifier of the labels of this data. InputError: the data is missing."""
    if data.missing:
        raise InputError(f"--features classifier: {data.missing}")
    return find.find_extractor("classifier", data.dataset, device=device, indices=data.indices, group=data.group)


def _segmenter(dataset: Dataset, data: JudgeData) -> Segmentation:
    """The segmenter of the masks of `dataset`, trained on the judge data unless the images' colours determine the
    masks."""
    if by_colour(dataset.spec):
        return find_segmentation(dataset, np.empty(0, np.int64))
    learned = find_segmentation(data.dataset, data.indices, group=data.group)
    return renumbered(learned, data.dataset.spec.mask_names, dataset.spec.mask_names)


def _scorer(data: JudgeData, extractor: Extractor) -> Scorer:
    """The caption scorer, fitted to at most MOST_PAIRS captioned images."""
    captions = captions_of(data.dataset, data.indices)
    pairs = [(n, caption) for n, caption in zip(data.indices.tolist(), captions, strict=True) if caption]
    pairs = [pairs[n] for n in random_subset(np.arange(len(pairs)), Purpose.JUDGE_POOL, 1, MOST_PAIRS)]
    features = reference_features(data.dataset, [n for n, _ in pairs], extractor)
    texts = [caption for _, caption in pairs]
    return fitted(features, texts, find_sentences(), network=extractor.label, fingerprint=extractor.fingerprint)
