"""An evaluation as a whole: its numbers are those of its parts, an interruption changes none of them, and what does not
fit is refused."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import judging
from debruit.data.sources.digits import Digits
from debruit.data.split import split
from debruit.diffusion.chain import Chain
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.evaluation import registry, sampling_stage
from debruit.evaluation import result_store as parts_module
from debruit.evaluation.extraction import extract
from debruit.evaluation.pipeline import evaluate
from debruit.evaluation.progress import StageTimer
from debruit.evaluation.result import Request
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.splits import split_for_evaluation
from debruit.metrics.frechet import frechet_distance
from debruit.metrics.score import Score
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model
from debruit.models.loaded import LoadedModel
from debruit.reports import page, record

CHEAP = ("frechet", "kid", "precision", "diversity", "colour")


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return LoadedModel.open(str(judging.trained(tmp_path_factory.mktemp("runs") / "a")), "cpu")


@pytest.fixture(scope="module")
def digits():
    return Digits().build()


@pytest.fixture
def projection(monkeypatch):
    return judging.look_through(judging.Projection(), monkeypatch)


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    """The likelihood's own tests are in test_likelihood.py."""
    monkeypatch.setattr("debruit.evaluation.analyses.likelihood.ODE_STEPS", 2)


def run(subject, digits, folder, request, said=None):
    """The evaluation, its parts in `folder`."""
    with judging.lines() as heard:
        found = evaluate(subject, digits, request, ResultStore.open(folder, subject.name, subject.digest))
    if said is not None:
        said += heard
    return found


def test_a_score_is_that_of_its_images_and_the_floor_is_of_unseen_ones(subject, digits, projection, tmp_path):
    found = run(subject, digits, tmp_path, Request(count=24, metrics=("frechet",), batch=10, seed=4))
    spec, division = digits.spec, found.split
    look = lambda indices: projection(digits.batch(indices)["image"], spec)  # noqa: E731
    samples = subject.model.generate(24, seed=4, batch=10)
    expected = frechet_distance(projection(samples, spec), look(division.reference))
    assert found.scores[0].value == pytest.approx(expected, rel=1e-6)
    assert found.real_baseline[0].value == pytest.approx(
        frechet_distance(look(division.baseline), look(division.reference)), rel=1e-6
    )
    assert (found.scores[0].count, found.real_baseline[0].count) == (24, 24)
    pool, held_out = split(len(digits), 20, 3)  # as tests/tiny.py trained
    assert set(held_out) <= set(division.baseline), "20 held-out images come first into a floor of 24"
    assert not set(division.baseline) & set(division.reference)
    assert set(division.reference) <= set(pool)


@pytest.mark.parametrize("stop", [4, 22])
def test_interrupted_and_continued_gives_the_same_numbers(subject, digits, projection, tmp_path, stop):
    request = Request(count=24, metrics=(*CHEAP, "likelihood"), batch=8, likelihood_images=2)
    whole = run(subject, digits, tmp_path / "whole", request)
    store = ResultStore.open(tmp_path / "cut", subject.name, subject.digest)
    judging.interrupted(lambda: evaluate(subject, digits, request, store), after=stop)
    again = run(subject, digits, tmp_path / "cut", request)
    assert again.scores == whole.scores
    assert again.real_baseline == whole.real_baseline
    assert again.analyses == whole.analyses


def test_what_is_finished_is_not_made_again(subject, digits, projection, tmp_path, monkeypatch):
    request = Request(count=24, metrics=CHEAP, batch=8)
    first = run(subject, digits, tmp_path, request)
    projection.seen = 0
    monkeypatch.setattr(Model, "job_under", lambda *a, **k: pytest.fail("it sampled again"))
    monkeypatch.setattr("debruit.evaluation.sampling_stage.probe", lambda model, wanted, batch: sampling_stage.Probe())
    monkeypatch.setattr("debruit.evaluation.sampling_stage.evaluations", lambda model, settings, wanted: 1)
    assert run(subject, digits, tmp_path, request).scores == first.scores
    assert projection.seen == 0


