"""What a paper's appendix needs: processor, threads, memory, packages, the command; and how debruit is cited."""

import json
import threading
from pathlib import Path

import torch

import debruit
from debruit import provenance
from debruit.apps.cli import main


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
    given = ["train", "/home/me/secret project/data", "--out=/home/me/runs/a", "--set", "optimiser.lr=1e-3", "runs/b"]
    with provenance.command(given):
        assert provenance.provenance()["command"] == "debruit train data --out=a --set optimiser.lr=1e-3 runs/b"


def test_a_command_belongs_to_its_context_and_ends_with_it(monkeypatch):
    during, other = [], []

    def verb(*_, **__):
        during.append(provenance.provenance()["command"])
        thread = threading.Thread(target=lambda: other.append(provenance.provenance()))
        thread.start()
        thread.join()

    monkeypatch.setattr("debruit.apps.cli.app", verb)
    assert main(["list", "models"]) == 0
    assert during == ["debruit list models"]
    assert "command" not in other[0], "another thread runs no command"
    assert "command" not in provenance.provenance(), "after it there is none"


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
