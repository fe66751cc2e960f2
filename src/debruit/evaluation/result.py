"""The request for an evaluation and its result."""

from dataclasses import dataclass
from typing import Any

from debruit.errors import InputError
from debruit.evaluation.conditions import SampleConditions
from debruit.evaluation.image_set import ImageSet
from debruit.evaluation.splits import EvalSplit
from debruit.images.spec import DataSpec
from debruit.metrics.reconstruction import gap
from debruit.metrics.score import Score
from debruit.models.diffusion import Model
from debruit.models.loaded import LoadedAutoencoder, LoadedModel


@dataclass(frozen=True, kw_only=True)
class Request:
    """An evaluation to be made. InputError: numbers that allow no evaluation.

    count: samples to draw, or images to reconstruct
    metrics: names of metrics and analyses, () for all that apply
    conditions: names of the conditions that samples get, () for none, None for all
    network: the feature network, as `find_extractor` takes it
    batch: samples per batch
    likelihood_images: training images, and as many held-out ones, for the likelihood
    reference: at most so many real images to compare with; None for splits.REFERENCE_IMAGES
    """

    count: int = 2000
    metrics: tuple[str, ...] = ()
    conditions: tuple[str, ...] | None = None
    network: str = "efficientnet"
    seed: int = 0
    batch: int = 64
    likelihood_images: int = 64
    reference: int | None = None

    def __post_init__(self) -> None:
        if self.count < 2:
            raise InputError(f"-n {self.count}: scores need at least 2 samples, and about 2,000 to be meaningful")
        if self.batch < 1:
            raise InputError(f"--batch {self.batch}: give 1 or more")
        if self.reference is not None and self.reference < 2:
            raise InputError(
                f"--reference {self.reference}: a distance needs at least 2 images to compare with, and thousands to "
                "be meaningful"
            )
        if self.likelihood_images < 2:
            raise InputError(f"--likelihood-images {self.likelihood_images}: a standard error needs at least 2 images")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The result of an evaluation.

    scores: of the samples
    real_baseline: of real images, as many as samples
    reconstructed_baseline: of these real images after encoding and decoding
    heldout_reconstruction: decoded images against their originals, of images that the autoencoder was not trained on
    train_reconstruction: of training images, for an autoencoder
    left_out: metrics that do not apply, and why
    analyses: results by name (bound, likelihood, memorisation, loss, codec)
    sets: the image sets that were compared; `key` is what determines them
    conditions: of the samples; None for an autoencoder
    """

    loaded: LoadedModel | LoadedAutoencoder
    data: DataSpec
    request: Request
    split: EvalSplit
    scores: tuple[Score, ...]
    real_baseline: tuple[Score, ...]
    left_out: tuple[tuple[str, str], ...]
    analyses: dict[str, Any]
    sets: dict[str, ImageSet]
    networks: dict[str, Any]
    key: list[Any]
    seconds: float
    reconstructed_baseline: tuple[Score, ...] = ()
    heldout_reconstruction: tuple[Score, ...] = ()
    train_reconstruction: tuple[Score, ...] = ()
    conditions: SampleConditions | None = None

    @property
    def model(self) -> Model:
        """The diffusion model; AssertionError for an autoencoder."""
        assert isinstance(self.loaded, LoadedModel), "an autoencoder draws no samples"
        return self.loaded.model

    @property
    def gaps(self) -> tuple[Score, ...]:
        """Held-out minus training scores of an autoencoder."""
        train = {s.label: s for s in self.train_reconstruction}
        return tuple(gap(s, train[s.label]) for s in self.heldout_reconstruction if s.label in train)

    @property
    def baseline_description(self) -> str:
        """The real images of the baseline, as a clause after "real images"."""
        split = self.split
        if not split.own:
            return f"of {self.data.name}, which the model was not trained on,"
        unseen = min(len(split.held_out), len(split.baseline))
        if unseen == len(split.baseline):
            return "that the model never saw"
        if not unseen:
            return "(of its training images, since none were held out)"
        return f"({unseen:,} that the model never saw, the others among its training images)"
