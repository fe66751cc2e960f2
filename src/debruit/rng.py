"""Every random stream of the package by name: `stream(purpose, seed, *where)`. No two names share a number.

The generator is Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): under a key of 128 bits, a
bijection of counters of 256 bits, each of which gives a block of four 64-bit words.

    key      = (seed, number of the purpose)
    counter  = (block, where_0, where_1, where_2)

A purpose always has as many parts of `where`, so (purpose, seed, where, block) -> (key, counter) is one to one, and two
streams never evaluate the generator at the same point. The blocks of a stream are numbered, so any part of it is read
without what stands before it: in training, the example at position p of the run reads row p of a table, and any split
of a batch over microbatches, processes or devices draws the same.

Words, permutations and uniform numbers are the same on every machine; normal numbers up to the rounding of log, cos and
sin.
"""

import contextlib
import math
import threading
from collections.abc import Callable, Generator, Sequence
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from debruit.ranges import check_seed

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 4  # 64-bit words
GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / golden ratio
CHUNK = 2**15  # pairs of normal numbers computed at once: they stay in the processor's cache
ROUNDS = 3  # most parts of `where`


class Purpose(Enum):
    """The purpose of a stream: its number, which is part of the key and never used again, and the parts of `where`.

    Positions count the examples of a run from its beginning; `attempt` counts its roll-backs.
    """

    # sampling and editing
    SAMPLE = 1, "image"  # the noise that an image starts from, and that its sampler adds
    VARIATION = 2, "image"  # the noise that a variation mixes into an image's own
    # training
    WEIGHTS = 10, ""  # initial weights
    DISCRIMINATOR_WEIGHTS = 11, "collapse"  # those of a discriminator, after so many collapses
    ORDER = 12, "epoch"  # permutation of the training images
    FILE_ORDER = 13, "epoch"  # permutation of the files that streamed data lies in
    TIME = 14, "attempt"  # row: position; the time of an example
    NOISE = 15, "attempt"  # row: position; eps of an example
    LATENT = 16, "attempt"  # row: position; the sample of an example's latents, z = mean + std eps_z
    DROP = 17, "attempt"  # row: position; which conditions an example drops
    FLIP = 18, ""  # row: position; whether an example is mirrored
    DROPOUT = 19, "attempt"  # row: position; the key of an example's dropout masks
    CODES = 20, "images seen", "attempt"  # the latents that dead codes of a codebook move to
    VALIDATION_TIME = 21, ""  # times of validation images
    VALIDATION_NOISE = 22, ""  # row: image; eps
    VALIDATION_LATENT = 23, ""  # row: image; the sample of its latents
    VALIDATION_TRAINING = 24, ""  # the training images that are validated on
    COPY_ALARM = 25, ""  # the images that the alarm on copies compares with
    SYNTHETIC = 26, ""  # data that a speed is measured with
    CROP = 27, ""  # row: position; where the window of an example lies in its image
    VALIDATION_CROP = 28, ""  # row: image; where the window of a validation image lies
    DEGRADE = 29, "attempt"  # row: position; how the condition of an example is degraded
    # distillation
    TRAJECTORY = 80, "attempt"  # row: trajectory; the noise that a teacher's trajectory starts from
    TRAJECTORY_DROP = 81, "attempt"  # row: trajectory; which conditions it drops
    TRAJECTORY_VALIDATION = 82, ""  # row: image; the noise of the trajectories that a student is validated on
    # networks that evaluate
    JUDGE_WEIGHTS = 30, ""  # initial weights and dropout of a classifier or segmenter
    JUDGE_ORDER = 31, "epoch"  # permutation of their training images
    JUDGE_FLIP = 32, ""  # row: position; whether an example is mirrored
    JUDGE_SHIFT = 33, ""  # row: step; by how much a batch is shifted
    JUDGE_DATA = 34, ""  # the training images that they learn from
    JUDGE_POOL = 35, ""  # the training images that those are chosen from, where there are very many
    CAPTION_FOLDS = 36, ""  # permutation of the captions that the caption scorer is tested on
    # evaluation
    IMAGE_SET = 40, ""  # the order in which images are taken into a set
    ANALYSIS_IMAGES = 41, ""  # the images that an analysis looks at
    LIKELIHOOD_IMAGES = 42, ""  # the images whose likelihood is measured
    LIKELIHOOD_NOISE = 43, "image"  # noise of the bound; dequantisation and probes of the ODE
    LIKELIHOOD_STEPS = 44, "image"  # the chain's steps that the bound is measured at
    PROBE = 45, ""  # matrices that a speed is measured with
    # metrics
    BOOTSTRAP = 50, ""  # resampling of a mean
    PAIRED_FOLDS = 51, ""  # groups of a paired difference
    FRECHET_FOLDS = 52, ""  # groups of a Frechet distance
    MANIFOLD_SUBSET = 53, ""  # samples of precision and recall
    KERNEL_SUBSET = 54, ""  # reference images of the kernel distance
    RETRIEVAL = 55, ""  # the captions that a caption competes with
    DIVERSITY_PAIRS = 56, ""  # pairs of images that are compared
    # lecture
    WALK = 60, ""  # the forward walks
    BOUND_TERMS = 61, ""  # the steps that the terms of the bound are measured at
    BOUND_NOISE = 62, "image"  # and their noise
    STUDY_NOISE = 63, "image"  # the noise on the explained image
    REVERSE_PATHS = 68, "distribution"  # trajectories of a toy through the reverse chain
    TOY_NOISE = 69, ""  # noise of the weights whose mean is a likelihood
    LESSON_STEPS = 72, ""  # the steps that algorithm 1 draws on the page
    LESSON_NOISE = 73, "image"  # and its noise, one "image" for each iteration
    FAMILY = 76, "point set"  # the point sets of the family of models

    def __init__(self, number: int, *where: str) -> None:
        self.number, self.where = number, tuple(part for part in where if part)


