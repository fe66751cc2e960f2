"""What can be measured: one small object a metric, in the order of the report.

A metric of images compares a side (the samples, or real images in their place) with the reference; the same function makes its row for both. A
metric of passages compares what came out of an autoencoder with what went in. A further one is one entry here and its function in metrics/; an entry
whose needs a model or its data does not meet is left out of the report, with the reason, unless it was asked for by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from debruit.errors import InputError, unknown
from debruit.evaluation import conditional
from debruit.evaluation.image_set import EvalSplit, ImageSet
from debruit.evaluation.requirements import NEEDS, Either
from debruit.images.spec import DataSpec
from debruit.metrics.score import Score

NEIGHBOURS = 5  # of the manifold metrics, as Naeem et al. 2020


@dataclass(frozen=True, kw_only=True)
class Metric:
    """`name` is the whole, `gives` the names of several scores: `--metrics` takes either. `needs` are keys of NEEDS; those of its networks,
    "features", "logits", "distances", "segments" and "scorer", may have no entry there. It takes at least `least` images on both
    sides. `compute`(side, reference) -> scores; the reference of a metric `of` passages through an autoencoder is what went in, `side.originals`."""

    name: str
    gives: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    of: Literal["images", "passages"] = "images"
    least: int = 2
    compute: Callable[[ImageSet, ImageSet], list[Score]]


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What has its own part of the report instead of a row for real images: likelihood, memorisation, the loss by timestep, the health of a
    codec."""

    name: str
    needs: tuple[str, ...] = ("diffusion",)
    gives: ClassVar[tuple[str, ...]] = ()


