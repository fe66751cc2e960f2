"""`debruit explain` as a user meets it."""

import numpy as np
import pytest
import torch
from PIL import Image

from debruit.apps.cli import main
from debruit.lecture import chains


@pytest.fixture
def quick(monkeypatch):
    """A short chain."""
    monkeypatch.setattr(chains, "STEPS", 6)


def test_explain_writes_one_page_and_says_what_it_did(trained, tmp_path, capsys, quick):
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "shoe.png")
    out = tmp_path / "lecture"
    code = main(
        [
            "explain",
            str(trained),
            "--image",
            str(tmp_path / "shoe.png"),
            "--label",
            "3",
            "--lang",
            "fr",
            "--out",
            str(out),
        ]
    )
    output = capsys.readouterr().out
    assert code == 0
    assert [p.name for p in out.iterdir()] == ["index.html"]
    text = (out / "index.html").read_text("utf-8")
    assert '<html lang="fr">' in text
    assert "resized from 30 x 20" in text
    for part in ("le fichier shoe.png", "algorithm 2", "bits/dim", "as a chain of 6 steps", "index.html"):
        assert part in output


def test_a_small_model_gets_one_thread_unless_another_number_is_given(trained, tmp_path, quick):
    before = torch.get_num_threads()
    try:
        for given, expected in (([], 1), (["--threads", "2"], 2)):
            assert main(["explain", str(trained), "--quick", "--out", str(tmp_path / "x"), *given]) == 0
            assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)


def test_bad_requests(trained, tmp_path, capsys):
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "file").write_text("")
    cases = {
        ("explain", trained, "--out", tmp_path / "file"): "give a folder",
        ("explain", trained, "--out", tmp_path / "x.html"): "give a folder",
        ("explain", trained, "--out", tmp_path / "x", "--lang", "de"): "unknown language 'de'; allowed: en, fr",
        ("explain", trained, "--out", tmp_path / "x", "--image", tmp_path / "no.png"): "no such file",
        ("explain", trained, "--out", tmp_path / "x", "--image", tmp_path / "text.png"): "damaged, or not a PNG",
        ("explain", trained, "--out", tmp_path / "x", "--label", "11"): "unknown label '11'",
        ("explain", tmp_path / "nowhere", "--out", tmp_path / "x"): "there is no model at",
    }
    for arguments, sentence in cases.items():
        assert main([str(a) for a in arguments]) == 2, arguments
        output = capsys.readouterr().err
        assert sentence in output, arguments
        assert output.count("\n") == 1
        assert not (tmp_path / "x").exists()
