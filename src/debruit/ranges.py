"""Ranges of numbers that come from outside, as annotations of configuration fields: config.py refuses what lies outside
them, and NaN and infinity for every number. Large limits are no recommendation: they turn a typing error into a
sentence before memory or time runs out.
"""

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

from debruit.errors import InputError

MOST_STEPS = 100_000  # of a sampler or a chain
MOST_IMAGES = 10**12  # of a training
LARGEST_BATCH = 2**20
MOST_SAMPLES = 10_000_000  # images of one call
LARGEST_SEED = 2**63 - 1
LARGEST_SIDE = 2**14  # pixels
WIDEST = 2**16  # channels

Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
ShareBelowOne = Annotated[float, Ge(0), Lt(1)]  # dropout: 1 would leave nothing
Steps = Annotated[int, Ge(1), Le(MOST_STEPS)]
ChainLength = Annotated[int, Le(MOST_STEPS)]  # Chain itself says what is too short
Seed = Annotated[int, Ge(0), Le(LARGEST_SEED)]
Images = Annotated[int, Ge(0), Le(MOST_IMAGES)]
Batch = Annotated[int, Ge(0), Le(LARGEST_BATCH)]
ImageSet = Annotated[int, Ge(1), Le(LARGEST_SIDE)]
Crop = Annotated[int, Ge(0), Le(LARGEST_SIDE)]  # 0: whole images
Width = Annotated[int, Ge(1), Le(WIDEST)]
WidthOrNone = Annotated[int, Ge(0), Le(WIDEST)]  # 0: none of it
Repeats = Annotated[int, Ge(0), Le(1_000)]


def check_seed(seed: int, what: str = "--seed") -> None:
    """InputError: a seed below 0 or above LARGEST_SEED, which torch's generators do not take."""
    if not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"{what} {seed}: give a whole number from 0 to {LARGEST_SEED}")
