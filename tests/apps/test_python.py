"""The Python API: a verb in a few lines, with its events, cancelled, from any thread; typed, and with a sentence for a
typing error."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import debruit
from debruit.training.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
TINY = {
    "model.network.channels": 8, "model.network.head_channels": 8, "model.network.groups": 4, "model.sampling.steps": 2,
    "every.report_images": 32, "validation_images": 8,
}  # fmt: skip
OPTIONS = {"batch": 16, "pixels": True, "set": TINY}


def test_a_training_in_a_few_lines(tmp_path, capsys):
    work = debruit.train("digits", out=tmp_path / "a", images=64, **OPTIONS)
    events = list(work)
    result = work.result()
    assert result.model == tmp_path / "a" / "model.safetensors"
    assert (result.images_seen, result.interrupted, result.folder) == (64, False, tmp_path / "a")
    assert debruit.load(result.model, "cpu").generate(2, seed=0).shape == (2, 1, 8, 8)
    said = [event.message for event in events if event.done is None]
    assert any(line.startswith("data      digits: 1,797 images") for line in said)
    reports = [event for event in events if event.stage == "train" and event.done is not None]
    assert [(event.done, event.total) for event in reports] == [(32, 64), (64, 64)]
    assert reports[-1].values["share"] == 1.0
    assert reports[-1].values["loss"] == result.loss > 0
    assert capsys.readouterr() == ("", ""), "nothing is printed"


def test_cancelling_saves_and_resuming_continues(tmp_path):
    work = debruit.train("digits", out=tmp_path / "a", images=100_000, **OPTIONS)
    for event in work:
        if event.stage == "train":
            work.cancel()
    result = work.result()
    assert result.interrupted
    assert result.images_seen < 100_000
    more = debruit.train(resume=tmp_path / "a", images=result.images_seen + 16).result()
    assert more.images_seen == result.images_seen + 16
    assert not more.interrupted


def test_leaving_the_block_stops_the_training(tmp_path):
    with debruit.train("digits", out=tmp_path / "a", images=100_000, **OPTIONS) as work:
        next(event for event in work if event.stage == "train")
    assert work.result().interrupted


def test_a_dry_run_makes_no_folder(tmp_path):
    work = debruit.train("digits", images=64, dry_run=True, **OPTIONS)
    assert any("fits" in event.message for event in work)
    assert (work.result().folder, work.result().run.images) == (None, 64)


def test_two_trainings_at_once_from_other_threads(tmp_path):
    """The same weights as alone, each with its own events."""
    found = {}

    def work(name):
        lines = [
            e.done for e in debruit.train("digits", out=tmp_path / name, images=64, **OPTIONS) if e.stage == "train"
        ]
        found[name] = lines

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"a": [32, 64], "b": [32, 64]}
    a, b = (load_file(tmp_path / name / "model.safetensors") for name in "ab")
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_source_may_be_made_in_python(tmp_path):
    from debruit.data.sources.digits import Digits

    result = debruit.train(Digits(), out=tmp_path / "a", images=32, **OPTIONS).result()
    assert RunFolder.open(result.folder).run.source == Digits()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"minuts": 3}, "debruit.train has no option 'minuts', did you mean 'minutes'?"),
        ({"words": "bert"}, "debruit.train has no option 'words'"),
    ],
)
def test_a_misspelt_option(options, sentence):
    with pytest.raises(debruit.InputError) as caught:
        debruit.train("digits", out="a", **options)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"images": 0}, "train: images: 0 is not valid"),
        ({"images": 9, "minutes": 9}, "give one of them"),
        ({"minutes": "three"}, "train: minutes: 'three' is not valid"),
        ({"set": ["lr"]}, "expected KEY=VALUE"),
        ({"set": {"optimizer.lr": 1.0}}, "did you mean 'optimiser'?"),
    ],
)
def test_wrong_values_are_refused(options, sentence, tmp_path):
    with pytest.raises(debruit.InputError) as caught:
        debruit.train("digits", out=tmp_path / "a", **options).result()
    assert sentence in str(caught.value)
    assert not (tmp_path / "a").exists()


GOOD = """
from typing import assert_type
import debruit

work = debruit.train("digits", out="runs/a", minutes=0.2)
for event in work:
    print(event.stage, event.done)
print(work.result().model)
assert_type(debruit.load("runs/a"), debruit.Model)
"""
BAD = {
    'import debruit\ndebruit.train("digits", minuts=3)\n': "minuts",
    'import debruit\ndebruit.train("digits", minutes="three")\n': "three",
    'import debruit\ndebruit.load("a").generat(4)\n': "generat",
}


def test_types(tmp_path):
    """ty sees the types of the public API: a misspelt option is an error."""

    def check(code: str):
        (tmp_path / "call.py").write_text(code)
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "ty",
                "check",
                "--python",
                sys.prefix,
                "--extra-search-path",
                str(ROOT / "src"),
                "call.py",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    good = check(GOOD)
    assert good.returncode == 0, good.stdout
    for code, word in BAD.items():
        bad = check(code)
        assert bad.returncode == 1, code
        assert word in bad.stdout


def test_the_package_is_imported_lazily():
    check = "import debruit, sys; assert not {'torch', 'numpy', 'rich', 'cyclopts'} & {*sys.modules}; dir(debruit)"
    subprocess.run([sys.executable, "-c", check], check=True)
    assert set(debruit.__all__) <= {name for name in debruit.__all__ if getattr(debruit, name) is not None}
