"""While a model trains: do its samples already copy training images more often than held-out images resemble them?"""

from collections.abc import Callable

import numpy as np
import torch

from debruit.data.dataset import Dataset
from debruit.evaluation.copying import Rate, excess
from debruit.evaluation.memorisation import NEIGHBOURS, THRESHOLD
from debruit.evaluation.neighbours import nearest, thumbnail_blocks, thumbnails
from debruit.model import Model
from debruit.sampling.euler import Euler
from debruit.sampling.grids import UniformTime
from debruit.sampling.noise import generator
from debruit.training.folder import PREVIEW_STEPS
from debruit.training.run import Run
from debruit.training.state import TrainState
from debruit.training.stream import split

SAMPLES, SEED = 32, 1
MOST_IMAGES, MOST_BYTES = 20_000, 2**30  # training images looked at, and what reading them may cost once
SURE = 3.0  # standard deviations: it is asked again and again, and should not cry at chance
ALARM = 10  # key of the random stream


def copy_alarm(run: Run, dataset: Dataset) -> Callable[[TrainState], str | None]:
    """For `fit`: a function that draws a few samples with the averaged weights and returns a line when their rate of near copies
    (memorisation.py, on pixels) surely passes that of the held-out images, else None. Without held-out images it never speaks.

    A large data set is looked at in part, so copies of the other images go unseen. Nothing random is drawn from the training's streams.
    """
    pool, held_out = split(len(dataset), run.held_out_images, run.seed)
    bytes_each = dataset.images.nbytes // len(dataset)
    looked_at = _some(pool, min(MOST_IMAGES, max(MOST_BYTES // bytes_each, NEIGHBOURS)), run.seed)
    held_out = _some(held_out, MOST_IMAGES, run.seed)
    k = min(NEIGHBOURS, len(looked_at))
    known: list = []  # the training images' thumbnails in 8 bits and the baseline, from the first look on

    def look(state: TrainState) -> str | None:
        if not len(held_out) or len(looked_at) < 2:
            return None
        if not known:
            small = [(block * 255).round().astype(np.uint8) for block in thumbnail_blocks(dataset, looked_at)]
            known.extend([small, _rate(np.concatenate([*thumbnail_blocks(dataset, held_out)]), small, k)])
        small, baseline = known
        rate = _rate(thumbnails(draw(run, state), dataset.spec), small, k)
        if excess(rate, baseline, SURE)[0] <= 0:
            return None
        part = "" if len(looked_at) == len(pool) else f" (of {len(looked_at):,} looked at)"
        return (
            f"alarm: samples copy training images{part}: {rate} are near copies, against {baseline} of the held-out images; "
            "stop here, train on more images, or take a smaller network"
        )

    return look


def draw(run: Run, state: TrainState) -> torch.Tensor:
    """A few samples of the averaged weights, at rest, from fixed noise, with as many evaluations as a preview."""
    own = run.model.sampling
    steps = min(PREVIEW_STEPS, own.sampler.evaluations(own.steps))
    model = Model(run.model, state.average)
    return model.generate(SAMPLES, seed=SEED, sampler=Euler(), grid=UniformTime(), steps=steps)


def _rate(queries: np.ndarray, small: list[np.ndarray], k: int) -> Rate:
    blocks = (block.astype(np.float32) / 255 for block in small)
    return Rate(int((nearest(queries, blocks, k).ratio < THRESHOLD).sum()), len(queries))


def _some(indices: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most so many of them, drawn by the seed."""
    order = torch.randperm(len(indices), generator=generator(seed, ALARM)).numpy()
    return np.sort(indices[order[:most]])
