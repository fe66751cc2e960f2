"""The choice of the image and its condition, and refusals."""

import dataclasses

import numpy as np
import pytest
import tiny
import torch
from lessons import fresh, labelled, unconditional
from PIL import Image

import debruit
from debruit import events
from debruit.data.sources.digits import Digits
from debruit.data.split import split
from debruit.errors import InputError
from debruit.lecture import numbers
from debruit.lecture.example import from_file
from debruit.lecture.study import begin


def write_image(path, pixels):
    Image.fromarray(pixels).save(path)
    return path


def test_a_held_out_image_of_the_run_and_its_class(trained):
    model = debruit.load(trained)
    study = begin(model, path=trained, seed=4)
    held_out = split(1797, 20, 3)[1]
    item = Digits().build()[int(held_out[4])]
    assert torch.equal(study.example.image[0], item["image"])
    assert study.label == item["label"]
    assert "held-out" in study.example.origin[0]
    assert "mise de côté" in study.example.origin[1]
    assert begin(model, path=trained, seed=4, label=7).label == 7, "the requested class wins"
    assert begin(model, path=trained / "model.safetensors", seed=4).label == item["label"], "the file in its folder too"


def test_a_model_file_alone_finds_built_in_data_by_name(trained, tmp_path):
    alone = tmp_path / "m.safetensors"
    alone.write_bytes((trained / "model.safetensors").read_bytes())
    assert "held-out" in begin(debruit.load(alone), path=alone).example.origin[0]


def test_without_data_a_sample_is_explained_and_reported(trained, monkeypatch):
    model = debruit.load(trained)
    model.provenance["data_fingerprint"] = "another"
    heard = []
    with events.listen(heard.append):
        study = begin(model, path=trained)
    assert "a sample of the model" in study.example.origin[0]
    assert "has changed since the model was trained" in heard[-1].message
    assert torch.equal(study.example.image, model.generate(1))
    model.config = dataclasses.replace(model.config, data=dataclasses.replace(model.config.data, name="nowhere"))
    assert "a sample" in begin(model).example.origin[0]
    model.provenance.clear()
    assert "a sample" in begin(model).example.origin[0]


def test_an_image_of_the_right_kind_is_taken_as_it_is(tmp_path):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) % 17
    example = from_file(write_image(tmp_path / "a.png", pixels), Digits().build().spec)
    spec = Digits().build().spec
    assert (example.image[0, 0].numpy() == pixels.clip(spec.low, spec.high)).all()
    assert example.origin == ("the file a.png", "le fichier a.png")


def test_an_image_of_another_size_channels_and_depth_is_made_to_fit_and_reported(tmp_path):
    spec = tiny.run().model.data
    colour = np.zeros((20, 30, 3), np.uint8)
    colour[:, :15] = 255
    example = from_file(write_image(tmp_path / "c.png", colour), spec)
    assert example.image.shape == (1, *spec.shape)
    for part in ("resized from 30 x 20 to the model's 8 x 8 pixels", "colour made grey"):
        assert part in example.origin[0]
    assert "couleur convertie en gris" in example.origin[1]
    deep = from_file(write_image(tmp_path / "d.png", np.full((8, 8), 65535, np.uint16)), spec)
    assert "uint16 values scaled to the range" in deep.origin[0]
    assert (deep.image == spec.high).all(), "white is white in any depth"
    floats = dataclasses.replace(spec, depth="float32", low=-3.0, high=5.0, channels=3)
    bright = from_file(write_image(tmp_path / "e.png", np.full((8, 8), 255, np.uint8)), floats)
    assert bright.image.shape == (1, 3, 8, 8)
    torch.testing.assert_close(bright.image, torch.full((1, 3, 8, 8), 5.0))
    assert "grey made colour" in bright.origin[0]


def test_what_is_no_image_is_refused(tmp_path):
    spec = tiny.run().model.data
    (tmp_path / "b.png").write_bytes(b"\x89PNG not really")
    cases = {
        tmp_path / "none.png": "no such file",
        tmp_path / "b.png": "damaged, or not a PNG",
        tmp_path: "give a PNG, JPEG",
    }
    for path, sentence in cases.items():
        with pytest.raises(InputError, match=sentence):
            from_file(path, spec)
    with pytest.raises(InputError, match="have 2 channels"):
        from_file(tmp_path / "b.png", dataclasses.replace(spec, channels=2))


def test_labels():
    with pytest.raises(InputError, match="unknown label 'cat'"):
        begin(fresh(), label="cat")
    plain = unconditional()
    with pytest.raises(InputError, match="a label was given, but this model was trained with no condition at all"):
        begin(plain, label=3)
    assert begin(plain).label is None


def test_an_image_of_no_known_class_is_seen_without_condition(tmp_path):
    path = write_image(tmp_path / "a.png", np.zeros((8, 8), np.uint8))
    study = begin(fresh(), path)
    assert study.label is None
    none = fresh().backbone.cond({"label": torch.tensor([0])}, {"label": torch.tensor([False])})
    torch.testing.assert_close(study.cond(1, False).vector, none.vector)
    with pytest.raises(InputError, match="was never trained without a class: give --label"):
        begin(fresh(conditioners=labelled(drop=0.0)), path)


def test_a_page_survives_numbers_that_are_none():
    """JSON.parse refuses NaN, and would show nothing at all."""
    assert numbers.as_list(torch.tensor([1.5, float("nan"), float("inf"), -float("inf")])) == [1.5, None, None, None]