def test_more_samples_go_on_from_fewer(subject, digits, projection, tmp_path):
    run(subject, digits, tmp_path, Request(count=16, metrics=("diversity",), batch=8))
    before = {path.name for path in tmp_path.glob("samples-*")}
    found = run(subject, digits, tmp_path, Request(count=24, metrics=("diversity",), batch=8))
    after = {path.name for path in tmp_path.glob("samples-*")}
    assert len(before) == 2
    assert before < after
    assert len(after) == 3
    assert found.sets["samples"].images.equal(subject.model.generate(24, batch=8))


def test_another_request_looks_at_new_images_only(subject, digits, projection, tmp_path, monkeypatch):
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("debruit.evaluation.splits.REFERENCE_IMAGES", 200)
    monkeypatch.setattr("debruit.evaluation.extraction.BATCH", 8)
    request = Request(count=16, metrics=("frechet",), batch=8)
    known: set[int] = set()
    for count, metrics, samples in (
        (16, ("frechet",), 16),
        (24, ("frechet",), 8),
        (24, ("frechet", "memorisation"), 0),
        (20, ("kid",), 4),
    ):
        projection.seen = 0
        found = run(subject, digits, tmp_path / "work", replace(request, count=count, metrics=metrics))
        division = found.split
        asked = {*division.baseline, *division.reference}
        if "memorisation" in metrics:
            asked |= {*division.training, *division.held_out}
        assert projection.seen == samples + len(asked - known), (count, metrics)
        known |= asked
    assert len(known) > 200 + 24


def test_samples_that_differ_in_a_bit_are_looked_at_again(digits, projection, tmp_path):
    """A batch of another size may round differently: features are those of the images at hand, not of their numbers."""
    parts = ResultStore.open(tmp_path, "a", "0")
    features = lambda images: list(extract(images, digits.spec, projection, parts))  # noqa: E731
    images = digits.batch(np.arange(12))["image"]
    features(images)
    features(images.clone())
    assert projection.seen == 12
    images[7, 0, 3, 3] += 1
    features(images)
    assert projection.seen == 24


def test_networks_look_on_the_device_of_the_model(subject, digits, projection, tmp_path, monkeypatch):
    asked = []

    def found(name, dataset=None, *, device):
        asked.append((name, device))
        return projection

    monkeypatch.setattr("debruit.judges.find.find_extractor", found)
    run(subject, digits, tmp_path, Request(count=16, metrics=("frechet",)))
    assert asked == [("efficientnet", "cpu")]


@pytest.mark.parametrize(("name", "value"), [("REVISION", parts_module.REVISION + 1), ("__version__", "0.0.0")])
def test_parts_of_other_code_are_not_taken(tmp_path, monkeypatch, name, value):
    parts = ResultStore.open(tmp_path, "a", "0")
    parts.put("scores", ["key"], {"value": 1.0})
    assert parts.get("scores", ["key"]) == {"value": 1.0}
    monkeypatch.setattr(parts_module, name, value)
    assert parts.get("scores", ["key"]) is None
    assert parts.get_or_make("scores", ["key"], lambda: {"value": 2.0}) == {"value": 2.0}


def test_another_model_in_the_same_folder_is_noticed(subject, digits, projection, tmp_path):
    request, said = Request(count=16, metrics=("diversity",)), []
    ResultStore.open(tmp_path, "runs/other", "0123").put("samples", ["x"], np.zeros(3))
    run(subject, digits, tmp_path, request, said)
    assert any("another model (runs/other)" in line and "starts anew" in line for line in said), said
    assert len(list(tmp_path.glob("samples-*"))) == 1
    again = []
    run(subject, digits, tmp_path, request, again)
    assert not any("another model" in line for line in again)


def test_a_damaged_part_is_reported_and_made_again(subject, digits, projection, tmp_path):
    request, said = Request(count=16, metrics=("frechet", "diversity")), []
    first = run(subject, digits, tmp_path, request)
    for pattern in ("samples-*", "scores-*"):
        path = next(iter(tmp_path.glob(pattern)))
        path.write_bytes(path.read_bytes()[:-9])
    assert run(subject, digits, tmp_path, request, said).scores == first.scores
    assert sum(" is damaged" in line and "made again" in line for line in said) == 2


@pytest.fixture(scope="module")
def everything(subject, digits, tmp_path_factory):
    """Everything that applies to a labelled model in a run folder."""
    with pytest.MonkeyPatch.context() as patch:
        judging.look_through(judging.Projection(), patch)
        patch.setattr("debruit.evaluation.analyses.likelihood.ODE_STEPS", 2)
        return run(subject, digits, tmp_path_factory.mktemp("everything"), Request(count=24, likelihood_images=2))