def _frechet(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.frechet import frechet

    return [frechet(side.features, reference.features, network=side.network, by_choice=True)]


def _frechet_unbiased(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.frechet import frechet_unbiased

    return [frechet_unbiased(side.features, reference.features, network=side.network)]


def _kid(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.kernel import kid

    return [kid(side.features, reference.features, network=side.network)]


def _manifold(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.manifold import manifold

    alike = reference.features[: len(side)]  # these depend on the number of points of both sets
    return manifold(side.features, alike, network=side.network, neighbours=NEIGHBOURS)


def _accuracy(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.classes import class_accuracy

    logits, targets = _recognised(side)
    return [class_accuracy(logits, targets, network=side.classifier)] if len(logits) else []


def _accuracy_by_class(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.classes import accuracy_by_class

    logits, targets = _recognised(side)
    return accuracy_by_class(logits, targets, network=side.classifier, names=side.classes) if len(logits) else []


def _conditional_entropy(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.classes import conditional_entropy

    logits, _ = _recognised(side)
    return [conditional_entropy(logits, network=side.classifier)] if len(logits) else []


def _inception_score(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.classes import inception_score

    logits, _ = _recognised(side)
    return [inception_score(logits, network=side.classifier)] if len(logits) else []


def _recognised(side: ImageSet) -> tuple[np.ndarray, np.ndarray | None]:
    """Logits and targets of the images that the classifier can be asked about, since it was trained on none of them."""
    places = side.recognisable
    return side.logits[places], None if side.targets is None else side.targets[places]


def _diversity(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.diversity import diversity

    return [diversity(side.images, side.spec)]


def _class_diversity(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.diversity import diversity

    if side.labels is None or np.unique(side.labels, return_counts=True)[1].max() < 2:
        return []
    return [diversity(side.images, side.spec, labels=side.labels)]


def _colour(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.colour import channel_moments, colour_shift

    return colour_shift(channel_moments(side.images, side.spec), channel_moments(reference.images, side.spec))


def _reconstruction(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.reconstruction import reconstruction

    return reconstruction(reference.images, side.images, side.spec)


def _perceptual(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.reconstruction import perceptual

    return [perceptual(side.distances, network=side.eyes)]


def _rfd(side: ImageSet, reference: ImageSet) -> list[Score]:
    from debruit.metrics.reconstruction import rfd

    return [rfd(side.features, reference.features, network=side.network)]


METRICS: tuple[Metric, ...] = (
    Metric(name="frechet", needs=("features",), compute=_frechet),
    Metric(name="frechet-unbiased", needs=("features",), least=8, compute=_frechet_unbiased),
    Metric(name="kid", needs=("features",), compute=_kid),
    Metric(
        name="manifold", gives=("precision", "recall", "density", "coverage"), needs=("features",), least=NEIGHBOURS + 1, compute=_manifold
    ),
    Metric(name="accuracy", needs=("labels", "asked", "taught", "logits"), compute=_accuracy),
    Metric(name="conditional-entropy", needs=("labels", "taught", "logits"), compute=_conditional_entropy),
    Metric(name="inception-score", needs=("labels", "taught", "logits"), compute=_inception_score),
    Metric(name="accuracy-by-class", needs=("labels", "asked", "taught", "logits"), compute=_accuracy_by_class),
    Metric(name="mask-iou", needs=("mask", "segments"), compute=conditional.mask_iou),
    Metric(name="mask-iou-by-class", needs=("mask", "segments"), compute=conditional.mask_iou_by_class),
    Metric(name="caption-retrieval", needs=("text", "scorer"), compute=conditional.caption_retrieval),
    Metric(name="fidelity", gives=("sample-psnr", "sample-ssim"), needs=("image",), compute=conditional.fidelity),
    Metric(name="diversity", compute=_diversity),
    Metric(name="class-diversity", needs=("labels", "asked"), compute=_class_diversity),
    Metric(name="colour", compute=_colour),
    Metric(name="reconstruction", gives=("psnr", "ssim"), of="passages", compute=_reconstruction),
    Metric(name="perceptual", needs=("distances", "eight"), of="passages", compute=_perceptual),
    Metric(name="rfd", needs=("features",), of="passages", compute=_rfd),
)  # fmt: skip
ANALYSES: tuple[Analysis, ...] = (
    Analysis(name="bound", needs=("diffusion", "bound")),
    Analysis(name="latent-bound", needs=("diffusion", "latent-bound")),
    Analysis(name="likelihood"),
    Analysis(name="memorisation", needs=("diffusion", "own")),
    Analysis(name="loss", needs=("diffusion", "log")),
    Analysis(name="codec", needs=("codec",)),
)


OF = {"images": "diffusion", "passages": "codec"}  # what a metric needs by what it is of


@dataclass(frozen=True)
class Choice:
    """What will be measured: metrics and analyses; `asked` are the names that were given (() for all); `left_out` says what not, and why."""

    metrics: tuple[Metric, ...]
    analyses: tuple[str, ...]
    asked: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]

    def needs(self, what: str) -> bool:
        return any(what in m.needs for m in self.metrics)

    @property
    def passages(self) -> bool:
        """Whether images must go through the autoencoder."""
        return "codec" in self.analyses or any(m.of == "passages" for m in self.metrics)

    def shown(self, metric: Metric, scores: Sequence[Score]) -> list[Score]:
        """Of a metric's scores those that were asked for: all, unless only some of them were named."""
        whole = not self.asked or metric.name in self.asked
        return [s for s in scores if whole or s.name in self.asked]


def parse(text: str | None) -> tuple[str, ...]:
    """The names of `--metrics a,b`; () is every metric that applies. InputError names the nearest for a misspelt one."""
    names = tuple(part.strip().lower().replace("_", "-") for part in (text or "").split(",") if part.strip())
    known = {name for entry in (*METRICS, *ANALYSES) for name in (entry.name, *entry.gives)}
    for name in names:
        if name not in known:
            raise unknown("metric", name, known)
    if text is not None and not names:
        raise InputError("--metrics names none: give one or more of " + ", ".join(sorted(known)))
    return names


def choose(names: Sequence[str], subject: Either, spec: DataSpec, division: EvalSplit, count: int) -> Choice:
    """What of these names (all when there are none) can be measured of `count` samples; InputError if one was asked for that cannot."""
    metrics, analyses, left_out = [], [], []
    for entry in (*METRICS, *ANALYSES):
        asked = [name for name in (entry.name, *entry.gives) if name in names]
        if names and not asked:
            continue
        reason = _unmet(entry, subject, spec, division, count)
        if reason and asked:
            raise InputError(f"--metrics {asked[0]}: {reason}")
        if reason:
            left_out.append((entry.name, reason))
        elif isinstance(entry, Metric):
            metrics.append(entry)
        else:
            analyses.append(entry.name)
    return Choice(tuple(metrics), tuple(analyses), tuple(names), tuple(left_out))


def _unmet(entry: Metric | Analysis, subject: Either, spec: DataSpec, division: EvalSplit, count: int) -> str:
    """Why this cannot be measured; "" where it can."""
    needs = (OF[entry.of], *entry.needs) if isinstance(entry, Metric) else entry.needs
    for need in needs:
        if need in NEEDS and (reason := NEEDS[need](subject, spec, division)):
            return reason
    if not isinstance(entry, Metric):
        return ""
    if count < entry.least:
        return f"it needs at least {entry.least} samples, and -n is {count}"
    if entry.of == "images" and len(division.reference) < entry.least:
        return (
            f"it needs at least {entry.least} images to compare with, and {spec.name} leaves {len(division.reference)}"
        )
    return ""
