"""The protocol of analyses, parts of the report of their own. A new one is a file of this package, or a registered
class."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from debruit.data.dataset import Dataset
from debruit.evaluation.image_set import ImageSet
from debruit.evaluation.progress import Cost
from debruit.evaluation.requirements import Requirement
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.splits import EvalSplit
from debruit.models.loaded import LoadedAutoencoder, LoadedModel

Result = dict[str, Any]  # JSON values; "scores" are rows of the report
LAST = 1000.0  # position in the report of analyses that do not say theirs


@dataclass(frozen=True)
class AnalysisTask:
    """The input of an analysis. `images` is the number of training and of held-out images for a likelihood, `key` what
    determines the image sets, `reconstructed` are the indices of the images that are encoded and decoded."""

    loaded: LoadedModel | LoadedAutoencoder
    dataset: Dataset
    split: EvalSplit
    images: int
    seed: int
    store: ResultStore
    sets: dict[str, ImageSet]
    key: list[Any]
    reconstructed: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))


class Analysis(Protocol):
    """A frozen dataclass that derives from this class.

    name: the name in `--metrics` and in report.json
    requires: requirements (evaluation/requirements.py)
    networks: networks that it needs
    reconstructs: whether it needs images that were encoded and decoded
    all_training: whether it uses features of all training images
    position: order in the report
    """

    name: ClassVar[str]
    requires: ClassVar[tuple[Requirement, ...]] = ()
    networks: ClassVar[tuple[str, ...]] = ()
    reconstructs: ClassVar[bool] = False
    all_training: ClassVar[bool] = False
    position: ClassVar[float] = LAST

    def cost(self, images: int, samples: int, split: EvalSplit) -> Cost | float:
        """Estimated work, or seconds, for `images` likelihood images and `samples` samples."""
        return 2.0

    def total(self, task: AnalysisTask) -> float:
        """Units of work in all."""
        return 1

    def run(self, task: AnalysisTask) -> Generator[float, None, Result]:
        """Yields the units done and returns the result, which is saved in the task's store."""
        ...
