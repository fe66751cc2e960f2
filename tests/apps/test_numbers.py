"""Every number flag of every verb refuses what is no number, not finite, or out of its range, before any work, in one
sentence that names it."""

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest

from debruit.apps.cli import (
    compare,
    edit,
    evaluate,
    explain,
    main,
    sample,
    sampling_flags,
    sweep_samplers,
    train,
    upscale,
)
from debruit.apps.cli.data import doctor
from debruit.apps.cli.numbers import Within
from debruit.errors import InputError
from debruit.workflows.outputs import array_file
from debruit.workflows.outputs.sample_writer import find_writer
from debruit.workflows.sweep_samplers import costs

VERBS = {
    "sample": (sample.sample, ["m", "--out", "x.png"]), "train": (train.train, ["m"]), "evaluate": (evaluate.evaluate,
    ["m"]),
    "compare": (compare.compare, ["m"]), "sweep-samplers": (sweep_samplers.sweep_samplers, ["m"]),
    "explain": (explain.explain, ["m", "--out", "x"]),
    "edit": (edit.edit, ["m"]), "upscale": (upscale.upscale, ["m", "--image", "a.png"]), "data doctor": (doctor, ["m"]),
}  # fmt: skip


def flags(function) -> list[tuple[str, type, bool]]:
    """The number flags of a verb: name, type, and whether it has a range."""
    found = []
    hints = get_type_hints(function, include_extras=True)
    if "flags" in hints:
        hints |= get_type_hints(sampling_flags.SamplingFlags, include_extras=True)
    for name in hints:
        parts = _flat(hints[name])
        kind = next((kind for kind in (int, float) if kind in parts), None)
        if kind and name != "return" and str not in parts:
            validators = [getattr(p, "validator", ()) or () for p in parts]
            found.append((name, kind, any(isinstance(v, Within) for vs in validators for v in vs)))
    return found


def _flat(hint) -> list:
    parts = [hint]
    if get_origin(hint) is Annotated or get_args(hint):
        for part in get_args(hint):
            parts += _flat(part)
    return parts


@pytest.mark.parametrize("verb", VERBS)
def test_every_number_flag_has_a_range(verb):
    function, _ = VERBS[verb]
    found = flags(function)
    assert found, inspect.signature(function)
    assert [name for name, _, ranged in found if not ranged] == []


@pytest.mark.parametrize("verb", VERBS)
def test_numbers_out_of_range_are_refused_before_any_work(verb, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function, given = VERBS[verb]
    for name, kind, _ in flags(function):
        flag = "-n" if name == "n" else f"--{name.replace('_', '-')}"
        for value in ("-1", str(10**30), str(2**63), *(["nan", "inf", "-inf", "1e400"] if kind is float else ["2.5"])):
            assert main([*verb.split(), *given, flag, value]) == 2, (flag, value)
            said = capsys.readouterr().err
            assert flag in said, (flag, value, said)
            assert said.count("\n") == 1
            assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_the_sentences(capsys):
    for flag, value, sentence in (
        (
            "--minutes",
            "inf",
            "--minutes inf: a training needs more than 0 minutes and at most 525,600, for example --minutes 10",
        ),
        ("--seed", "-1", "--seed -1: give 0 to 9,223,372,036,854,775,807"),
        ("--size", "1000000000", "--size 1000000000: images need at least 4 pixels a side, and at most 16,384"),
        ("--threads", "0", "--threads 0: give 1 to 4,096"),
    ):
        assert main(["train", "m", "--out", "x", flag, value]) == 2
        assert capsys.readouterr().err == f"debruit: {sentence}\n"


def test_numbers_inside_texts_have_a_range(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["edit", "m", "--image", "a.png", "--outpaint", "1000000000"]) == 2
    assert "--outpaint 1000000000: give at most 16,384 pixels on each side" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"--evaluations 5,1000000000: give at most 200,000"):
        costs("5,1000000000")


def test_a_grid_that_is_too_large_is_refused_before_work():
    with pytest.raises(
        InputError,
        match=r"a grid of 100,000 images would have 436 million pixels, and the limit is 100 million, 22,956 images: "
        r"give a",
    ):
        find_writer(Path("x.png"), {}, 100_000, (3, 64, 64), "uint8", print)


def test_an_array_may_be_larger_than_the_memory(monkeypatch, tmp_path):
    """It is written batch by batch: only the disk must have the room."""
    room = SimpleNamespace(free=10**15)
    monkeypatch.setattr(array_file.shutil, "disk_usage", lambda _: room)
    writer = find_writer(tmp_path / "x.npy", {}, 10**9, (3, 64, 64), "uint8", print)
    assert [*writer.missing()] == [range(10**9)]
    room.free = 10**12
    with pytest.raises(InputError, match="needs 12,288,000 MB, and its disk has 1,000,000 MB left"):
        find_writer(tmp_path / "x.npy", {}, 10**9, (3, 64, 64), "uint8", print)
