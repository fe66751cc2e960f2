"""Test, while a model trains, whether its samples copy training images more often than held-out images do."""

import numpy as np

from debruit.data.dataset import Dataset
from debruit.data.split import Split
from debruit.data.subset import random_subset
from debruit.evaluation.memorisation.nearest import mirror_columns, nearest, thumbnail_blocks, thumbnails
from debruit.evaluation.memorisation.report import NEIGHBOURS, THRESHOLD
from debruit.evaluation.memorisation.verdict import Rate, excess
from debruit.rng import Purpose
from debruit.training.config import Run
from debruit.training.state import TrainState
from debruit.training.tasks.diffusion import ALARM_COUNT, sample_images

SEED = 1
MOST_IMAGES, MOST_BYTES = 20_000, 2**30  # of either part, training and held-out, and what reading them may cost once
SURE = 3.0  # standard deviations; high, since the test is repeated throughout a training


class CopyAlarm:
    """Report, during `fit`, that samples of the averaged weights copy training images.

    A call generates a few samples and returns a line if their rate of near copies (report.py, on pixels) exceeds that
    of the held-out images significantly, else None. Without held-out images it returns None.

    A large data set is looked at in part, so copies of the other images go unseen. A run with flips counts mirror
    images as copies. The training's random streams are not used. In memory: a piece of the images, their
    thumbnails in 8 bits, a block of them in floats.
    """

    def __init__(self, run: Run, dataset: Dataset, split: Split) -> None:
        pool, held_out = split.train, split.validation
        bytes_each = dataset.images.nbytes // len(dataset)
        most = min(MOST_IMAGES, max(MOST_BYTES // bytes_each, NEIGHBOURS))
        self.run, self.dataset, self.split, self.pool = run, dataset, split, len(pool)
        self.looked_at, self.held_out = (
            random_subset(part, Purpose.COPY_ALARM, run.seed, most) for part in (pool, held_out)
        )
        self.mirror = mirror_columns(dataset.spec) if run.flip else None
        self._small: list[np.ndarray] = []
        self._baseline = Rate(0, 0)

    def prepare(self) -> None:
        """The training images' thumbnails and the baseline, once: later looks cost the samples and their comparison."""
        if self._small or not self._can_tell:
            return
        self._small = [
            (block * 255).round().astype(np.uint8) for block in thumbnail_blocks(self.dataset, self.looked_at)
        ]
        rates = [self._rate(block) for block in thumbnail_blocks(self.dataset, self.held_out)]
        self._baseline = Rate(sum(rate.hits for rate in rates), len(self.held_out))

    def __call__(self, state: TrainState) -> str | None:
        if not self._can_tell:
            return None
        self.prepare()
        samples = sample_images(self.run, state, self.dataset, self.split, ALARM_COUNT, SEED)
        rate = self._rate(thumbnails(samples, self.dataset.spec))
        if excess(rate, self._baseline, SURE)[0] <= 0:
            return None
        part = "" if len(self.looked_at) == self.pool else f" (of {len(self.looked_at):,} looked at)"
        return (
            f"alarm: samples copy training images{part}: {rate} are near copies, against {self._baseline} of the "
            "held-out images; stop here, train on more images, or take a smaller network"
        )

    @property
    def _can_tell(self) -> bool:
        return len(self.held_out) > 0 and len(self.looked_at) >= 2

    def _rate(self, queries: np.ndarray) -> Rate:
        blocks = (block.astype(np.float32) / 255 for block in self._small)
        neighbours = nearest(queries, blocks, min(NEIGHBOURS, len(self.looked_at)), mirror=self.mirror)
        return Rate(int((neighbours.ratio < THRESHOLD).sum()), len(queries))
