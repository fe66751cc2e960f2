"""Configuration: a round trip for every dataclass, and a clear sentence for everything that is wrong."""

import json
import typing
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace

import pytest

from debruit.conditioning.label import Label
from debruit.config import decode, encode
from debruit.diffusion.chain import Chain, Cosine, Schedule
from debruit.diffusion.process import Process
from debruit.diffusion.processes.flow import Flow
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.overrides import override
from debruit.recipes.ddpm import ddpm_fashion_mnist_28
from debruit.sampling.sampler import Sampler
from debruit.seams import choose, classes, implementations, slug
from debruit.training.config import Run

PACKAGES = ("diffusion", "sampling", "conditioning", "images", "networks", "autoencoders", "data", "training")
SAMPLES = {str: "a name", int: 4, float: 0.5, bool: True, tuple[str, ...]: ("a", "b")}


def example(cls):
    """An instance, made up where fields have no default; None if it is no configuration."""
    if cls is DataSpec:
        return RUN.model.data
    values = {}
    hints = typing.get_type_hints(cls)
    if any("Tensor" in str(hint) for hint in hints.values()):
        return None
    for f in fields(cls):
        if f.default is not MISSING or f.default_factory is not MISSING:
            continue
        hint = hints[f.name]
        if getattr(hint, "_is_protocol", False):
            made = next((e for c in implementations(hint).values() if (e := example(c)) is not None), None)
        else:
            made = example(hint) if is_dataclass(hint) else SAMPLES.get(hint)
        if made is None:
            return None
        values[f.name] = made
    try:
        instance = cls(**values)
        encode(instance)
    except (AssertionError, ValueError):
        return None
    return instance


def every_config():
    found = {"ModelConfig": example(ModelConfig)}
    for package in PACKAGES:
        for name, cls in classes(f"debruit.{package}").items():
            if cls.__dataclass_params__.frozen and (made := example(cls)) is not None:
                found[f"{package}.{name}"] = made
    return found | {"recipe": ddpm_fashion_mnist_28()}


def conditional_run():
    run = ddpm_fashion_mnist_28()
    return replace(run, model=replace(run.model, conditioners=(Label(),)))


RUN = ddpm_fashion_mnist_28()
CONFIGS = every_config()


def test_the_walk_finds_them():
    wanted = {
        "training.Run",
        "training.Optimiser",
        "networks.UNet",
        "sampling.SamplingConfig",
        "sampling.Heun",
        "sampling.Karras",
        "diffusion.Tabulated",
        "diffusion.Chain",
        "diffusion.Objective",
        "conditioning.Label",
        "images.DataSpec",
        "autoencoders.Pixels",
    }
    assert wanted <= CONFIGS.keys()


@pytest.mark.parametrize("value", CONFIGS.values(), ids=CONFIGS)
def test_round_trip(value):
    assert decode(json.loads(json.dumps(encode(value))), type(value)) == value


def test_round_trip_with_conditioners_and_without():
    """An empty tuple of a protocol too: what every unconditional model has."""
    for run in (RUN, conditional_run()):
        assert decode(json.loads(json.dumps(encode(run))), Run) == run


def spoilt(**changes):
    """The JSON of a run with some of its values replaced, by path."""
    data = json.loads(json.dumps(encode(RUN)))
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = data
        for key in parents:
            place = place[key]
        place[last] = value
    return data


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"imges": 3}, "config: Run has no field 'imges', did you mean 'images'?"),
        ({"images": 2.5}, "config.images: 2.5 is not valid, expected int"),
        ({"optimiser__lr": "fast"}, "config.optimiser.lr: 'fast' is not valid, expected float"),
        (
            {"optimiser__betas": [1, 2, 3]},
            "config.optimiser.betas: (1, 2, 3) is not valid, expected tuple[float, float]",
        ),
        (
            {"model__network__multipliers": [1, "x"]},
            "config.model.network.multipliers[1]: 'x' is not valid, expected int",
        ),
        ({"model__process": "Flow"}, "config.model.process: 'Flow' is not valid, expected Process"),
        (
            {"model__process": encode(choose(Sampler, "euler", ""))},
            "unknown Process in config.model.process 'Euler'; allowed: Flow, Tabulated, VE",
        ),
        ({"model__sampling": None}, "config.model.sampling: None is not valid, expected SamplingConfig"),
        ({"model__conditioners": [3]}, "config.model.conditioners[0]: 3 is not valid, expected Conditioner"),
        ({"model__network__time_embedding": "ad"}, "expected Literal['add', 'scale_shift']"),
        ({"type": "join"}, "unknown Run in config 'join'; allowed: Run"),
        ({"type": ["a"]}, "unknown Run in config"),
        (
            {"model__type": "ModelConfg"},
            "unknown ModelConfig in config.model 'ModelConfg', did you mean 'ModelConfig'?",
        ),
        (
            {"model__process__type": "UNet"},
            "unknown Process in config.model.process 'UNet'; allowed: Flow, Tabulated, VE",
        ),
        (
            {"model__process": {"type": "MyFlow", "plugin": "myflows"}},
            "config.model.process: MyFlow comes with the plugin myflows, which is not here: install it (pip install "
            "myflows)",
        ),
    ],
)
def test_bad_files(changes, message):
    with pytest.raises(InputError) as error:
        decode(spoilt(**changes), Run)
    assert message in str(error.value)


