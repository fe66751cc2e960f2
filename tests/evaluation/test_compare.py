"""Differences of models: none for a model and itself, certain where the samples differ, with intervals that hold what
they claim."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

import judging
from debruit.data.sources.digits import Digits
from debruit.errors import InputError
from debruit.evaluation.compare import check_metrics, compare
from debruit.evaluation.result import Request
from debruit.evaluation.result_store import ResultStore
from debruit.metrics import paired
from debruit.metrics.diversity import _pairs, differences
from debruit.models.loaded import LoadedModel
from debruit.reports import comparison

REQUEST = Request(count=40, metrics=("frechet", "precision", "diversity", "class-diversity", "colour"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A run, a copy of it under another name, and one that trained four times as long."""
    base = tmp_path_factory.mktemp("runs")
    first = judging.trained(base / "a")
    shutil.copytree(first, base / "copy")
    return [str(first), str(base / "copy"), str(judging.trained(base / "b", images=256))]


@pytest.fixture(scope="module")
def found(folders, tmp_path_factory):
    subjects, folder = [LoadedModel.open(name, "cpu") for name in folders], tmp_path_factory.mktemp("parts")
    parts = [ResultStore.open(folder / str(k), s.name, s.digest) for k, s in enumerate(subjects)]
    with pytest.MonkeyPatch.context() as patch:
        judging.look_through(judging.Projection(), patch)
        return compare(subjects, Digits().build(), REQUEST, parts)


def test_a_model_differs_from_itself_by_nothing_and_from_another_by_their_scores(found):
    itself, first, same, other = *found.differences[:1], *found.evaluations
    assert itself == {}
    assert first.sets["samples"].images.equal(same.sets["samples"].images), "the same noise"
    for d in found.differences[1].values():
        assert (d.value, d.low, d.high, d.verdict) == (0, 0, 0, "even")
    scores = {s.label: s.value for s in first.scores}
    for s in other.scores:
        d = found.differences[2][s.label]
        assert d.value == pytest.approx(s.value - scores[s.label])
        assert d.low <= d.value <= d.high
    assert all(one.split is first.split for one in found.evaluations), "one reference for all"


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
    subject = LoadedModel.open(folders[0], "cpu")
    with pytest.raises(InputError, match="name two or more"):
        compare([subject], Digits().build(), REQUEST, [])
    with pytest.raises(InputError, match="named twice"):
        compare([subject, replace(subject)], Digits().build(), REQUEST, [])


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


@pytest.mark.parametrize("names", ["bound", "likelihood", "memorisation", "loss", "frechet,loss"])
def test_analyses_of_one_model_are_refused(names, folders, tmp_path):
    sentence = (
        f"--metrics {names.split(',')[-1]}: this describes one model, and `debruit evaluate` measures it "
        "model by model.*frechet, "
    )
    subjects = [LoadedModel.open(name, "cpu") for name in folders[:2]]
    with pytest.raises(InputError, match=sentence):
        next(compare(subjects, Digits().build(), replace(REQUEST, metrics=tuple(names.split(","))), []))
    check_metrics(("frechet", "recall", "diversity"))


def pair_means(samples: int, pairs: np.ndarray, rng: np.random.Generator, own: float) -> list[np.ndarray]:
    """Of two equal laws, |x_i - x_j| for the pairs: x_k of the two have a part in common, as images from the same
    noise."""
    common = rng.normal(size=samples)
    sets = [np.exp(common + own * rng.normal(size=samples)) for _ in range(2)]
    return [np.abs(x[p[:, 0]] - x[p[:, 1]]) for x, p in zip(sets, pairs, strict=True)]


@pytest.mark.parametrize("same_pairs", [True, False])
@pytest.mark.parametrize("count", [200, 2000])
def test_intervals_over_pairs_hold_no_difference_as_often_as_they_claim_and_are_no_wider_than_its_spread(
    count, same_pairs
):
    rng, samples, trials = np.random.default_rng(1), 200, 400
    pairs = [_pairs(samples, None, count, np.random.default_rng(k)) for k in range(2)]
    pairs = [pairs[0], pairs[0] if same_pairs else pairs[1]]
    values, halves, held = [], [], 0
    for _ in range(trials):
        distances = pair_means(samples, pairs, rng, own=0.3)
        value = distances[1].mean() - distances[0].mean()
        rows = [paired.pair_rows(*side) for side in zip(pairs, distances, strict=True)]
        d = paired.over_pairs(value, rows[1], rows[0], better="neither")
        values.append(value)
        halves.append((d.high - d.low) / 2)
        held += not d.certain
    # 95 % of 400 is 380, with a standard deviation of 4.4
    assert 362 <= held <= 393, held
    assert 0.8 < np.sqrt(np.mean(np.square(halves))) / (1.96 * np.std(values)) < 1.2


def test_pair_intervals_are_the_textbook_sum_over_pairs_that_share_a_sample():
    rng = np.random.default_rng(0)
    pairs = [_pairs(12, None, 30, np.random.default_rng(k)) for k in range(2)]
    x = rng.exponential(size=(2, 12)) ** 2
    ours, theirs = (paired.pair_rows(p, np.abs(own[p[:, 0]] - own[p[:, 1]])) for p, own in zip(pairs, x, strict=True))
    every = np.concatenate([ours, theirs * [1, 1, -1]])
    variance = sum(a[2] * b[2] for a in every for b in every if {a[0], a[1]} & {b[0], b[1]})
    alone = sum(a[2] * b[2] for a in every for b in every if {a[0], a[1]} == {b[0], b[1]})
    assert variance > 1.5 * alone, "what the pairs share counts"
    d = paired.over_pairs(2.0, ours, theirs, better="neither")
    assert (d.high - 2.0, 2.0 - d.low) == pytest.approx([1.96 * np.sqrt(variance)] * 2, rel=1e-4)


def test_the_pairs_of_a_difference_are_those_of_the_scores(found):
    first, _, other = found.evaluations
    for label, classes in (("1 - SSIM", False), ("1 - SSIM within classes", True)):
        rows = []
        for side in (other.sets["samples"], first.sets["samples"]):
            pairs, distances = differences(side.images, side.spec, labels=side.labels if classes else None)
            score = next(
                s for one in (other, first) for s in one.scores if one.sets["samples"] is side and s.label == label
            )
            assert distances.mean() == pytest.approx(score.value, abs=1e-15)
            rows.append(paired.pair_rows(pairs, distances))
        d = found.differences[2][label]
        assert d == paired.over_pairs(d.value, *rows, better="neither")
        assert d.low < d.value < d.high


def test_groups_leave_each_image_out_once():
    kept = paired.groups(45)
    out = np.concatenate([np.setdiff1d(np.arange(45), one) for one in kept])
    assert sorted(out) == list(range(45))
    in_turn = np.arange(45) % 10
    assert all(len(np.unique(in_turn[one])) == 10 for one in kept), "no group is a class"


@pytest.mark.parametrize(
    ("low", "high", "better", "verdict"),
    [
        (-2, -1, "low", "better"),
        (1, 2, "low", "worse"),
        (1, 2, "high", "better"),
        (-1, 1, "high", "even"),
        (1, 2, "neither", "other"),
    ],
)
def test_verdicts(low, high, better, verdict):
    assert paired.Difference(value=(low + high) / 2, low=low, high=high, better=better).verdict == verdict