def test_every_metric_of_the_catalogue_makes_its_row(everything):
    made = {s.label for s in everything.scores}
    only_here = made ^ {s.label for s in everything.real_baseline}
    assert all(label.startswith("accuracy-") for label in only_here), (
        "24 real images may lack a class, and nothing else"
    )
    side, reference = everything.sets["samples"].take(np.arange(24)), everything.sets["reference"]
    left_out = dict(everything.left_out)
    for metric in [m for m in registry.metrics() if m.compares == "samples" and m.name not in left_out]:
        rows = metric.compute(side, reference)
        assert rows, metric.name
        assert {s.label for s in rows} <= made
        if metric.gives:
            assert {s.name for s in rows} == set(metric.gives)
    assert all(s.count <= 24 for s in everything.scores)
    assert {"likelihood", "memorisation", "loss"} == set(everything.analyses)
    of_latents = {"latent-bound", "reconstruction", "perceptual", "rfd", "codec"}
    of_conditions = {"mask-iou", "mask-iou-by-class", "caption-retrieval", "colour-agreement", "fidelity"}
    of_conditions.add("caption-retrieval-in-class")
    assert left_out.keys() == {"bound", *of_latents, *of_conditions}
    assert all("works on pixels" in left_out[name] for name in of_latents)
    assert all("this model was trained without" in left_out[name] for name in of_conditions)
    assert "likelihood" in left_out["bound"], "points to what any process has"


def test_the_page_needs_nothing_but_itself_and_says_what_it_must(everything):
    html = page.render(everything, "debruit evaluate runs/<a> -n 24")
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:|#)""", html)
    assert not re.search(r"https?://|@import|url\((?!#)", html)
    for part in (
        "24 samples",
        "Projection",
        "real images",
        "never saw",
        "C / N",
        "Memorisation",
        "held-out",
        "sha256",
        "&lt;a&gt;",
    ):
        assert part in html, part
    identifiers = re.findall(r'\bid="([^"]+)"', html)
    assert len(identifiers) == len(set(identifiers)), "two drawings share an identifier"
    for used in re.findall(r'(?:href="#|url\(#)([^")]+)', html):
        assert used in identifiers
    assert page.render(everything, "x") == page.render(everything, "x")


def test_the_record_reads_back(everything, tmp_path):
    record.dump(record.record(everything, "debruit evaluate x"), tmp_path / "report.json")
    found = json.loads((tmp_path / "report.json").read_text())
    assert tuple(Score(**s) for s in found["scores"]) == everything.scores
    assert tuple(Score(**s) for s in found["real_baseline"]) == everything.real_baseline
    assert found["format"] == record.FORMAT
    assert found["counts"]["samples"] == 24
    assert found["model"]["provenance"]["seed"] == 3
    assert found["analyses"]["memorisation"]["verdict"]
    assert "NaN" not in (tmp_path / "report.json").read_text()


def test_other_data_is_a_reference_but_no_training_set(subject, digits):
    other = replace(digits.spec, fingerprint="other")
    division = split_for_evaluation(subject.model, _with_spec(digits, other), 100)
    assert not division.own
    assert (len(division.baseline), len(division.reference)) == (100, len(digits) - 100)
    with pytest.raises(
        InputError, match="--metrics memorisation: digits is not the data that the model was trained on"
    ):
        registry.choose(("memorisation",), subject, other, division, 100)


def _with_spec(dataset, spec):
    from debruit.data.dataset import Dataset

    return Dataset(spec, dataset.images, paths=dataset.paths, labels=dataset.labels)


def test_a_chain_less_model_has_no_bound(subject, digits):
    with pytest.raises(InputError, match="process is Flow, in continuous time: ask for likelihood"):
        registry.choose(("bound",), subject, digits.spec, split_for_evaluation(subject.model, digits, 10), 10)


