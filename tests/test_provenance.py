"""What a paper's appendix needs: processor, threads, memory, packages, the command; and how debruit is cited."""

import json
from pathlib import Path

import pytest
import torch

import debruit
from debruit import provenance
from debruit.apps.cli import main


@pytest.fixture(autouse=True)
def no_command(monkeypatch):
    monkeypatch.setattr(provenance, "_command", [])


def test_what_it_says():
    found = provenance.provenance()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["threads"] == torch.get_num_threads()
    assert found["versions"]["debruit"] == debruit.__version__
    assert {"python", "torch", "numpy", "pillow"} <= found["versions"].keys()
    assert found["cpu"]
    assert "command" not in found, "there is none in a notebook"
    assert f"{torch.get_num_threads()} thread" in provenance.hardware()


def test_the_command_names_no_folder_of_the_user():
    provenance.remember(
        ["train", "/home/me/secret project/data", "--out=/home/me/runs/a", "--set", "optimiser.lr=1e-3", "runs/b"]
    )
    assert provenance.provenance()["command"] == "debruit train data --out=a --set optimiser.lr=1e-3 runs/b"


def test_cite(capsys):
    assert main(["cite"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("@software{debruit,")
    assert f"version = {{{debruit.__version__}}}" in said
    assert "author  = {{The debruit developers}}" in said


def test_the_citation_file_is_of_this_version():
    text = (Path(__file__).parents[1] / "CITATION.cff").read_text()
    assert f"\nversion: {debruit.__version__}\n" in text
    assert "name: The debruit developers" in text
