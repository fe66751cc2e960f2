"""Every class is in exactly one seam: debruit's own, and classes of other code, which are refused otherwise."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest
from hearing import notices

import debruit
from debruit import seams
from debruit.autoencoders.bottleneck import Bottleneck
from debruit.config import decode
from debruit.data.find import builtin_sources
from debruit.data.source import Source
from debruit.errors import InputError
from debruit.evaluation.registry import metrics
from debruit.evaluation.scores.metric import Metric
from debruit.sampling.euler import Euler
from debruit.sampling.sampler import Sampler
from debruit.workflows.listing import listing
from documented import installed_condition

frozen = dataclass(frozen=True, kw_only=True)


def takes(count: int) -> Any:
    """A method with this many parameters."""
    return {
        0: lambda self: None,
        1: lambda self, a: None,
        2: lambda self, a, b: None,
        7: lambda self, a, b, c, d, e, f, g: None,
    }[count]


def toy(name: str, members: dict[str, Any], base: tuple[type, ...] = ()) -> type:
    return frozen(type(name, base, {"__module__": "toys", "__doc__": f"A toy {name}."} | members))


# As other code writes them, with the members alone
TOYS: dict[str, dict[str, Any]] = {
    "Process": {"alpha": takes(1), "sigma": takes(1)},
    "Schedule": {"betas": takes(1)},
    "Density": {"quantile": takes(2)},
    "Weighting": {"weight": takes(1)},
    "Sampler": {"order": 1, "stochastic": False, "step": takes(7), "evaluations": takes(1)},
    "Grid": {"times": takes(2)},
    "Network": {"doors": (), "stride": 1, "build": takes(2)},
    "Codec": {"factor": 1, "latent_channels": takes(1), "latent_size": takes(2), "build": takes(1)},
    "Bottleneck": {"channels": 4, "encoded_channels": 8, "build": takes(0)},
    "Reconstruction": {"learns_scale": False, "weight": 1.0, "build": takes(1)},
    "Source": {"name": "toy", "build": takes(0)},
}
DERIVED: dict[str, dict[str, Any]] = {
    "Conditioner": {
        "name": "toy",
        "item": "image",
        "door": "vector",
        "drop": 0.1,
        "from_data": classmethod(takes(1)),
        "read": takes(2),
        "placeholder": takes(2),
        "parse": lambda self, value, indices, spec: None,
        "width": takes(2),
        "build": takes(2),
    },
    "Metric": {"name": "toy", "compute": takes(2)},
    "Analysis": {"name": "toy", "run": takes(1)},
    "Sampler": {"order": 1, "stochastic": False, "step": takes(7)},
    "Source": {"name": "toy", "build": takes(0)},
}
PROTOCOLS = {protocol.__name__: protocol for protocol in seams._protocols()}


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """What a test registers is gone after it."""
    monkeypatch.setattr(seams, "_PLUGINS", {})
    seams._load_plugins.cache_clear()
    yield
    seams._load_plugins.cache_clear()


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_class_of_ours_is_in_one_seam(protocol):
    found = seams.implementations(protocol)
    assert found
    for cls in found.values():
        assert seams.seams_of(cls) == (protocol,), cls


def test_there_is_a_toy_of_every_seam():
    assert {*TOYS, *DERIVED} == {*PROTOCOLS}


@pytest.mark.parametrize(
    ("seam", "cls"),
    [(seam, toy("Toy", members)) for seam, members in TOYS.items()]
    + [(seam, toy("Toy", members, (PROTOCOLS[seam],))) for seam, members in DERIVED.items()],
)
def test_a_registered_class_is_in_one_seam(seam, cls):
    debruit.register(cls)
    joined = [name for name, protocol in PROTOCOLS.items() if cls in seams.implementations(protocol).values()]
    assert joined == [seam]


def test_a_condition_or_a_codec_is_no_source(tmp_path):
    debruit.register(toy("Halves", TOYS["Codec"]))
    with pytest.raises(InputError, match="unknown Source in config 'Halves'"):
        decode({"type": "Halves"}, Source)
    with installed_condition(tmp_path):
        assert "brightness" not in builtin_sources()
        assert "brightness" not in [entry.name for entry in listing("data")]
        with pytest.raises(InputError, match="brightness"):
            debruit.data_get("brightness").result()


def test_a_class_of_no_seam_is_told_what_it_lacks():
    with pytest.raises(InputError, match=r"Nameless cannot be registered: .* closest to a Source, .* it lacks name "):
        debruit.register(toy("Nameless", {"build": takes(0)}))
    with pytest.raises(InputError, match=r"Half cannot be registered: .* closest to a Metric, .* it lacks name "):
        debruit.register(toy("Half", {"compute": takes(2)}, (Metric,)))
    with pytest.raises(InputError, match=r"Other cannot be registered: it has the members of none of Process, "):
        debruit.register(toy("Other", {"x": 1}))
    with pytest.raises(InputError, match=r"Wrong cannot be registered: .* closest to a Grid, .* it lacks times "):
        debruit.register(toy("Wrong", {"times": takes(1)}, (PROTOCOLS["Grid"],)))
    with pytest.raises(InputError, match="functions, such as recipes, are not registered"):
        debruit.register(takes)


def test_a_class_of_two_seams_derives_from_one():
    both = TOYS["Source"] | TOYS["Bottleneck"]
    with pytest.raises(InputError, match="it has the members of Bottleneck and of Source; derive it from the one"):
        debruit.register(toy("Both", both))
    cls = debruit.register(toy("Both", both, (Bottleneck,)))
    assert seams.seams_of(cls) == (Bottleneck,)


def test_a_metric_that_needs_a_value_is_refused():
    needy = toy("Needy", DERIVED["Metric"] | {"__annotations__": {"k": int}}, (Metric,))
    with pytest.raises(InputError, match="nothing gives a Metric a value for k: give every field a default"):
        debruit.register(needy)
    assert "toy" not in [metric.name for metric in metrics()]


@frozen
class Damped(Euler):
    """Euler with a damping."""

    damping: float


def test_a_sampler_that_needs_a_value_is_listed():
    debruit.register(Damped)
    described = {entry.name: entry.description for entry in listing("samplers")}
    assert described["Damped"] == "Euler with a damping. (order 1, needs a value for damping)"
    assert "network evaluations per step" in described["heun"]
    assert "Damped" not in seams.with_defaults(Sampler)
    with pytest.raises(InputError, match="sampler Damped needs a value for damping; give it as JSON"):
        seams.choose(Sampler, "Damped", "sampler")


def test_a_module_of_a_plugin_may_have_other_classes(monkeypatch):
    module = ModuleType("toys")
    module.Toy = toy("Toy", TOYS["Source"])  # ty: ignore[unresolved-attribute]
    module.Note = toy("Note", {"text": ""})  # ty: ignore[unresolved-attribute]
    module.Half = toy("Half", {"compute": takes(2)}, (Metric,))  # ty: ignore[unresolved-attribute]
    monkeypatch.setitem(__import__("sys").modules, "toys", module)
    monkeypatch.setattr(seams, "entry_points", lambda group: [EntryPoint("mine", "toys", seams.GROUP)])
    with notices() as heard:
        assert "toy" in builtin_sources()
    [sentence] = heard
    assert sentence.startswith("a class of the plugin mine is left out: Half cannot be registered")


def test_a_class_of_a_script_is_missed_as_one():
    with pytest.raises(InputError, match=r"Toy was defined in a script .* call debruit.register\(Toy\) before"):
        decode({"type": "Toy", "plugin": "__main__"}, Source)