def test_a_chain_has_its_bound(digits, tmp_path, projection):
    config = ModelConfig(
        data=digits.spec,
        process=Tabulated(chain=Chain(steps=5)),
        network=replace(judging.tiny.NETWORK, vector_channels=0),
    )
    model = Model(
        config, config.build(), {"data_fingerprint": digits.spec.fingerprint, "seed": 0, "held_out_images": 20}
    )
    model.save(tmp_path / "chain.safetensors")
    chain = LoadedModel.open(str(tmp_path / "chain.safetensors"), "cpu")
    found = run(chain, digits, tmp_path / "work", Request(count=8, metrics=("bound",), likelihood_images=3)).analyses[
        "bound"
    ]
    values = {s["label"]: s["value"] for s in found["scores"]}
    total = next(value for label, value in values.items() if "held-out" in label and "bound" in label)
    parts = [value for label, value in values.items() if label.startswith(("L_T", "sum of", "L_0"))]
    assert len(parts) == 3
    assert total == pytest.approx(sum(parts), rel=1e-9)
    assert len(found["curves"]["train"]["mean"]) == 5


def test_data_of_another_size_or_depth(subject, digits):
    for changes, words in (
        ({"height": 9}, r"9 x 8 pixels \(grey, uint8\) and the model samples 8 x 8"),
        ({"channels": 3}, "8 x 8 pixels .RGB, uint8"),
        ({"depth": "uint16"}, "uint16"),
    ):
        with pytest.raises(InputError, match=words):
            subject.check_data(replace(digits.spec, **changes))


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        ("frecht", "unknown metric 'frecht', did you mean 'frechet'"),
        ("kid,presicion", "did you mean 'precision'"),
        (" , ", "names none"),
    ],
)
def test_misspelt_metrics(metrics, sentence):
    with pytest.raises(InputError, match=sentence):
        registry.parse(metrics)


def test_names_of_metrics_are_forgiving_and_parts_of_one_can_be_requested(subject, digits):
    assert registry.parse("Frechet_unbiased, kid") == ("frechet-unbiased", "kid")
    choice = registry.choose(("recall",), subject, digits.spec, split_for_evaluation(subject.model, digits, 10), 10)
    assert [m.name for m in choice.metrics] == ["manifold"]


def test_too_few_images_a_class_for_a_classifier(subject, digits):
    division = split_for_evaluation(subject.model, digits, 20)
    left = dict(registry.choose((), subject, replace(digits.spec, count=30), division, 20).left_out)
    assert "30 images in 10 classes are too few" in left["accuracy"]
    assert "accuracy" not in dict(registry.choose((), subject, digits.spec, division, 20).left_out)


def test_class_metrics_without_labels(subject, digits):
    plain = replace(digits.spec, class_names=())
    division = split_for_evaluation(subject.model, digits, 10)
    with pytest.raises(InputError, match="--metrics accuracy: digits has no class labels"):
        registry.choose(("accuracy",), subject, plain, division, 10)
    left_out = dict(registry.choose((), subject, plain, division, 10).left_out)
    assert {"accuracy", "inception-score"} <= left_out.keys()


@pytest.mark.parametrize("changes", [{"count": 0}, {"count": 1}, {"batch": 0}, {"likelihood_images": 1}])
def test_requests_that_make_no_sense(changes):
    with pytest.raises(InputError, match="at least 2|1 or more"):
        Request(**changes)


def test_too_few_samples_for_a_metric_are_reported(subject, digits):
    division = split_for_evaluation(subject.model, digits, 4)
    assert (
        "at least 8 samples"
        in dict(registry.choose((), subject, digits.spec, division, 4).left_out)["frechet-unbiased"]
    )
    with pytest.raises(InputError, match="--metrics kid,?|at least 6 samples, and -n is 4"):
        registry.choose(("precision",), subject, digits.spec, division, 4)


def test_the_eta_is_measured_where_it_can_be_and_guessed_where_not():
    now = [0.0]

    def work():
        for done in (10, 20, 30):
            now[0] += 2.0
            yield done
        return "made"

    pace = StageTimer({"one": 99.0, "two": 7.0}, clock=lambda: now[0])
    with judging.reports() as heard:
        assert pace.run("one", 30, work()) == "made"
    assert [report.eta for report in heard] == pytest.approx([106, 4 + 7, 2 + 7, 7, 7])


def test_a_report_of_a_run_without_validation_says_so(everything, tmp_path):
    missing = replace(everything, analyses={"loss": {"missing": "the log holds no validation"}})
    assert "holds no validation" in page.render(missing, "x")
    json.dumps(record.record(missing, "x"))
