"""How many threads compute: as given, by the variable, as a resumed run had, or what is free; and the quota of a
container counts."""

import os
import subprocess
import sys

import pytest
import torch
from hearing import noticed

from debruit.apps import threads
from debruit.errors import InputError
from debruit.models.model_file import save


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    monkeypatch.delenv(threads.VARIABLE, raising=False)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_what_is_given_comes_first(monkeypatch):
    assert threads.set_threads(1) == torch.get_num_threads() == 1
    monkeypatch.setenv(threads.VARIABLE, "3")
    assert threads.set_threads(None) == torch.get_num_threads() == 3
    assert threads.set_threads(None, recorded=2) == 3
    assert threads.set_threads(2) == 2
    monkeypatch.delenv(threads.VARIABLE)
    assert threads.set_threads(None, recorded=1) == 1


@pytest.mark.parametrize("value", ["0", "two", "-1", "9999999", "1.5", "nan"])
def test_a_variable_that_is_no_number_is_refused(monkeypatch, value):
    monkeypatch.setenv(threads.VARIABLE, value)
    with pytest.raises(
        InputError, match=f"DEBRUIT_THREADS={value}: give a whole number from 1 to 4,096, or leave it unset"
    ):
        threads.set_threads(None)


@pytest.mark.parametrize(
    ("files", "most"),
    [
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.max": "garbage"}, None),
        ({}, None),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "1"}, None),
    ],
)
def test_the_quota_of_a_container_counts(tmp_path, files, most):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    cores = len(os.sched_getaffinity(0))
    assert threads.available(tmp_path) == (cores if most is None else most)


def test_a_resumed_run_keeps_its_number(tmp_path, monkeypatch):
    import tiny

    run = tiny.run()
    monkeypatch.setattr(threads, "available", lambda: 4)
    assert threads.recorded(tmp_path) is None
    for count, expected in ((3, 3), (4, 4)):
        save(tmp_path / "model.safetensors", run.model, {"w": torch.zeros(1)}, {"environment": {"threads": count}})
        assert threads.recorded(tmp_path) == expected
    save(tmp_path / "model.safetensors", run.model, {"w": torch.zeros(1)}, {"environment": {"threads": 16}})
    with noticed(match="was trained with 16 threads and 4 cores are free here"):
        assert threads.recorded(tmp_path) is None
    save(tmp_path / "model.safetensors", run.model, {"w": torch.zeros(1)}, {})
    assert threads.recorded(tmp_path) is None, "a file without that record"


def test_openmp_is_told_before_torch_is_there():
    code = (
        "import debruit.apps.cli, os, sys; assert 'torch' not in sys.modules; print(os.environ.get('GOMP_SPINCOUNT'))"
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("GOMP", "OMP"))}

    def said(more):
        result = subprocess.run(
            [sys.executable, "-c", code], env=clean | more, capture_output=True, text=True, check=True
        )
        return result.stdout.strip()

    assert said({}) == threads.SPINS
    assert said({"GOMP_SPINCOUNT": "7"}) == "7"
    assert said({"OMP_WAIT_POLICY": "ACTIVE"}) == "None"
