"""Durations: exact ones in two units, estimated ones in one."""

import math

import pytest

from debruit.text.wording import duration, rough_duration


@pytest.mark.parametrize(
    ("seconds", "exact", "rough"),
    [
        (8, "8 s", "8 s"),
        (75, "1 min 15 s", "75 s"),
        (125, "2 min 05 s", "2 min"),
        (4200, "1 h 10 min", "70 min"),
        (5400, "1 h 30 min", "1.5 h"),
        (259_200, "72 h 00 min", "3.0 days"),
    ],
)
def test_durations(seconds, exact, rough):
    assert duration(seconds) == exact
    assert rough_duration(seconds) == rough


def test_an_unknown_duration():
    assert duration(math.inf) == duration(math.nan) == "?"
