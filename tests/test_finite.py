"""Numbers that are not finite do not come in, and results that are not finite do not go out."""

import dataclasses
import json
import math

import numpy as np
import pytest
import tiny
import torch

from debruit import config
from debruit.config import check, decode, encode
from debruit.errors import InputError
from debruit.models import model_file
from debruit.models.diffusion import Model, load
from debruit.overrides import override
from debruit.sampling.config import SamplingConfig
from debruit.sampling.ddim import DDIM
from debruit.seams import classes

PACKAGES = ("diffusion", "sampling", "networks", "autoencoders", "conditioning", "training")


def default_configs():
    """Every configuration class with defaults for all of its fields."""
    for package in PACKAGES:
        for name, cls in classes(f"debruit.{package}").items():
            needed = [
                f
                for f in dataclasses.fields(cls)
                if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
            ]
            numeric = [f.name for f in dataclasses.fields(cls) if type(f.default) is float]
            if not needed and numeric and not name.endswith("State"):
                yield pytest.param(cls, numeric, id=f"{package}.{name}")


@pytest.mark.parametrize(("cls", "names"), [*default_configs()])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_float_field_takes_what_is_not_finite(cls, names, value):
    for name in names:
        with pytest.raises(InputError, match=name):
            decode(json.loads(json.dumps(encode(cls()) | {name: value})), cls)
        with pytest.raises(InputError, match=name):
            override(cls(), f"{name}={value}")


def test_python_is_told_the_same_sentence():
    assert check(SamplingConfig()) is None
    sentence = "nan is not valid, expected float (input should be a finite number)"
    with pytest.raises(InputError) as by_hand:
        check(SamplingConfig(sampler=DDIM(eta=math.nan)), "sampling")
    assert str(by_hand.value) == f"sampling.sampler.eta: {sentence}"
    with pytest.raises(InputError, match="input should be less than or equal to 100000"):
        check(SamplingConfig(steps=10**9))
    with pytest.raises(InputError, match="expected int"):
        check(SamplingConfig(steps=2.5))  # ty: ignore[invalid-argument-type]


@pytest.fixture
def model():
    run = tiny.run()
    torch.manual_seed(0)
    return Model(run.model, run.model.build())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sampler": DDIM(eta=math.nan)}, "sampling.sampler.eta: nan is not valid"),
        ({"steps": 10**9}, "sampling.steps: 1000000000 is not valid"),
        ({"seed": -1}, "seed -1: give a whole number from 0 to 9223372036854775807"),
        ({"seed": 2**63}, "give a whole number from 0"),
        ({"guidance": math.nan}, "a guidance weight of nan"),
        ({"n": 10**12}, "1,000,000,000,000 images requested: give -n 10,000,000 or less"),
        ({"batch": 0}, "a batch of 0: give 1 to 1,048,576"),
    ],
)
def test_generate_refuses(model, options, sentence):
    with pytest.raises(InputError, match=sentence):
        model.generate(**{"n": 1} | options)


def broken(model):
    with torch.no_grad():
        next(p for p in model.backbone.parameters() if p.ndim == 4).fill_(math.nan)
    return model


def test_images_that_are_not_finite_are_an_error(model):
    with pytest.raises(InputError, match=r"the images are not finite: 64 of 64 values are NaN or infinite"):
        broken(model).generate(1, steps=1)


def test_weights_that_are_not_finite_are_neither_written_nor_read(model, tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    model.save(path)
    before = path.read_bytes()
    with pytest.raises(
        InputError, match=r"m.safetensors is not written: its weights \S+ hold values that are NaN or infinite"
    ):
        broken(model).save(path)
    assert path.read_bytes() == before
    monkeypatch.setattr(model_file, "check_weights", lambda *_: None)
    model.save(path)
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"m.safetensors: its weights \S+ hold values that are NaN or infinite"):
        load(path, "cpu")


def test_a_setting_that_is_not_finite_in_a_model_file_is_refused(model, tmp_path):
    path = tmp_path / "m.safetensors"
    found = encode(model.config)
    found["sampling"]["rescale"] = math.nan
    with pytest.raises(InputError, match="sampling.rescale: nan is not valid"):
        model_file.decoded({"config": found}, type(model.config), path)


def test_ranges_leave_no_trace_in_sentences():
    with pytest.raises(
        InputError, match=r"^config.steps: 0 is not valid, expected int \(input should be greater than or equal to 1\)$"
    ):
        decode({"type": "SamplingConfig", "steps": 0}, SamplingConfig)
    assert config._expected(dict(config.hints(SamplingConfig))["steps"]) == "int"


def test_images_to_encode_are_checked(model):
    images = torch.from_numpy(np.full((1, *model.config.data.shape), np.nan, np.float32))
    with pytest.raises(InputError, match="the images to encode: 64 of 64 values are NaN or infinite"):
        model.latents(images)
