"""The number flags of every verb: each with its range, checked when the command line is read, before any work."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter, Token

from debruit.ranges import LARGEST_BATCH, LARGEST_SEED, LARGEST_SIDE, MOST_IMAGES, MOST_SAMPLES, MOST_STEPS

MOST_MINUTES = 525_600  # a year
MOST_EDITED = 10_000
MOST_THREADS = 4_096


@dataclass(frozen=True)
class Within:
    """A validator of cyclopts: ValueError, saying what to give, for a number outside [low, high] or, where the low end
    is `open`, for `low` itself.
    """

    low: float
    high: float
    open: bool = False
    sentence: str = "give {range}"

    def __call__(self, kind: Any, value: Any) -> None:
        """Check a value; None and values that are no numbers pass, and the verb chooses its default."""
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return
        if not (math.isfinite(value) and self.low <= value <= self.high and not (self.open and value == self.low)):
            raise ValueError(self.sentence.format(value=_written(value), range=self, high=_written(self.high)))

    def __str__(self) -> str:
        start = "more than " if self.open else ""
        return f"{start}{_written(self.low)} {'up ' * self.open}to {_written(self.high)}"


def _written(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def whole(kind: Any, tokens: Sequence[Token]) -> int:
    """Convert a token to a whole number for cyclopts, which would silently round 2.5. ValueError: it is none."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f'"{tokens[0].value}" is no whole number') from None


def _flag(
    low: float, high: float, sentence: str = "give {range}", *, real: bool = False, above: bool = False
) -> Parameter:
    return Parameter(validator=Within(low, high, above, sentence), converter=None if real else whole)


ImageCount = Annotated[int, _flag(1, MOST_SAMPLES, "give {range}; several seeds give more")]
SampleCount = Annotated[int, _flag(2, MOST_SAMPLES, "figures need at least 2 samples, at most {high}")]
LikelihoodCount = Annotated[int, _flag(2, MOST_SAMPLES)]
EditCount = Annotated[int, _flag(1, MOST_EDITED, "{value} images requested: give {range}")]
FrameCount = Annotated[
    int,
    _flag(
        2,
        MOST_EDITED,
        "{value} frames: give 2 or more, at most {high}; the first and the last are the images themselves",
    ),
]
Repeats = Annotated[int, _flag(1, 1_000, "give 1 or more of each, at most {high}; with 1 no step is repeated")]
Seed = Annotated[int, _flag(0, LARGEST_SEED)]
Steps = Annotated[int, _flag(1, MOST_STEPS, "at least 1 is needed, at most {high}")]
Evaluations = Annotated[int, _flag(1, 2 * MOST_STEPS, "give 1 or more, at most {high}")]
StudentEvaluations = Annotated[int, _flag(1, MOST_STEPS, "a student makes 1 evaluation or more, for example 4")]
Batch = Annotated[int, _flag(1, LARGEST_BATCH, "a batch of {value} images: give {range}")]
Images = Annotated[
    int, _flag(1, MOST_IMAGES, "a training needs at least 1 image and at most {high}, for example --images 200_000")
]
Minutes = Annotated[
    float,
    _flag(
        0,
        MOST_MINUTES,
        "a training needs more than 0 minutes and at most {high}, for example --minutes 10",
        real=True,
        above=True,
    ),
]
SideLength = Annotated[int, _flag(4, LARGEST_SIDE, "images need at least 4 pixels a side, and at most {high}")]
Factor = Annotated[int, _flag(2, 256)]
Rescale = Annotated[
    float, _flag(0, 1, "a rescaling of guidance by {value}: give 0 (none) to 1 (all of it), for example 0.7", real=True)
]
Strength = Annotated[
    float,
    _flag(
        0,
        1,
        "a strength of {value}: give more than 0 (nothing changes) up to 1 (generated from pure noise)",
        real=True,
        above=True,
    ),
]
Amount = Annotated[
    float,
    _flag(
        0, 1, "an amount of {value}: give more than 0 (the image itself) up to 1 (another image)", real=True, above=True
    ),
]
ReferenceCount = Annotated[int | None, _flag(2, MOST_SAMPLES)]
Threads = Annotated[int | None, _flag(1, MOST_THREADS)]