def stream(purpose: Purpose, seed: int, *where: int) -> "Stream":
    """The stream of this name at its beginning. InputError: a seed that ranges.Seed does not allow."""
    return Stream(*key_of(purpose, seed, *where))


def key_of(purpose: Purpose, seed: int, *where: int) -> tuple[tuple[int, int], tuple[int, int, int]]:
    """Philox's key and the upper words of its counter: different for different names."""
    check_seed(seed)
    if len(where) != len(purpose.where):
        raise ValueError(f"{purpose} takes {len(purpose.where)} numbers ({', '.join(purpose.where)}), not {len(where)}")
    if any(not 0 <= part < 2**64 for part in where):
        raise ValueError(f"{purpose} at {where}: give whole numbers from 0 to 2^64 - 1")
    first, second, third, *_ = (*(int(part) for part in where), 0, 0, 0)
    return (int(seed), purpose.number), (first, second, third)


def torch_seed(purpose: Purpose, seed: int, *where: int) -> int:
    """A seed of 64 bits for a generator of torch: the first word of the stream.

    It is for what draws from torch's own generators, such as the initial weights of modules. Those of a CPU use 32 bits
    of it: of n names two share a stream of torch with a probability of about n^2 / 2^33.
    """
    return int(stream(purpose, seed, *where).words(0, 1)[0])


_global = threading.RLock()  # torch has one global generator for all threads


@contextlib.contextmanager
def torch_generator(purpose: Purpose, seed: int, *where: int) -> Generator[None]:
    """Inside, torch's global generator on the CPU is at the beginning of the stream of this name; after it, as before.

    One thread at a time is inside, so that two trainings of one process do not sample from each other's stream.
    """
    import torch

    with _global, torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(purpose, seed, *where))
        yield


def split_permutation(count: int, seed: int, *where: int) -> np.ndarray:
    """A permutation of range(count) for the held-out images, (count,).

    A model's file names its held-out images by their number and its seed alone, so this function never changes, and it
    has a generator of its own: torch's Mersenne Twister, seeded by 32 bits of a hash (splitmix64).
    """
    import torch  # for which a list of the sources should not wait

    check_seed(seed)
    state, key = 0, (seed, 3, *where)
    for part in (*key[:-1], key[-1] >> 32):
        state = _mix64((state + part * GOLDEN + 0x632BE59BD9B4E019) % 2**64)
    mixed = _mix32(_mix32((key[-1] ^ state) % 2**32) ^ (state >> 32))
    return torch.randperm(count, generator=torch.Generator().manual_seed(mixed)).numpy()


