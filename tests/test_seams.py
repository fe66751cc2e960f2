"""Classes of other code join a seam: they have a name, are saved and loaded, and are missed by name where they are
not."""

import json
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
import tiny
import torch
from hearing import noticed

import debruit
from debruit import seams
from debruit.config import decode, encode
from debruit.diffusion.process import Process
from debruit.diffusion.processes.flow import Flow
from debruit.errors import InputError
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model
from debruit.overrides import override
from debruit.sampling.euler import Euler
from debruit.sampling.sampler import Sampler


@dataclass(frozen=True, kw_only=True)
class Halfway(Flow):
    """A process of other code."""

    power: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Sideways(Euler):
    """A sampler of other code."""


def untrained(**changes) -> Model:
    """A tiny model, untrained."""
    config = replace(tiny.run().model, **changes)
    torch.manual_seed(0)
    return Model(config, config.build())


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """What a test registers is gone after it."""
    monkeypatch.setattr(seams, "_PLUGINS", {})
    seams._load_plugins.cache_clear()
    yield
    seams._load_plugins.cache_clear()


def test_a_registered_class_has_a_name_everywhere():
    debruit.register(Halfway)
    debruit.register(Sideways)
    assert seams.implementations(Process)["Halfway"] is Halfway
    assert "Halfway" not in seams.implementations(Sampler)
    assert isinstance(seams.choose(Sampler, "sideways", "sampler"), Sideways)
    run = override(tiny.run(), "model.process=halfway")
    assert override(run, "model.process.power=3").model.process == Halfway(power=3)


def test_a_model_with_it_is_saved_and_loaded(tmp_path):
    debruit.register(Halfway)
    model = untrained(process=Halfway(power=3.0))
    model.save(tmp_path / "m.safetensors")
    again = debruit.load(tmp_path / "m.safetensors", device="cpu")
    assert again.config == model.config
    assert (again.generate(2) == model.generate(2)).all()


def test_a_file_says_which_plugin_it_needs(tmp_path, monkeypatch):
    debruit.register(Halfway)
    untrained(process=Halfway()).save(tmp_path / "m.safetensors")
    monkeypatch.setattr(seams, "_PLUGINS", {})
    with pytest.raises(
        InputError, match=r"process: Halfway comes with the plugin test_seams, which is not here: install"
    ):
        debruit.load(tmp_path / "m.safetensors")


def test_entry_points_are_found(monkeypatch):
    module = ModuleType("plugged")
    module.Halfway = type("Halfway", (Halfway,), {"__module__": "plugged"})
    module.Halfway = dataclass(frozen=True, kw_only=True)(module.Halfway)
    monkeypatch.setitem(__import__("sys").modules, "plugged", module)
    whole = EntryPoint("mine", "plugged", seams.GROUP)
    broken = EntryPoint("broken", "nowhere_to_be_found", seams.GROUP)
    monkeypatch.setattr(seams, "entry_points", lambda group: [whole, broken])
    with noticed(match=r"the plugin broken cannot be loaded .*nowhere_to_be_found.* and is left out"):
        found = seams.implementations(Process)
    assert found["Halfway"] is module.Halfway
    assert encode(found["Halfway"]())["plugin"] == "mine"


def test_what_cannot_be_saved_is_refused():
    with pytest.raises(InputError, match=r"Loose cannot be registered: .* is a frozen dataclass"):
        debruit.register(type("Loose", (), {}))


def test_a_name_that_is_taken_is_reported():
    other = dataclass(frozen=True, kw_only=True)(type("Flow", (Flow,), {"__module__": "theirs"}))
    debruit.register(other)
    with pytest.raises(
        InputError, match="two classes are called Flow as Process: debruit's own and that of the plugin theirs"
    ):
        seams.implementations(Process)


def test_a_file_names_nothing_but_classes_of_the_seam():
    data = json.loads(json.dumps(encode(untrained().config)))
    for value in ({"type": "Euler"}, {"type": "os.system"}, {"type": "Popen", "args": "x"}):
        with pytest.raises(InputError, match=r"unknown Process in config.process"):
            decode(data | {"process": value}, ModelConfig)


def test_a_class_that_is_defined_twice_counts_once():
    """As in a notebook whose cell is run again."""
    debruit.register(Halfway)
    again = type("Halfway", (Flow,), {"__module__": __name__})
    debruit.register(dataclass(frozen=True, kw_only=True)(again))
    assert seams.implementations(Process)["Halfway"] is not Halfway