def test_what_is_missing_is_named():
    data = spoilt()
    del data["model"]
    with pytest.raises(InputError, match="config: Run lacks model"):
        decode(data, Run)
    assert decode(spoilt(seed=5), Run).seed == 5


def test_long_values_are_cut_in_errors():
    data = spoilt()
    del data["model"]["network"]["type"]
    with pytest.raises(InputError, match="config.model.network: .*expected Network") as error:
        decode(data, Run)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize(
    ("assignment", "found"),
    [
        ("images=2_000", 2000),
        ("optimiser.lr=1e-4", 1e-4),
        ("minutes=none", None),
        ("minutes=2.5", 2.5),
        ("flip=true", True),
        ("flip=no", False),
        ("model.network.heads=null", None),
        ("model.network.heads=4", 4),
        ("model.network.multipliers=1,2,4", (1, 2, 4)),
        ("model.network.multipliers=[1, 2, 4]", (1, 2, 4)),
        ("model.network.multipliers=3", (3,)),
        ("model.network.attention=", ()),
        ("optimiser.betas=0.9, 0.99", (0.9, 0.99)),
        ("objective.norm=l1", "l1"),
        ("model.process=flow", Flow()),
        ("model.process.chain.schedule=Cosine", Cosine()),
        (' model.process = {"type": "Tabulated"}', Tabulated()),
        ("model.data.class_names=a,b", ("a", "b")),
        ("model.data.name={x}", "{x}"),
    ],
)
def test_overrides(assignment, found):
    run = override(RUN, assignment)
    value = run
    for name in assignment.partition("=")[0].strip().split("."):
        value = getattr(value, name)
    assert value == found
    assert type(value) is type(found)
    assert override(run, "seed=9") == replace(run, seed=9)  # nothing else changed


def test_overrides_inside_a_tuple():
    run = override(conditional_run(), "model.conditioners.0.drop=0.25")
    assert run.model.conditioners == (Label(drop=0.25),)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("images", "--set images: expected KEY=VALUE, for example --set lr=1e-4"),
        ("imges=3", "unknown key in --set imges 'imges', did you mean 'images'? allowed: batch, "),
        ("model.netwrk.channels=3", "unknown key in --set model.netwrk.channels 'netwrk', did you mean 'network'?"),
        ("images.x=3", "--set images.x: there is no 'x' in 100000"),
        ("images=many", "--set images: 'many' is not valid, expected int"),
        ("images=1.5", "--set images: '1.5' is not valid, expected int"),
        ("images=none", "--set images: None is not valid, expected int"),
        ("flip=perhaps", "--set flip: 'perhaps' is not valid, expected bool"),
        ("optimiser.betas=0.9", "--set optimiser.betas: ('0.9',) is not valid, expected tuple[float, float]"),
        ("objective.norm=l3", "--set objective.norm: 'l3' is not valid, expected Literal['l2', 'l1']"),
        ("model.process=flw", "unknown value for --set model.process 'flw', did you mean 'Flow'? allowed: Flow, "),
        ("model.process=none", "--set model.process: None is not valid, expected Process"),
        ("model.process={", "--set model.process: '{' is no valid JSON"),
        ("model.sampling=5", "--set model.sampling: '5' is not valid, expected SamplingConfig"),
        (
            "model.conditioners=Text",
            "value for --set model.conditioners Text needs a value for tokenizer, encoder; give it as JSON",
        ),
        (
            "model.conditioners.0=Label",
            "--set model.conditioners.0: name what to change in it, one of channels, drop",
        ),
        ("model.conditioners.1.drop=0", "unknown key in --set model.conditioners.1.drop '1'; allowed: 0"),
        ("batch=0", "a batch of 0: give --batch 1 or more"),
    ],
)
def test_bad_overrides(assignment, message):
    with pytest.raises(InputError) as error:
        override(conditional_run(), assignment)
    assert message in str(error.value)


def test_names_as_people_type_them():
    assert {slug(name) for name in ("DPMpp2M", "dpmpp_2m", "dpmpp-2m", "DPMpp 2M")} == {"dpmpp2m"}
    for name, cls in implementations(Sampler).items():
        assert isinstance(choose(Sampler, name, "sampler"), cls)
        assert isinstance(choose(Sampler, cls.__module__.rpartition(".")[2], "sampler"), cls)  # and by its file
    with pytest.raises(InputError, match="unknown sampler 'eulr', did you mean 'euler'?"):
        choose(Sampler, "eulr", "sampler")


def test_implementations_are_found_because_they_exist():
    assert set(implementations(Process)) == {"Flow", "Tabulated", "VE", "VPCosine"}
    assert set(implementations(Schedule)) == {"Cosine", "Linear", "ScaledLinear"}
    assert all(isinstance(cls(), Process) for cls in implementations(Process).values())


def test_tensors_are_no_config_values():
    @dataclass(frozen=True)
    class Holder:
        value: object

    with pytest.raises(AssertionError, match="not a config value"):
        encode(Holder(object()))
    assert encode(Chain())["schedule"] == {"type": "Linear", "start": 1e-4, "end": 0.02}