class Stream:
    """Numbers one after the other (`normal`, `uniform`, `integers`, `permutation`), each call from the next whole block
    on; or row by row of a table (`normal_rows`, `uniform_rows`, `even_rows`), which no call moves. The tables of a
    stream begin where it begins: a purpose has either."""

    def __init__(self, key: tuple[int, int], where: tuple[int, int, int]) -> None:
        self._key, self._where, self._block = key, where, 0

    def words(self, first_block: int, count: int) -> np.ndarray:
        """`count` words from a block on, (count,) uint64."""
        return _philox(self._key, (first_block, *self._where)).random_raw(count)

    def normal(self, shape: Sequence[int]) -> "Tensor":
        """Standard normal numbers, float32."""
        return normal_of([self], shape)[0]

    def uniform(self, shape: Sequence[int]) -> "Tensor":
        """Uniform numbers in (0, 1), float64."""
        import torch

        return torch.from_numpy(_unit(self._next(math.prod(shape)))).reshape(tuple(shape))

    def integers(self, high: int, shape: Sequence[int]) -> "Tensor":
        """Whole numbers from 0 to high - 1, int64; `high` up to 2^31."""
        return (self.uniform(shape) * high).long()

    def permutation(self, count: int) -> np.ndarray:
        """A permutation of range(count), (count,) int64."""
        return np.argsort(self._next(count), kind="stable")

    def numpy(self) -> np.random.Generator:
        """numpy's generator at the beginning of this stream, for what it alone offers. Its numbers may change with
        numpy's version."""
        key, counter = np.array(self._key, np.uint64), np.array((0, *self._where), np.uint64)
        return np.random.Generator(np.random.Philox(key=key, counter=counter))

    def normal_rows(self, first: int, count: int, shape: Sequence[int]) -> "Tensor":
        """Rows first..first + count - 1 of a table of standard normal numbers, (count, *shape) float32."""
        words = _words_of(math.prod(shape))
        return _normal(_philox(self._key, (first * (words // BLOCK), *self._where)).random_raw, count, shape)

    def uniform_rows(self, first: int, count: int, columns: int = 1) -> "Tensor":
        """Rows first..first + count - 1 of a table of uniform numbers in (0, 1), (count, columns) float64."""
        import torch

        return torch.from_numpy(_unit(self.word_rows(first, count, columns)))

    def word_rows(self, first: int, count: int, columns: int = 1) -> np.ndarray:
        """Rows first..first + count - 1 of a table of words, (count, columns) uint64."""
        wide = -(-columns // BLOCK) * BLOCK
        return self.words(first * (wide // BLOCK), count * wide).reshape(count, wide)[:, :columns]

    def even_rows(self, first: int, count: int) -> "Tensor":
        """Terms first..first + count - 1 of a sequence in (0, 1), (count,) float64: u_p = frac(u_0 + p / golden ratio),
        u_0 from the stream.

        Each term is uniform, and every run of terms is spread evenly: a mean over them has far less variance than over
        independent numbers. It does in training what Kingma et al. 2021 (appendix I) do by a lattice over each batch,
        whatever the batches are. Of all additive recurrences this one has the lowest discrepancy (Niederreiter 1992,
        section 3.1).
        """
        import torch

        with np.errstate(over="ignore"):
            terms = np.arange(first, first + count, dtype=np.uint64) * np.uint64(GOLDEN) + self.words(0, 1)
        return torch.from_numpy(_unit(terms))

    def _next(self, count: int) -> np.ndarray:
        """The next `count` words, in whole blocks."""
        blocks = -(-count // BLOCK)
        words = self.words(self._block, blocks * BLOCK)
        self._block += blocks
        return words[:count]


def normal_of(streams: Sequence[Stream], shape: Sequence[int]) -> "Tensor":
    """The next standard normal numbers of each stream, (len(streams), *shape) float32: what `normal` gives for each."""
    rest = iter(streams)
    words = lambda count: np.concatenate([next(rest)._next(each) for _ in range(count // each)])  # noqa: E731
    each = max(_words_of(math.prod(shape)), BLOCK)
    return _normal(words, len(streams), shape)


_local = threading.local()


def _philox(key: tuple[int, int], counter: tuple[int, int, int, int]) -> np.random.Philox:
    """Return the generator of this thread, set to a key and a counter: twenty times as fast as another generator."""
    if not hasattr(_local, "philox"):
        _local.philox = np.random.Philox(0)
        _local.state = _local.philox.state
    state = _local.state
    state["state"]["key"][:] = key
    state["state"]["counter"][:] = counter
    _local.philox.state = state
    return _local.philox


def _words_of(numbers: int) -> int:
    """The words that so many normal numbers take: half a word each, in whole blocks."""
    return -(-numbers // (2 * BLOCK)) * BLOCK


def _unit(words: np.ndarray) -> np.ndarray:
    """Uniform numbers in (0, 1), float64, of 53 bits."""
    return ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _normal(words: Callable[[int], np.ndarray], count: int, shape: Sequence[int]) -> "Tensor":
    """(count, *shape) float32, from the next `words(count)`. Each row takes its own words, whose first half gives radii
    and whose second half gives angles (Box & Muller 1958): r = sqrt(-2 log u), r cos(2 pi v), r sin(2 pi v)."""
    import torch

    numbers = math.prod(shape)
    half = _words_of(numbers)  # pairs in a row
    out = np.empty((count, 2 * half), np.float32)
    rows = max(CHUNK // max(half, 1), 1)
    for start in range(0, count, rows):
        part = out[start : start + rows]
        bits = words(len(part) * half).astype("<u8", copy=False).view("<u4").reshape(len(part), 2 * half)
        for left in range(0, half, CHUNK):
            low, high = slice(left, min(left + CHUNK, half)), slice(half + left, half + min(left + CHUNK, half))
            u = bits[:, low].astype(np.float32) * np.float32(2.0**-32) + np.float32(2.0**-33)
            angle = bits[:, high].astype(np.float32) * np.float32(2 * math.pi * 2.0**-32)
            radius = np.sqrt(np.log(u) * np.float32(-2))
            np.multiply(radius, np.cos(angle), out=part[:, low])
            np.multiply(radius, np.sin(angle), out=part[:, high])
    return torch.from_numpy(out[:, :numbers]).reshape(count, *shape)


def _mix64(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def _mix32(z: int) -> int:
    z = (z ^ (z >> 16)) * 0x7FEB352D % 2**32
    z = (z ^ (z >> 15)) * 0x846CA68B % 2**32
    return z ^ (z >> 16)
