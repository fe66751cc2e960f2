"""From a model and data to scores: samples, what the networks see in them and in real images, and each metric of both.

draw -> look -> score
"""

from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from debruit.config import encode
from debruit.data.dataset import Dataset
from debruit.errors import InputError
from debruit.evaluation import sampling_stage
from debruit.evaluation.alignment import Judges, find_judges
from debruit.evaluation.image_set import EvalSplit, ImageSet, nothing, passages
from debruit.evaluation.loaded import LoadedAutoencoder, LoadedModel
from debruit.evaluation.part_store import Parts
from debruit.evaluation.progress import Pace, Progress
from debruit.evaluation.reconstruction import passed
from debruit.evaluation.registry import Choice, Metric
from debruit.evaluation.wanted import Wanted, digest
from debruit.judges.features.extractor import Extractor
from debruit.metrics.score import Score

SAMPLES, FLOOR, REFERENCE, TRAINING, HELD_OUT = "samples", "floor", "reference", "training", "held_out"
DECODED, SEEN = (
    "decoded",
    "seen",
)  # what came out of the autoencoder: of images that were not trained on, and of images that were
THROUGH = "through"  # scores of the decoded images as images, beside those of the real ones that went in


@dataclass(frozen=True)
class Networks:
    """What the chosen metrics look at images with; None where none of them does."""

    features: Extractor | None
    classifier: Any
    eyes: Any = None
    judges: Judges = field(default_factory=Judges)

    def about(self) -> dict[str, Any]:
        """What a report says of them."""
        found = {}
        if self.features is not None:
            found["features"] = {name: getattr(self.features, name) for name in ("label", "dimensions", "fingerprint")}
        if self.classifier is not None:
            facts = ("label", "fingerprint", "accuracy", "low", "high", "held_out")
            found["classifier"] = {name: getattr(self.classifier, name) for name in facts}
        if self.eyes is not None:
            found["perceptual"] = {"label": self.eyes.label}
        return found | self.judges.about()


def find_networks(
    choice: Choice, network: str, dataset: Dataset, division: EvalSplit, say: Callable[[str], None], *, device: str
) -> Networks:
    """The feature network of that name, the classifier of the data's own labels, the network of the perceptual distance, and what judges how samples
    follow masks and captions, where a metric needs them."""
    from debruit.autoencoders.losses.perceptual import Perceptual

    if (
        teaching := (choice.needs("logits") or choice.needs("segments") or choice.needs("scorer"))
        and division.teaching.line()
    ):
        say(teaching)
    classifier = find_classifier(division, say, device=device) if choice.needs("logits") else None
    eyes = Perceptual().build(dataset.spec.channels).to(device) if choice.needs("distances") else None
    features = None
    if choice.needs("features") or "memorisation" in choice.analyses:
        own = classifier if network == "classifier" else None
        features = own or find_features(network, dataset, division, say, device=device)
    judges = find_judges(choice, dataset, division, features if network == "efficientnet" else None, say, device=device)
    return Networks(features, classifier, eyes, judges)


def find_features(
    network: str, dataset: Dataset, division: EvalSplit, say: Callable[[str], None], *, device: str
) -> Extractor:
    """The feature network of that name; "classifier" is trained on the training data of the model. InputError: that is not at hand."""
    from debruit.judges.features.find import find_extractor

    if network == "classifier":
        return find_classifier(division, say, device=device)
    return find_extractor(network, dataset, say, device=device)


def find_classifier(division: EvalSplit, say: Callable[[str], None], *, device: str) -> Extractor:
    """The classifier, trained on the images that judges are trained on. InputError: there are none."""
    from debruit.judges.features.find import find_extractor

    teaching = division.teaching
    if teaching.missing:
        raise InputError(f"--network classifier: {teaching.missing}")
    return find_extractor(
        "classifier", teaching.dataset, say, device=device, indices=teaching.indices, group=teaching.group
    )


