"""Statistics of an autoencoder's latents."""

from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from typing import ClassVar

from torch import Tensor

from debruit.evaluation.analyses.analysis import Analysis, AnalysisTask, Result
from debruit.evaluation.latent_diagnostics import latent_scores
from debruit.evaluation.reconstruction import batch_size
from debruit.evaluation.requirements import Requirement, codec


@dataclass(frozen=True)
class CodecAnalysis(Analysis):
    """Whether every part of the latents carries information, and whether diffusion finds them as it expects."""

    name: ClassVar[str] = "codec"
    requires: ClassVar[tuple[Requirement, ...]] = (codec,)
    reconstructs: ClassVar[bool] = True
    position: ClassVar[float] = 60

    def total(self, task: AnalysisTask) -> float:
        return len(task.reconstructed)

    def run(self, task: AnalysisTask) -> Generator[float, None, Result]:
        fingerprint, indices = task.dataset.spec.fingerprint, task.reconstructed.tolist()
        key = [task.loaded.digest, task.loaded.device.type, fingerprint, indices]
        yield 0
        return task.store.get_or_make(
            "codec", key, lambda: {"scores": [asdict(s) for s in latent_scores(task.loaded.codec, _batches(task))]}
        )


def _batches(task: AnalysisTask) -> Iterator[Tensor]:
    batch = batch_size(task.dataset.spec)
    for start in range(0, len(task.reconstructed), batch):
        images = task.dataset.images_of(task.reconstructed[start : start + batch])
        yield task.loaded.data.to_model(images).to(task.loaded.device)
