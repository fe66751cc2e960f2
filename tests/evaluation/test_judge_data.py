"""Judges learn from what the model was trained on, whatever data it is compared with, and never from an image that is
scored."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import judging
import judging_conditions as shapes
from debruit.apps.cli import main
from debruit.data.dataset import Dataset
from debruit.data.split import split
from debruit.errors import InputError
from debruit.evaluation import judge_data, registry
from debruit.evaluation.pipeline import evaluate
from debruit.evaluation.result import Request
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.splits import split_for_evaluation
from debruit.judges.supervised import fitting
from debruit.models.loaded import LoadedModel
from debruit.reports import page

JUDGED = ("accuracy", "mask-iou", "caption-retrieval")


@pytest.fixture(autouse=True)
def _quick(tmp_path, monkeypatch):
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("debruit.judges.supervised.segmenter.SegmenterTask.passes", 6)
    monkeypatch.setattr("debruit.judges.supervised.classifier.ClassifierTask.passes", 12)
    from debruit.judges.captions.sentences import Sentences, hashed

    monkeypatch.setattr("debruit.evaluation.networks.find_sentences", lambda: Sentences("words", "words", hashed))
    judging.look_through(judging.Projection(dimensions=24, label="EffNetLite0"), monkeypatch)


@pytest.fixture(scope="module")
def data():
    return shapes.shapes()


@pytest.fixture(scope="module")
def subject(data):
    return LoadedModel(name="m", model=shapes.model(data, "text", "mask", "label"), digest="0")


def some(data: Dataset, indices: np.ndarray, **changes) -> Dataset:
    """Other data: these images with all that lies beside them."""
    spec = replace(data.spec, count=len(indices), name="heldout", fingerprint="heldout", **changes)
    return Dataset(
        spec,
        data.images[indices],
        paths=[f"h{n}" for n in indices],
        labels=data.labels[indices],
        masks=data.masks[indices],
        texts=[data.texts[n] for n in indices],
    )


def held_out(data: Dataset) -> np.ndarray:
    return split(len(data), shapes.HELD_OUT, shapes.SEED)[1]


def run(subject, dataset, folder, *, said=None, metrics=JUDGED, **more):
    request, store = (
        Request(count=30, metrics=metrics, batch=30),
        ResultStore.open(folder, subject.name, subject.digest),
    )
    with judging.lines() as heard:
        found = evaluate(subject, dataset, request, store, **more)
    if said is not None:
        said += heard
    return found


@pytest.fixture
def learnt(monkeypatch) -> list[tuple[str, set[int]]]:
    """What each network was trained on: the fingerprint of the data, and which of its images."""
    seen: list[tuple[str, set[int]]] = []
    real = fitting.fit

    def fit(task, dataset, indices, **options):
        seen.append((dataset.spec.fingerprint, set(indices.tolist())))
        return real(task, dataset, indices, **options)

    monkeypatch.setattr(fitting, "fit", fit)
    return seen


def test_judges_of_other_data_are_trained_on_the_training_data(subject, data, tmp_path, learnt):
    other = some(data, held_out(data))
    found = run(subject, other, tmp_path, training=data)
    training, _ = split(len(data), shapes.HELD_OUT, shapes.SEED)
    assert [fingerprint for fingerprint, _ in learnt] == ["shapes", "shapes"]
    assert all(images <= set(training.tolist()) for _, images in learnt)
    real = {s.name: s.value for s in found.real_baseline}
    assert real["mask-iou"] > 0.8
    assert real["accuracy"] > 0.8
    assert real["caption-retrieval"] > 0.3
    assert found.networks["segmentation"]["accuracy"] > 0.8, "what it reaches on images that it was not trained on"
    assert found.networks["segmentation"]["held_out"] == found.networks["classifier"]["held_out"] == 34


def test_classes_are_matched_by_name_where_the_other_data_counts_them_otherwise(subject, data, tmp_path):
    places = held_out(data)
    plain = run(subject, some(data, places), tmp_path / "a", training=data)
    spec = data.spec
    turned = some(
        data, places, class_names=spec.class_names[::-1], mask_names=spec.mask_names[::-1], palette=spec.palette[::-1]
    )
    turned = Dataset(
        turned.spec,
        turned.images,
        paths=turned.paths,
        labels=2 - turned.labels,
        masks=1 - turned.masks,
        texts=turned.texts,
    )
    again = run(subject, turned, tmp_path / "b", training=data)
    values = lambda found: {s.name: s.value for s in found.real_baseline}  # noqa: E731
    assert values(again) == pytest.approx(values(plain))


def test_images_that_are_scored_are_never_trained_on_and_their_number_is_reported(subject, data, tmp_path, learnt):
    training, unseen = split(len(data), shapes.HELD_OUT, shapes.SEED)
    other = some(data, np.concatenate([training[:30], unseen]))  # a folder in which training images lie again
    said: list[str] = []
    found = run(subject, other, tmp_path, training=data, said=said, metrics=JUDGED[:2])
    scored = set(judge_data.pixel_digests(other, found.split.scored))
    copies = [n for n in training if judge_data.pixel_digests(data, np.array([n]))[0] in scored]
    assert copies
    assert all(not images & set(copies) for _, images in learnt)
    line = f"{len(copies)} training images have the same pixels as a scored image"
    assert any(line in text for text in said), said
    assert "trained on the other" in next(text for text in said if line in text)


@pytest.mark.parametrize("few", [False, True])
def test_on_the_models_own_data_too(data, tmp_path, learnt, few):
    model = shapes.model(data, "text", "mask", "label")
    model.provenance["held_out_images"] = 5 if few else shapes.HELD_OUT
    found = run(LoadedModel(name="m", model=model, digest="1"), data, tmp_path)
    scored = set(found.split.scored.tolist())
    assert all(fingerprint == "shapes" and not images & scored for fingerprint, images in learnt)
    counts = {s.name: s.count for s in found.real_baseline if s.name in ("accuracy", "mask-iou")}
    assert set(counts.values()) == {30}


def test_without_the_training_data_what_is_judged_is_left_out_and_the_way_out_is_reported(subject, data, tmp_path):
    other = some(data, held_out(data))
    division = split_for_evaluation(subject.model, other, 40, judge_data=lambda: judge_data.find_training_data(subject))
    left = dict(registry.choose((), subject, other.spec, division, 40).left_out)
    for name in ("accuracy", "inception-score", "mask-iou", "caption-retrieval"):
        assert "are trained on the model's training data (shapes), and m does not say where that is" in left[name]
        assert "name it with --training-data SOURCE" in left[name]
    with pytest.raises(InputError, match="--metrics accuracy: the networks that score samples are trained on"):
        run(subject, other, tmp_path)
    assert "frechet" not in left
    assert "class-diversity" not in left


def test_training_data_that_is_not_that_is_refused(subject, data, tmp_path):
    other = some(data, held_out(data))
    with pytest.raises(
        InputError, match="--training-data SOURCE: heldout is not what m was trained on .shapes.: their images"
    ):
        run(subject, other, tmp_path, training=other)


def written(folder, data, indices):
    """A folder of images with masks."""
    for n in indices:
        for kind, pixels in (("images", data.images[n, 0]), ("masks", data.masks[n] * 255)):
            path = folder / kind / f"{n:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return str(folder)


@pytest.fixture(scope="module")
def folders(data, tmp_path_factory):
    """A run trained on a folder with masks, and another folder that it never saw."""
    at = tmp_path_factory.mktemp("folders")
    train, test = written(at / "train", data, range(120)), written(at / "heldout", data, range(200, 260))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEBRUIT_CACHE", str(at / "cache"))
        arguments = ["train", train, "--out", str(at / "run"), "--images", "32", "--batch", "16", "--condition", "mask"]
        assert main([*arguments, "--size", "8"]) == 0
    return at, train, test


def test_a_folder_of_the_test_is_judged_by_a_network_of_the_training_folder(folders, learnt, tmp_path, capsys):
    at, _, test = folders
    arguments = ["evaluate", str(at / "run"), "--data", test, "-n", "24", "--metrics", "mask-iou", "--out"]
    assert main([*arguments, str(tmp_path / "a")]) == 0
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    ((_, images),) = learnt
    assert len(images) > 80
    assert report["networks"]["segmentation"]["label"] == "Segmenter(train)"
    assert report["scores"][0]["name"] == "mask-iou"
    capsys.readouterr()


def test_a_model_file_alone_is_told_where_its_training_data_lies(folders, learnt, tmp_path, capsys):
    at, train, test = folders
    model = tmp_path / "m.safetensors"
    model.write_bytes((at / "run" / "model.safetensors").read_bytes())
    arguments = ["evaluate", str(model), "--data", test, "-n", "24", "--metrics", "mask-iou"]
    assert main([*arguments, "--out", str(tmp_path / "a")]) == 2
    error = capsys.readouterr().err
    assert "does not say where that is: name it with --training-data SOURCE" in error
    assert not (tmp_path / "a" / "report.json").exists()
    assert main([*arguments, "--training-data", test, "--out", str(tmp_path / "b")]) == 2
    assert "is not what" in capsys.readouterr().err
    assert main([*arguments, "--training-data", train, "--out", str(tmp_path / "c")]) == 0
    assert "--training-data" in json.loads((tmp_path / "c" / "report.json").read_text())["command"]
    assert len(learnt) == 1


def test_what_is_left_out_is_reported_in_the_terminal(folders, tmp_path, capsys):
    at, _, test = folders
    model = tmp_path / "m.safetensors"
    model.write_bytes((at / "run" / "model.safetensors").read_bytes())
    assert (
        main(
            [
                "evaluate",
                str(model),
                "--data",
                test,
                "-n",
                "24",
                "--likelihood-images",
                "2",
                "--out",
                str(tmp_path / "a"),
            ]
        )
        == 0
    )
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "not measured: conditional-entropy, inception-score, mask-iou, mask-iou-by-class: the networks that score"
        in said
    )
    assert "name it with --training-data SOURCE" in said


def test_a_judges_own_figure_stands_beside_the_score(subject, data, tmp_path):
    found = run(subject, some(data, held_out(data)), tmp_path, training=data)
    notes = page.scores(found)
    about = found.networks
    assert f"the segmenter itself: {about['segmentation']['accuracy']:.3f} on 34 held-out real images" in notes
    assert f"the classifier itself: {about['classifier']['accuracy']:.1%} (" in notes
    assert "the scorer itself: " in notes