def look(
    dataset: Dataset, division: EvalSplit, samples: Tensor, asked: np.ndarray | None, networks: Networks, parts: Parts, pace: Pace,
    say: Callable[[str], None], *, all_training: bool = False, counterparts: np.ndarray | None = None,
) -> Generator[Progress, None, dict[str, ImageSet]]:  # fmt: skip
    """The three sides by name, with features and logits; `asked` are the classes asked for in the samples, those of the images `counterparts` where they
    have some. Of the reference, which may be large, only as many
    images are kept as there are samples; its features are those of all. With `all_training` there are two more sides, of features alone: the
    training images and those held out."""
    spec, count = dataset.spec, len(samples)
    real = {FLOOR: division.floor, REFERENCE: division.reference}
    alone = {TRAINING: division.training, HELD_OUT: division.held_out} if all_training else {}
    features: dict[str, np.ndarray] = {}
    if networks.features is not None:
        work = sampling_stage.extract(samples, spec, networks.features, parts)
        features[SAMPLES] = yield from pace.follow("features", count, work)
        pool = np.unique(np.concatenate([*real.values(), *alone.values()]))
        work = sampling_stage.extract_real(dataset, pool, networks.features, say)
        found = yield from pace.follow("features of real images", len(pool), work)
        features |= {name: found[np.searchsorted(pool, indices)] for name, indices in (real | alone).items()}
    images = {SAMPLES: samples} | {name: dataset.batch(indices[:count])["image"] for name, indices in real.items()}
    logits: dict[str, np.ndarray] = {}
    if networks.classifier is not None:
        shown = {name: images[name] for name in (SAMPLES, FLOOR)}
        work = sampling_stage.classify(shown, spec, networks.classifier)
        logits = yield from pace.follow("classes", sum(map(len, shown.values())), work)
    labels = {SAMPLES: asked}
    labels |= {name: None if dataset.labels is None else dataset.labels[indices] for name, indices in real.items()}
    none, seen = samples[:0], getattr(networks.classifier, "names", ())
    shown_as = {FLOOR: division.floor} | ({} if counterparts is None else {SAMPLES: counterparts})
    fresh = {name: np.isin(indices, division.judged) for name, indices in shown_as.items()}
    return {
        name: ImageSet(
            images=images.get(name, none), spec=spec, labels=labels.get(name), features=features.get(name, nothing()), network=_label(networks.features),
            logits=logits.get(name, nothing()), classifier=_label(networks.classifier), classes=seen, fresh=fresh.get(name),
        )
        for name in (SAMPLES, *real, *alone)
    }  # fmt: skip


def look_through(
    subject: LoadedAutoencoder, dataset: Dataset, division: EvalSplit, count: int, networks: Networks, parts: Parts, pace: Pace,
    say: Callable[[str], None],
) -> Generator[Progress, None, dict[str, ImageSet]]:  # fmt: skip
    """The sides of an autoencoder by itself: what it makes of images that it never saw, and of as many of its training; neither where there
    are none."""
    sides = {}
    for name, indices in zip((DECODED, SEEN), passages(division, count), strict=True):
        if not len(indices):
            continue
        features = nothing()
        if networks.features is not None:
            work = sampling_stage.extract_real(dataset, indices, networks.features, say)
            features = yield from pace.follow(f"features of real images, {WORDS[name]}", len(indices), work)
        labels = None if dataset.labels is None else dataset.labels[indices]
        originals = ImageSet(
            images=dataset.images_of(indices), spec=dataset.spec, labels=labels, features=features, network=_label(networks.features)
        )  # fmt: skip
        sides[name] = yield from passed(subject, dataset, indices, originals, networks, parts, pace)
    return sides


COSTS = {"frechet": 1.0, "frechet-unbiased": 4.5, "kid": 0.5, "manifold": 0.3, "diversity": 0.3, "class-diversity": 0.3}
"""What metrics cost, in units of a Frechet distance; others a tenth."""
WORDS = {DECODED: "held out", SEEN: "trained on"}


def score(
    choice: Choice, sides: dict[str, ImageSet], key: list, parts: Parts, pace: Pace
) -> Generator[Progress, None, dict[str, tuple[Score, ...]]]:
    """Every chosen score by column: of the samples, of the floor, and of what came out of an autoencoder, as images (THROUGH) and beside what
    went in. `key` says which images, networks and reference they are of."""
    columns = {"images": {SAMPLES: SAMPLES, FLOOR: FLOOR, THROUGH: DECODED}, "passages": {DECODED: DECODED, SEEN: SEEN}}
    jobs = [
        (metric, column, name)
        for metric in choice.metrics
        for column, name in columns[metric.of].items()
        if name in sides and len(sides[name]) >= metric.least
    ]
    weights = np.cumsum([0.0, *(COSTS.get(metric.name, 0.1) for metric, _, _ in jobs)])
    found: dict[str, list[Score]] = {column: [] for each in columns.values() for column in each}

    def work() -> Generator[float, None, None]:
        for n, (metric, column, name) in enumerate(jobs, start=1):
            found[column] += choice.shown(metric, computed(metric, name, sides, key, parts))
            yield n

    yield from pace.follow("scores", len(jobs), work(), weigh=lambda done: float(weights[int(done)] / weights[-1]))
    return {name: tuple(scores) for name, scores in found.items()}


def computed(metric: Metric, name: str, sides: dict[str, ImageSet], key: list, parts: Parts) -> list[Score]:
    """One metric of one side, from its part where that is finished."""
    side = sides[name]
    reference = sides[REFERENCE] if metric.of == "images" else side.originals
    assert reference is not None
    make = lambda: [asdict(s) for s in metric.compute(side, reference)]  # noqa: E731
    return [Score(**s) for s in parts.kept("scores", [*key, metric.name, name], make)]


def samples_key(subject: LoadedModel, wanted: Wanted, seed: int, batch: int, count: int) -> list:
    """Which samples: everything that determines them."""
    key = [subject.digest, encode(subject.model.settings()), subject.model.device.type, seed, batch, count]
    return key if wanted.fields is None else [*key, digest(wanted.asked(subject.model, 0, count))]


def _label(network: Any) -> str:
    return "" if network is None else network.label
