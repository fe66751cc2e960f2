"""One file, one constructor: what is saved is what is loaded, images are their own, and bad files say what is wrong."""

import itertools
import json
from dataclasses import replace

import pytest
import tiny
import torch
from safetensors.torch import save_file

import debruit
from debruit.config import implementations
from debruit.diffusion.chain import Chain, Cosine
from debruit.diffusion.processes.cosine import VPCosine
from debruit.diffusion.processes.flow import Flow
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.model import Model
from debruit.sampling.noise import ImageNoise
from debruit.sampling.sampler import Sampler
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
        ({"n": 0}, "0 images were asked for: give -n 1 or more"),
        ({"n": -2}, "-2 images were asked for"),
        ({"n": 1, "steps": 0}, "0 steps: at least 1 is needed"),
        ({"n": 1, "sampler": "eulr"}, "unknown sampler 'eulr', did you mean 'Euler'?"),
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
    with pytest.raises(InputError, match="outside of the trusted packages"):
        debruit.load(path)
    folder = tmp_path / "empty"
    folder.mkdir()
    with pytest.raises(InputError, match="holds no model.safetensors"):
        debruit.load(folder)


def test_weights_that_do_not_fit_are_refused(model, tmp_path):
    from debruit import model_files as files

    weights = model.backbone.state_dict()
    del weights["network.stem.bias"]
    files.save(tmp_path / "m.safetensors", model.config, weights, {})
    with pytest.raises(InputError, match=r"its weights do not fit its description \(network.stem.bias"):
        debruit.load(tmp_path / "m.safetensors")


def test_the_device_is_checked():
    from debruit.model import choose_device

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
    noise = ImageNoise(2, range(4), (1, 8, 8))
    noise()
    x_t = chain.q(x0, 2).sample(noise())
    dropped = {"label": torch.zeros(4, dtype=torch.bool)}
    with torch.inference_mode():
        cond = chained.backbone.cond({"label": torch.zeros(4, dtype=torch.long)}, dropped)
        x0_hat = chained.backbone.denoiser()(x_t, 2 / 6, cond).x0
    q, p = (
        chain.posterior(x0.double(), x_t.double(), 2),
        chain.reverse(x0_hat.double(), x_t.double(), 2, variance="beta"),
    )
    torch.testing.assert_close(found.steps[:, 1], torch.distributions.kl_divergence(
        torch.distributions.Normal(q.mean, q.variance.sqrt().expand_as(q.mean)),
        torch.distributions.Normal(p.mean, p.variance.sqrt().expand_as(p.mean)),
    ).flatten(1).sum(1))  # fmt: skip
    given = chained.bound(images, seed=2, label=[0, 1, 2, 3])
    assert not torch.equal(given.total, found.total)


def test_the_bound_is_refused_where_there_is_none(model):
    with pytest.raises(InputError, match="sum over the steps of a chain, and this model's process is Flow"):
        model.bound(model.generate(1))
    chained = Model(replace(model.config, process=Tabulated(), predicts="x0"), model.backbone)
    with pytest.raises(InputError, match="has not learned a variance"):
        chained.bound(model.generate(1), variance="learned")
