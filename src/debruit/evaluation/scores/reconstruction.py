"""How well an autoencoder reconstructs images: decoded images against their originals."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from debruit.evaluation.image_set import ImageSet
from debruit.evaluation.requirements import Requirement, perceptual_network
from debruit.evaluation.scores.metric import Metric
from debruit.metrics import reconstruction
from debruit.metrics.score import Score


@dataclass(frozen=True)
class Reconstruction(Metric):
    """PSNR and SSIM."""

    name: ClassVar[str] = "reconstruction"
    gives: ClassVar[tuple[str, ...]] = ("psnr", "ssim")
    compares: ClassVar[Literal["samples", "reconstructions"]] = "reconstructions"
    position: ClassVar[float] = 160

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        return reconstruction.reconstruction(reference.images, images.images, images.spec)


@dataclass(frozen=True)
class Perceptual(Metric):
    """The perceptual distance of each image to its original."""

    name: ClassVar[str] = "perceptual"
    compares: ClassVar[Literal["samples", "reconstructions"]] = "reconstructions"
    networks: ClassVar[tuple[str, ...]] = ("perceptual",)
    requires: ClassVar[tuple[Requirement, ...]] = (perceptual_network,)
    position: ClassVar[float] = 170

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        return [reconstruction.perceptual(images.distances, network=images.perceptual)]


@dataclass(frozen=True)
class ReconstructionFrechet(Metric):
    """rFD, the Frechet distance of decoded images to their originals."""

    name: ClassVar[str] = "rfd"
    compares: ClassVar[Literal["samples", "reconstructions"]] = "reconstructions"
    networks: ClassVar[tuple[str, ...]] = ("features",)
    position: ClassVar[float] = 180

    def compute(self, images: ImageSet, reference: ImageSet) -> list[Score]:
        return [reconstruction.rfd(images.features, reference.features, network=images.network)]
