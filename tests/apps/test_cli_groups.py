"""Groups and the user's own parts from the command line to the evaluation: run.json and the model's file record them,
and everybody takes one split."""

import io
import json
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import tiny
from PIL import Image

import debruit.device
from debruit.apps.cli import main
from debruit.data.sources.folder import Folder
from debruit.data.split import SplitConfig, make_split, split_of
from debruit.evaluation.splits import split_for_evaluation
from debruit.lecture.example import held_out
from debruit.models.loaded import LoadedModel
from debruit.planning.conditions import context
from debruit.planning.split import planned_split
from debruit.training.run_folder import RUN, RunFolder
from debruit.training.supervisor import fit
from debruit.workflows.evaluation_data import find_data


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path / "cache"))


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_shards_with_patients_are_trained_resumed_and_evaluated_by_one_split(tmp_path, capsys):
    for s in range(3):
        with tarfile.open(tmp_path / f"s-{s}.tar", "w") as tar:
            for n in range(12):
                patient = json.dumps({"patient": f"p{3 * s + n // 4}"}).encode()
                for kind, content in (("png", png(12 * s + n)), ("json", patient)):
                    facts = tarfile.TarInfo(f"{s}{n:02d}.{kind}")
                    facts.size = len(content)
                    tar.addfile(facts, io.BytesIO(content))
    shards, out = [str(tmp_path / f"s-{s}.tar") for s in range(3)], str(tmp_path / "r")
    flags = ["--images", "16", "--batch", "8", "--set", "validation_images=8", "--device", "cpu"]
    assert main(["train", *shards, "--out", out, "--group", "patient", *flags]) == 0
    assert (
        "groups by the column patient: 7 of 9 with 28 images are trained on, 2 with 8 images are held out"
        in capsys.readouterr().out
    )
    stored = json.loads((tmp_path / "r" / RUN).read_text())
    assert (stored["group"], stored["source"]["only"]) == ("patient", ["s-0.tar", "s-1.tar", "s-2.tar"])
    assert main(["train", "--resume", out, "--images", "24"]) == 0
    subject = LoadedModel.open(out, "cpu")
    for given in (None, shards, str(tmp_path)):
        dataset = find_data(given, subject)
        division = split_for_evaluation(subject.model, dataset, 4)
        assert (division.own, len(division.training), len(division.held_out)) == (True, 28, 8)
        patient = dataset.tables.column("patient")
        sides = [{patient[dataset.paths[n]] for n in side} for side in (division.training, division.held_out)]
        assert not sides[0] & sides[1]
    assert main(["train", *shards, "--out", f"{out}2", "--group", "age", *flags]) == 2
    assert "--group age: " in capsys.readouterr().err
    assert not (tmp_path / "r2").exists()


@pytest.fixture
def parted(tmp_path):
    """A folder with its own training, validation and test, and captions."""
    for part, count in (("train", 14), ("val", 6), ("test", 4)):
        (tmp_path / "photos" / part).mkdir(parents=True)
        for n in range(count):
            (tmp_path / "photos" / part / f"{n}.png").write_bytes(png(n + 100 * count))
            (tmp_path / "photos" / part / f"{n}.txt").write_text(f"a {part} image")
    return Folder(path=str(tmp_path / "photos"), size=8)


def run_on(source, dataset, **changes):
    run = tiny.run(source=source, images=8, batch=8, validation_images=4, **changes)
    return replace(
        run,
        model=replace(run.model, data=dataset.spec, network=replace(tiny.NETWORK, vector_channels=0), conditioners=()),
    )


def test_the_parts_of_the_user_are_trained_validated_and_evaluated_apart(parted, tmp_path):
    dataset = parted.build()
    run = run_on(parted, dataset, own_parts=planned_split(dataset).own_parts)
    assert run.own_parts
    folder = RunFolder.create(tmp_path / "r", run)
    list(fit(folder, dataset, debruit.device.choose_device("cpu")))
    subject = LoadedModel.open(str(folder.path), "cpu")
    division = split_for_evaluation(subject.model, subject.source().build(), 4)
    parts = [
        {dataset.paths[n].partition("/")[0] for n in side}
        for side in (division.training, split_of(dataset, run).validation, division.held_out)
    ]
    assert parts == [{"train"}, {"val"}, {"test"}]
    found = held_out(subject.model, folder.path, seed=0)
    assert found is not None
    assert "photos, test/" in found.origin[0]
    assert set(context(dataset, planned_split(dataset)).captions) == {"a train image"}


@pytest.mark.parametrize("kind", [[], ["autoencoder"], ["ldm"]])
def test_what_is_printed_counts_the_images_that_are_trained_on(parted, kind, capsys):
    flags = ["--images", "500", "--size", "8", "--condition", "none", "--device", "cpu", "--dry-run"]
    flags = flags if kind != ["autoencoder"] else [flag for flag in flags if flag not in ("--condition", "none")]
    assert main(["train", *kind, parted.path, *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    lengths = [line for line in lines if line.startswith("training")]
    counts = [int(line.split()[1].replace(",", "")) for line in lengths]
    assert sum(counts) == 500
    for line, count in zip(lengths, counts, strict=True):
        assert f"({count / 14:.1f} epochs)" in line
    assert all(line.endswith("; 1 held out") for line in lines if line.startswith("data "))


def test_a_run_without_own_parts_takes_all_parts_together(parted):
    dataset = parted.build()
    run = run_on(parted, dataset)
    assert (run.group, run.own_parts) == ("", False)
    np.testing.assert_array_equal(
        split_of(dataset, run).validation,
        make_split(dataset, SplitConfig(validation_images=4, seed=run.seed)).validation,
    )
    assert {dataset.paths[n].partition("/")[0] for n in split_of(dataset, run).train} == {"train", "val", "test"}
