"""Settings of the process are set by commands, not by imports."""

import subprocess
import sys
import warnings

import pytest
import torch

from debruit.apps.process import prepare_process


@pytest.fixture(autouse=True)
def as_before():
    before = torch.get_num_threads()
    with warnings.catch_warnings():
        yield
    torch.set_num_threads(before)


def test_an_import_changes_nothing_a_command_does():
    check = (
        "import os, warnings\n"
        "environment = dict(os.environ)\n"
        "ignored = lambda: [f for f in warnings.filters if f[0] == 'ignore' and 'PIL' in str(f[3])]\n"
        "import debruit.data.ingest.scan, debruit.images.pixels, debruit.training.supervisor\n"
        "assert not ignored() and dict(os.environ) == environment\n"
        "from debruit.apps.process import prepare_process\n"
        "prepare_process(1)\n"
        "assert ignored() and os.environ['THP_MEM_ALLOC_ENABLE'] == '1'"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


def test_threads_as_given_or_as_a_run_recorded(monkeypatch):
    monkeypatch.delenv("DEBRUIT_THREADS", raising=False)
    prepare_process(1)
    assert torch.get_num_threads() == 1
    prepare_process(None, recorded=2)
    assert torch.get_num_threads() == 2
    prepare_process(1, recorded=2)
    assert torch.get_num_threads() == 1
