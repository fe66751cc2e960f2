"""`debruit list models`: whose images a model was trained on, where their licences ask for it."""

from typing import Any

import pytest

from debruit.workflows import listing as module
from debruit.workflows.listing import listing

NOTO = {"name": "noto", "count": 3, "author": "Google", "url": "https://example.org", "licence": "Apache-2.0"}
OPENMOJI = {**NOTO, "name": "openmoji", "author": "OpenMoji", "licence": "CC-BY-SA-4.0"}


@pytest.mark.parametrize(
    ("licences", "end"),
    [
        ([], "emoji, 5 images seen"),
        ([NOTO], "5 images seen; trained on noto (Google, Apache-2.0, https://example.org)"),
        ([NOTO, OPENMOJI], "(OpenMoji, CC-BY-SA-4.0, https://example.org); its weights are under CC-BY-SA-4.0"),
    ],
)
def test_models_name_those_whose_images_they_were_trained_on(licences, end, tmp_path, monkeypatch):
    head: dict[str, Any] = {
        "config": {"data": {"licences": licences}},
        "provenance": {"data": "emoji", "images_seen": 5},
    }
    monkeypatch.setattr(module, "shipped", lambda: {"emoji-64": tmp_path / "emoji-64.safetensors"})
    monkeypatch.setattr(module, "header", lambda path: head)
    monkeypatch.chdir(tmp_path)
    [entry] = listing("models")
    assert entry.description.endswith(end)
