"""Differences of models: none for a model and itself, certain where the samples differ, with intervals that hold what they claim."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

import judging
from debruit.data.digits import Digits
from debruit.errors import InputError
from debruit.evaluation import paired
from debruit.evaluation.compare import compare
from debruit.evaluation.evaluate import Request
from debruit.evaluation.parts import Parts
from debruit.evaluation.report import comparison
from debruit.evaluation.subject import Subject

REQUEST = Request(count=40, metrics=("frechet", "precision", "colour"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A run, a copy of it under another name, and one that trained four times as long."""
    base = tmp_path_factory.mktemp("runs")
    first = judging.trained(base / "a")
    shutil.copytree(first, base / "copy")
    return [str(first), str(base / "copy"), str(judging.trained(base / "b", images=256))]


@pytest.fixture
def found(folders, tmp_path, monkeypatch):
    judging.look_through(judging.Projection(), monkeypatch)
    subjects = [Subject.open(name, "cpu") for name in folders]
    parts = [Parts.open(tmp_path / str(k), s.name, s.digest, print) for k, s in enumerate(subjects)]
    work = compare(subjects, Digits().build(), REQUEST, parts)
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_a_model_differs_from_itself_by_nothing_and_from_another_by_their_scores(found):
    itself, first, same, other = *found.differences[:1], *found.evaluations
    assert itself == {}
    assert first.sides["samples"].images.equal(same.sides["samples"].images), "the same noise"
    for d in found.differences[1].values():
        assert (d.value, d.low, d.high, d.verdict) == (0, 0, 0, "even")
    scores = {s.label: s.value for s in first.scores}
    for s in other.scores:
        d = found.differences[2][s.label]
        assert d.value == pytest.approx(s.value - scores[s.label])
        assert d.low <= d.value <= d.high
    assert all(one.division is first.division for one in found.evaluations), "one reference for all"


def test_the_page_and_the_table_name_all_models(found, folders):
    html = comparison.render(found, "debruit compare a b")
    assert "http" not in html
    for name in folders:
        assert html.count(name) >= 3
    assert html.count("data:image/png") == 3, "a strip of samples each"
    data = comparison.as_record(found, "x")
    assert [e["model"]["name"] for e in data["evaluations"]] == folders
    assert {d["verdict"] for d in data["differences"][1].values()} == {"even"}
    assert comparison.table(found).row_count == len(found.evaluations[0].scores)


def test_too_few_models_and_one_twice(folders):
    subject = Subject.open(folders[0], "cpu")
    with pytest.raises(InputError, match="name two or more"):
        next(compare([subject], Digits().build(), REQUEST, []))
    with pytest.raises(InputError, match="named twice"):
        next(compare([subject, replace(subject)], Digits().build(), REQUEST, []))


def test_paired_intervals_hold_the_truth_and_are_narrower_than_unpaired_ones():
    rng, covered, trials = np.random.default_rng(0), {"paired": 0, "jackknife": 0}, 200
    for _ in range(trials):
        common = rng.normal(size=200)
        a, b = common + 0.1 * rng.normal(size=200), common + 0.3 + 0.1 * rng.normal(size=200)
        value = float(b.mean() - a.mean())
        groups = np.array([b[kept].mean() - a[kept].mean() for kept in paired.groups(200)])
        for name, d in (
            ("paired", paired.paired(value, b - a, better="low")),
            ("jackknife", paired.jackknife(value, groups, better="low")),
        ):
            covered[name] += d.low <= 0.3 <= d.high
            assert d.certain
            assert d.verdict == "worse"
            assert d.high - d.low < 0.2, "the common part has cancelled: unpaired it would be 0.4"
    # 95 % of 200 is 190, with a standard deviation of 3
    assert all(180 <= hits <= 199 for hits in covered.values()), covered


def test_groups_leave_each_image_out_once():
    kept = paired.groups(45)
    out = np.concatenate([np.setdiff1d(np.arange(45), one) for one in kept])
    assert sorted(out) == list(range(45))
    in_turn = np.arange(45) % 10
    assert all(len(np.unique(in_turn[one])) == 10 for one in kept), "no group is a class"


@pytest.mark.parametrize(
    ("low", "high", "better", "verdict"),
    [(-2, -1, "low", "better"), (1, 2, "low", "worse"), (1, 2, "high", "better"), (-1, 1, "high", "even"), (1, 2, "neither", "other")],
)  # fmt: skip
def test_verdicts(low, high, better, verdict):
    assert paired.Difference(value=(low + high) / 2, low=low, high=high, better=better).verdict == verdict
