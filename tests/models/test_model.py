"""One file, one constructor: what is saved is what is loaded, images are their own, and bad files say what is wrong."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import tiny
import torch
from safetensors.torch import save_file

import debruit
from debruit.conditioning.base import Conditioner
from debruit.conditioning.batch import ConditionBatch
from debruit.config import decode, encode
from debruit.diffusion.chain import Chain, Cosine
from debruit.diffusion.prediction import Estimate
from debruit.diffusion.processes.cosine import VPCosine
from debruit.diffusion.processes.flow import Flow
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model
from debruit.rng import Purpose
from debruit.sampling.guidance.clip import clip
from debruit.sampling.loop import last
from debruit.sampling.noise import ImageNoise
from debruit.sampling.sampler import Sampler
from debruit.seams import implementations
from debruit.training.state import TrainState

SAMPLERS = sorted(implementations(Sampler))


def randomised(config):
    """A model whose zero-initialised layers are not zero."""
    torch.manual_seed(0)
    backbone = config.build()
    for p in backbone.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return Model(config, backbone, {"weights": "ema", "images_seen": 5})


@pytest.fixture(scope="module")
def model():
    return randomised(tiny.run().model)


def test_the_file_is_the_model(model, tmp_path):
    model.save(tmp_path / "m.safetensors")
    again = debruit.load(tmp_path / "m.safetensors", device="cpu")
    assert again.config == model.config
    assert again.provenance == model.provenance
    assert torch.equal(again.generate(3, seed=5), model.generate(3, seed=5))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_image_is_the_same_alone_and_in_any_batch(model, sampler):
    together = model.generate(5, seed=2, sampler=sampler, steps=4)
    assert together.dtype == torch.uint8
    assert together.shape == (5, 1, 8, 8)
    apart = torch.cat([model.generate(1, seed=2, sampler=sampler, steps=4, first=k) for k in range(5)])
    batched = model.generate(5, seed=2, sampler=sampler, steps=4, batch=2)
    assert (together.int() - apart.int()).abs().max() <= 1
    assert (together.int() - batched.int()).abs().max() <= 1
    assert not torch.equal(together, model.generate(5, seed=3, sampler=sampler, steps=4))


def test_the_trajectory_ends_in_the_images(model):
    snapshots = list(model.trajectory(2, seed=1, steps=6))
    assert [s.step for s in snapshots] == list(range(7))
    assert snapshots[-1].t == 0
    assert all(a.t > b.t for a, b in itertools.pairwise(snapshots))
    assert torch.equal(model.images(snapshots[-1].x), model.generate(2, seed=1, steps=6))


def test_labels_choose_and_default_to_all_in_turn(model):
    in_turn = model.generate(3, seed=1, guidance=1.0)
    assert torch.equal(in_turn, model.generate(3, seed=1, guidance=1.0, label="0,1,2"))
    assert torch.equal(in_turn, model.generate(3, seed=1, guidance=1.0, label=[0, 1, 2]))
    assert not torch.equal(in_turn, model.generate(3, seed=1, guidance=1.0, label=7))
    whole = model.generate(5, seed=1, label="4,2,9")
    assert (whole.int() - model.generate(5, seed=1, label="4,2,9", batch=2).int()).abs().max() <= 1, (
        "image k keeps its label"
    )


def test_a_recipe_with_a_chain_takes_ancestral_steps_up_to_its_length():
    config = replace(tiny.run().model, process=Tabulated(chain=Chain(schedule=Cosine(), steps=10)), predicts="v")
    model = randomised(config)
    for steps in (1, 3, 10):
        assert len(list(model.trajectory(1, sampler="ancestral", steps=steps))) == steps + 1
    with pytest.raises(InputError, match="11 steps on a chain of 10: give --steps between 1 and 10"):
        model.generate(1, sampler="ancestral", steps=11)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"n": 0}, "0 images requested: give -n 1 or more"),
        ({"n": -2}, "-2 images requested"),
        ({"n": 1, "steps": 0}, "0 steps: at least 1 is needed"),
        ({"n": 1, "sampler": "eulr"}, "unknown sampler 'eulr', did you mean 'euler'?"),
        ({"n": 1, "label": "12"}, "unknown label '12'"),
        ({"n": 1, "prompt": "a cat"}, "a prompt was given, but this model was trained with label"),
        ({"n": 1, "guidance": -1.0}, "a guidance weight of -1.0: it must be 0 or more"),
        ({"n": 1, "guidance": float("nan")}, "a guidance weight of nan"),
        ({"n": 1, "sampler": "ancestral", "grid": None, "steps": 3, "label": ""}, "unknown label ''"),
    ],
)
def test_bad_requests_get_a_sentence(model, options, sentence):
    with pytest.raises(InputError) as caught:
        model.generate(**options)
    assert sentence in str(caught.value)


def test_guidance_is_refused_where_it_cannot_work():
    config = tiny.run().model
    never_dropped = randomised(replace(config, conditioners=(replace(config.conditioners[0], drop=0.0),)))
    with pytest.raises(InputError, match="trained without dropping its condition, so guidance cannot work"):
        never_dropped.generate(1, guidance=2.0)
    plain = randomised(replace(config, conditioners=(), network=replace(config.network, vector_channels=0)))
    with pytest.raises(InputError, match="guidance needs a condition"):
        plain.generate(1, guidance=2.0)
    with pytest.raises(InputError, match="trained with no condition at all"):
        plain.generate(1, label="3", guidance=1.0)


def test_a_condition_without_a_door_fails_at_build_time():
    config = tiny.run().model
    with pytest.raises(InputError, match=r"Label gives 4 channels .* expects 0: set model.network.vector_channels=4"):
        replace(config, network=replace(config.network, vector_channels=0)).build()


@pytest.mark.parametrize("process", [Flow(), VPCosine(), Tabulated(chain=Chain(zero_terminal_snr=True))])
@pytest.mark.parametrize("predicts", ["eps", "score"])
def test_a_process_that_ends_in_noise_refuses_eps(process, predicts):
    with pytest.raises(InputError, match=rf"a prediction of {predicts} says nothing about the image: set predicts=v"):
        replace(tiny.run().model, process=process, predicts=predicts).check()


def write_header(path, **changes):
    header = {"format": 1, "config": {}, "provenance": {}} | changes
    save_file({"a": torch.zeros(1)}, path, metadata={"debruit": json.dumps(header)})


def test_bad_files_say_what_is_wrong(model, tmp_path):
    path = tmp_path / "m.safetensors"
    with pytest.raises(InputError, match="there is no model at"):
        debruit.load(path)
    path.write_bytes(b"this is no model")
    with pytest.raises(InputError, match="is no readable .safetensors file"):
        debruit.load(path)
    model.save(path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match="it may be cut short"):
        debruit.load(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="holds no debruit model"):
        debruit.load(path)
    write_header(path, format=99)
    with pytest.raises(
        InputError, match="has format 99, and this version of debruit reads up to 1: install a newer debruit"
    ):
        debruit.load(path)
    write_header(path, config={"type": "os.path.join"})
    with pytest.raises(InputError, match="unknown ModelConfig or FirstStageConfig in"):
        debruit.load(path)
    folder = tmp_path / "empty"
    folder.mkdir()
    with pytest.raises(InputError, match="holds no model.safetensors"):
        debruit.load(folder)


def test_weights_that_do_not_fit_are_refused(model, tmp_path):
    from debruit.models import model_file as files

    weights = model.backbone.state_dict()
    del weights["network.stem.bias"]
    files.save(tmp_path / "m.safetensors", model.config, weights, {})
    with pytest.raises(InputError, match=r"its weights do not fit its description \(network.stem.bias"):
        debruit.load(tmp_path / "m.safetensors")


def test_the_device_is_checked():
    from debruit.device import choose_device

    with pytest.raises(InputError, match="allowed are auto, cpu, cuda"):
        choose_device("gpu")


def test_the_initial_weights_come_from_the_seed():
    states = [TrainState.start(tiny.run(seed=seed), torch.device("cpu")) for seed in (1, 1, 2)]
    first, same, other = ([p.clone() for p in s.backbone.parameters()] for s in states)
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_the_bound_of_a_model_is_that_of_its_denoiser_and_chain(model):
    config = replace(model.config, process=Tabulated(chain=Chain(steps=6)), predicts="x0")
    chained = Model(config, model.backbone)
    images = chained.generate(4, steps=3, guidance=1.0)
    found = chained.bound(images, seed=2)
    assert found.steps.shape == (4, 6)
    assert found.dimensions == 64
    assert torch.equal(chained.bound(images, seed=2).bits_per_dim, found.bits_per_dim)
    alone = chained.bound(images[:1], seed=2)  # image 0 has noise of its own
    torch.testing.assert_close(alone.total, found.total[:1])
    # L_2 by hand: the same noise, q(x_2 | x_0), the network without its condition
    chain, x0 = config.process.chain, config.data.to_model(images)
    noise = ImageNoise(2, range(4), (1, 8, 8), purpose=Purpose.LIKELIHOOD_NOISE)
    noise()
    x_t = chain.q(x0, 2).sample(noise())
    dropped = {"label": torch.zeros(4, dtype=torch.bool)}
    with torch.inference_mode():
        cond = chained.backbone.cond({"label": torch.zeros(4, dtype=torch.long)}, dropped)
        x0_hat = chained.backbone.denoiser()(x_t, 2 / 6, cond).x0
    q, p = (
        chain.posterior(x0.double(), x_t.double(), 2),
        chain.reverse(x0_hat.double(), x_t.double(), 2, variance="posterior"),
    )
    torch.testing.assert_close(
        found.steps[:, 1],
        torch.distributions.kl_divergence(
            torch.distributions.Normal(q.mean, q.variance.sqrt().expand_as(q.mean)),
            torch.distributions.Normal(p.mean, p.variance.sqrt().expand_as(p.mean)),
        )
        .flatten(1)
        .sum(1),
    )
    given = chained.bound(images, seed=2, label=[0, 1, 2, 3])
    assert not torch.equal(given.total, found.total)


def test_the_bound_is_refused_where_there_is_none(model):
    with pytest.raises(InputError, match="sum over the steps of a chain, and this model's process is Flow"):
        model.bound(model.generate(1))
    chained = Model(replace(model.config, process=Tabulated(), predicts="x0"), model.backbone)
    with pytest.raises(InputError, match="has not learned a variance"):
        chained.bound(model.generate(1), variance="learned")


@dataclass(frozen=True, kw_only=True)
class Word(Conditioner):
    """A text as one number, its length, through the vector door."""

    name: ClassVar[str] = "text"
    keyword: ClassVar[str] = "prompt"
    item: ClassVar[str] = "text"
    door: ClassVar[str] = "vector"
    drop: float = 0.1

    @classmethod
    def from_data(cls, context):
        return cls()

    def read(self, items, spec):
        return torch.tensor([[float(len(text.strip()))] for text in items["text"]])

    def parse(self, value, indices, spec):
        texts = [value] if isinstance(value, str) else value
        return torch.tensor([[float(len(texts[n % len(texts)].strip()))] for n in indices])

    def placeholder(self, count, spec):
        return torch.zeros(count, 1)

    def present(self, values):
        return values[:, 0] > 0

    def width(self, spec, factor):
        return 1

    def build(self, spec, factor):
        return Told()


class Told(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.none = torch.nn.Parameter(torch.ones(1))

    def forward(self, values, keep):
        return torch.where(keep[:, None], values, self.none)


def twofold(**changes):
    """A model of labels and texts."""
    config = tiny.run().model
    label = replace(config.conditioners[0], **changes)
    network = replace(config.network, vector_channels=5)
    return randomised(replace(config, conditioners=(label, Word()), network=network))


@pytest.fixture(scope="module")
def two():
    return twofold()


def raw(model, **options):
    """The latents of two samples."""
    return last(model.trajectory(2, seed=1, steps=3, sampler="euler", **options)).x


def by_hand(model, kept, weights_, **given):
    """The same by one unguided denoiser a branch, written out: x_0 and eps added up under these coefficients."""
    parts = [replace_keep(model, fields, given) for fields in kept]

    def denoise(x, t):
        found = [part(x, t) for part in parts]
        total = lambda name: sum(w * getattr(f, name) for w, f in zip(weights_, found, strict=True))  # noqa: E731
        return Estimate(total("x0"), total("eps"))

    drawing = model.job(2, model.settings(steps=3, sampler="euler", guidance=1.0), seed=1, conditions=given)
    clipped = clip(denoise, model.config.process)
    return list(replace(drawing, denoise=clipped).run())[-1].x


def replace_keep(model, fields, given):
    asked = ConditionBatch.requested(model.config, range(2), given)
    keep = {name: torch.full((2,), name in fields) for name in asked.keep}
    cond = model.backbone.cond(asked.values, keep)
    return lambda x, t: model.backbone.denoiser()(x, t, cond)


@pytest.mark.parametrize(
    ("guidance", "kept", "coefficients"),
    [
        (3.0, [(), ("label", "text")], [-2, 3]),
        ({"prompt": 3, "label": 3}, [(), ("label", "text")], [-2, 3]),
        ({"label": 5, "prompt": 2}, [(), ("label",), ("label", "text")], [-4, 3, 2]),
        ("text=5,label=2", [(), ("text",), ("label", "text")], [-4, 3, 2]),
        ({"text": 4}, [("label",), ("label", "text")], [-3, 4]),  # a condition without a weight is in every branch
        ({"text": 0, "label": 2}, [(), ("text",), ("label", "text")], [1, -2, 2]),
    ],
)
def test_weights_of_several_conditions_by_the_chain_rule(two, guidance, kept, coefficients):
    found = raw(two, label="3,4", prompt="abc", guidance=guidance)
    torch.testing.assert_close(found, by_hand(two, kept, coefficients, label="3,4", prompt="abc"), rtol=1e-4, atol=1e-5)


def test_weights_of_one_are_plain_conditional_and_of_zero_unconditional_exactly(two):
    """Bitwise, whatever the form; nothing but the one branch is evaluated."""
    given = {"label": 3, "prompt": "abc"}
    conditional, none = (by_hand(two, [fields], [1], **given) for fields in (("label", "text"), ()))
    for guidance in (1.0, {"text": 1}, {"label": 1, "text": 1}):
        assert torch.equal(raw(two, guidance=guidance, **given), conditional)
    for guidance in (0.0, {"text": 0, "label": 0}):
        assert torch.equal(raw(two, guidance=guidance, **given), none)
    assert torch.equal(raw(two, guidance={"text": 0}, **given), by_hand(two, [("label",)], [1], **given))


def test_rescaling_clipping_and_the_interval_reach_the_drawing(two):
    given = {"label": 3, "prompt": "abc", "guidance": 4.0}
    plain = raw(two, **given)
    assert not torch.equal(raw(two, rescale=0.7, **given), plain)
    assert not torch.equal(raw(two, interval=(0.3, 0.7), **given), plain)
    assert torch.equal(raw(two, interval=(0.0, 1.0), rescale=0.0, **given), plain)
    assert torch.equal(raw(two, interval=(0.99, 0.995), **given), raw(two, **given | {"guidance": 1.0})), "never on"


def test_evaluations_are_counted_branch_by_branch(two):
    settings = two.settings(steps=4, sampler="euler", guidance={"label": 3, "text": 2})
    given = {"label": 3, "prompt": "abc"}
    assert two.job(1, settings, conditions=given).evaluations == 12
    assert (
        two.job(1, replace(settings, interval=(0.4, 0.8)), conditions=given).evaluations == 8
    )  # on at 0.75 and 0.5 of 1, .75, .5, .25
    assert two.job(1, two.settings(steps=4, sampler="euler", guidance=1.0)).evaluations == 4
    assert two.evaluations(two.settings(steps=4, sampler="euler", guidance=3.0)) == 8, "the classes in turn, no text"


def test_the_models_own_weights_serve_what_is_asked_of_it(two):
    """Weights stored for a label and a text do not keep anyone from asking for a label alone; given by hand they are
    refused."""
    own = replace(two.config.sampling, guidance=(("label", 3.0), ("text", 2.0)))
    stored = Model(replace(two.config, sampling=own), two.backbone)
    torch.testing.assert_close(raw(stored, label=3), raw(two, label=3, guidance=3.0))
    with pytest.raises(
        InputError, match="guidance text=4 was given without a prompt: give --prompt, or leave text out of --guidance"
    ):
        raw(stored, label=3, guidance={"text": 4})


def test_stored_guidance_that_cannot_work_is_none():
    """A file may say a weight for a condition that was never dropped; nobody asked for it."""
    model = twofold(drop=0.0)
    assert torch.equal(raw(model, label=3), raw(model, label=3, guidance=1.0))


def test_an_empty_prompt_is_none(two):
    assert torch.equal(raw(two, prompt=""), raw(two, label=3, guidance={"label": 0}))
    mixed = raw(two, prompt=["abc", " "], guidance=3.0)
    torch.testing.assert_close(mixed[1:], raw(two, prompt="")[1:])
    torch.testing.assert_close(mixed[:1], raw(two, prompt="abc", guidance=3.0)[:1])


def test_weights_that_a_model_cannot_use(two):
    cases = {
        "guidance was given for 'colour', but this model was trained with label, prompt": (
            two,
            {"guidance": {"colour": 2}},
        ),
        "guidance was given for 'promt', did you mean 'prompt'?": (two, {"guidance": {"promt": 2}}),
        "trained without dropping its label, so guidance cannot weigh it": (
            twofold(drop=0.0),
            {"guidance": {"label": 2}},
        ),
        "a guidance interval from 0.8 to 0.2": (two, {"interval": (0.8, 0.2)}),
        "a rescaling of guidance by 2": (two, {"rescale": 2.0}),
    }
    for sentence, (model, options) in cases.items():
        with pytest.raises(InputError) as caught:
            model.generate(1, label=3, **options)
        assert sentence in str(caught.value)


def test_a_condition_that_was_never_dropped_stays_in_both_branches():
    model = twofold(drop=0.0)
    found = raw(model, label=3, prompt="abc", guidance=3.0)
    wanted = by_hand(model, [("label",), ("label", "text")], [-2, 3], label=3, prompt="abc")
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_guide_model_guides(two):
    """D_w + w (D - D_w), both under the same conditions; a model without conditions can be guided too."""
    torch.manual_seed(1)
    backbone = two.config.build()
    for p in backbone.parameters():
        torch.nn.init.normal_(p, std=0.1)
    guide, given = Model(two.config, backbone), {"label": 3, "prompt": "abc"}
    found = raw(two, guide=guide, guidance=2.5, **given)
    strong, weak = (replace_keep(m, ("label", "text"), given) for m in (two, guide))

    def denoise(x, t):
        good, bad = strong(x, t), weak(x, t)
        return Estimate(bad.x0 + 2.5 * (good.x0 - bad.x0), bad.eps + 2.5 * (good.eps - bad.eps))

    drawing = two.job(2, two.settings(steps=3, sampler="euler"), seed=1, conditions=given)
    wanted = list(replace(drawing, denoise=clip(denoise, two.config.process)).run())[-1].x
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert torch.equal(raw(two, guide=guide, guidance=0.0, **given), raw(guide, guidance=1.0, **given))
    assert two.job(1, two.settings(steps=3, sampler="euler", guidance=2.5), guide=guide).evaluations == 6
    plain = replace(two.config, conditioners=(), network=replace(two.config.network, vector_channels=0))
    assert raw(randomised(plain), guide=randomised(plain), guidance=2.0).isfinite().all()


def test_a_guide_model_of_another_kind_is_refused(two):
    config = two.config
    others = {
        "other images than": replace(config, data=replace(config.data, high=99)),
        "other latents than": replace(config, codec=Lossless()),
        "other times than": replace(config, process=VPCosine(), predicts="v"),
        "other conditions than": replace(config, data=replace(config.data, class_names=tuple("abcdefghij"))),
    }
    for sentence, other in others.items():
        with pytest.raises(InputError, match=f"the guide model has {sentence} the model that it is to guide"):
            raw(two, label=3, guidance=2.0, guide=Model(other, two.backbone, codec=torch.nn.Identity()))
    with pytest.raises(InputError, match="a guidance weight of 1 leaves the guide model out: give --guidance 2"):
        raw(two, label=3, guidance=1.0, guide=two)
    with pytest.raises(
        InputError, match="guidance label=2 with a guide model: .* give one number, or leave --guide-model out"
    ):
        raw(two, label=3, guidance={"label": 2}, guide=two)


@dataclass(frozen=True, kw_only=True)
class Lossless:
    """Another codec than pixels, by name."""

    factor: ClassVar[int] = 1
    fingerprint: str = "abc"

    def latent_channels(self, channels):
        return channels

    def latent_size(self, *sizes):
        return sizes


def test_settings_of_older_files_are_read(model):
    """Those from before the interval, the rescaling and weights by condition; and new ones survive the file."""
    old = encode(model.config)
    for name in ("interval", "rescale"):
        del old["sampling"][name]
    assert decode(old, ModelConfig) == model.config
    new = replace(
        model.config,
        sampling=replace(model.config.sampling, guidance=(("label", 2.0),), interval=(0.1, 0.8), rescale=0.7),
    )
    assert decode(json.loads(json.dumps(encode(new))), ModelConfig) == new


def test_the_denoiser_gives_what_the_sampler_got(model):
    """The estimates at (x_t, t) are those that the step from there reports, and each image has its own condition."""
    start, after, *_ = model.trajectory(2, label=[3, 1], steps=4, guidance=1.0, seed=2, clip=False)
    estimate = model.denoise(start.x, start.t, conditions={"label": [3, 1]})
    assert torch.equal(estimate.x0, after.x0)
    assert torch.equal(estimate.eps, after.eps)
    other = model.denoise(start.x, torch.tensor([start.t, 0.5]), conditions={"label": [4, 1]})
    assert not torch.allclose(estimate.x0[0], other.x0[0]), "another class"
    assert not torch.allclose(estimate.x0[1], other.x0[1]), "another time"


def test_the_denoiser_refuses_another_shape(model):
    with pytest.raises(
        InputError, match=r"x_t of shape \(2, 3, 8, 8\): the denoiser of this model takes \(B, 1, 8, 8\)"
    ):
        model.denoise(torch.zeros(2, 3, 8, 8), 0.5)


def test_six_threads_may_use_one_model(model):
    """Each gets what it would get alone, whatever the others sample."""
    requests = [{"seed": k, "label": [k], "sampler": SAMPLERS[k % len(SAMPLERS)], "steps": 3 + k} for k in range(6)]
    alone = [model.generate(3, **request) for request in requests]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            together = list(pool.map(lambda request: model.generate(3, **request), requests))
            assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
