"""The parts of the page and the table of an evaluation, from findings alone."""

import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from debruit.evaluation.memorisation.verdict import Rate, level, verdict
from debruit.metrics.score import Score
from debruit.reports import plots, sections, terminal

NONE, SOME = Rate(0, 64), Rate(20, 64)


def findings(scores=(), **analyses) -> SimpleNamespace:
    named = SimpleNamespace(name="x")
    return SimpleNamespace(
        scores=tuple(scores),
        real_baseline=(),
        reconstructed_baseline=(),
        heldout_reconstruction=(),
        loaded=named,
        data=named,
        request=SimpleNamespace(count=64),
        analyses=analyses,
        split=SimpleNamespace(reference=range(100)),
    )


def test_the_terminal_leaves_classes_one_by_one_to_the_page():
    score = lambda name: Score(name=name, label=f"label of {name}", value=0.5, count=64)  # noqa: E731
    found = findings([score("frechet"), score("accuracy"), score("accuracy-seven"), score("accuracy-eight")])
    (table,) = terminal.tables(found)
    console = Console(width=110)
    with console.capture() as capture:
        console.print(table)
    shown = capture.get()
    assert "label of frechet" in shown
    assert re.search(r"label of accuracy\s", shown)
    assert "seven" not in shown
    assert "eight" not in shown


@pytest.mark.parametrize(
    ("near", "baseline", "identical", "identical_baseline", "expected"),
    [
        (NONE, Rate(0, 256), NONE, Rate(0, 256), "good"),
        (Rate(13, 64), Rate(50, 256), NONE, Rate(0, 256), "good"),  # the data's own likeness
        (SOME, Rate(2, 256), NONE, Rate(0, 256), "warning"),
        (Rate(1, 64), Rate(0, 256), Rate(1, 64), Rate(0, 256), "warning"),
        (NONE, Rate(0, 0), NONE, Rate(0, 0), "unknown"),
        (SOME, Rate(0, 0), NONE, Rate(0, 0), "unknown"),
        (SOME, Rate(0, 0), Rate(3, 64), Rate(0, 0), "warning"),
        (SOME, Rate(80, 256), Rate(1, 64), Rate(8, 256), "unknown"),  # data that holds images twice
    ],
)
def test_the_colour_of_the_verdict_is_that_of_what_may_be_said(near, baseline, identical, identical_baseline, expected):
    looks = {"pixels": (near, baseline)}
    assert level(looks, identical, identical_baseline) == expected
    result = {
        "scores": [],
        "verdict": verdict(looks, identical, identical_baseline),
        "threshold": 1 / 3,
        "sheet": "",
        "level": expected,
        "ratios": {"pixels": {"samples": [0.2, 0.9], "held_out": [0.9] if baseline.count else []}},
    }
    html = sections.memorisation(findings(memorisation=result))
    colour = {"good": "verdict good", "warning": "verdict warn", "unknown": "verdict "}[expected]
    assert re.findall(r'class="(verdict[^"]*)"', html) == [colour]


@pytest.mark.parametrize("trained", [True, False])
def test_the_loss_by_quarters_is_drawn_for_both_sides(trained):
    unknown = float("nan")
    quarters = [[0.1, 0.2, 0.3, 0.4], [0.05, 0.1, 0.2, 0.3]]
    result = {
        "images_seen": [64, 128],
        "validation": [0.25, 0.16],
        "training": [0.2, 0.1],
        "advice": "go on",
        "validation_quarters": quarters,
        "training_quarters": [[0.9 * v for v in row] if trained else [unknown] * 4 for row in quarters],
    }
    svg = sections.loss(findings(loss=result)).split("<figure>")[2]
    dashed = len(re.findall(r"stroke-dasharray: [^;]+;[^>]*stroke-width: 1.6", svg))
    for name in sections.QUARTERS:
        assert f"{name}, held-out<" in svg
        assert (f"{name}, training<" in svg) == trained
    assert dashed == 8 * trained, "four curves and their four entries in the legend"
    assert ("training images dashed" in svg) == trained


@pytest.mark.parametrize(("top", "labels"), [(0.5, {"0.1", "0.2"}), (5e4, {"0.1", "10", "1000"})])
def test_a_logarithmic_axis_over_many_decades_names_powers_of_ten_alone(top, labels):
    svg = plots.lines({"x": ([1, 2, 3], [0.08, top / 2, top])}, x="x", y="y", log_y=True)
    shown = set(re.findall(r">([\d.e+]+)</text>", svg))
    assert labels <= shown
    assert ("0.2" in shown) == (top < 1)
