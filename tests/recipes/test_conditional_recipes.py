"""The conditional models of REFERENCE section 5, as recipes: numbers of parameters, settings, and one training step of
the largest at a small width."""

import inspect
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel, UNet2DModel

from debruit.autoencoders import reference
from debruit.autoencoders.autoencoder import Autoencoder, measured
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.config import decode, encode
from debruit.data.dataset import Dataset
from debruit.data.latents import latent_cache
from debruit.data.split import split_of
from debruit.images.spec import DataSpec
from debruit.models.autoencoder import FirstStage
from debruit.models.config import FirstStageConfig
from debruit.networks.text_transformer import TextTransformer
from debruit.networks.unet import UNet
from debruit.overrides import override
from debruit.planning import footprint
from debruit.planning.cost import cost
from debruit.planning.counting import parameters
from debruit.planning.split import planned_split
from debruit.recipes import recipes
from debruit.training.state import TrainState
from debruit.training.tasks.diffusion import Diffusion
from debruit.workflows.train_recipe import adapted, on_autoencoder

CPU = torch.device("cpu")
NAMES = ("ldm-imagenet-f8-256", "ldm-imagenet-f4-256", "ldm-landscapes-256", "ldm-text-256")
RUNS = {name: recipes()[name]() for name in NAMES}

# REFERENCE section 5, a column each: U-Net in millions, conditioner exactly
SIZES = {
    "ldm-imagenet-f8-256": (394.98, 1000 * 512),
    "ldm-imagenet-f4-256": (400.92, 1001 * 512),
    "ldm-landscapes-256": (215.23, 182 * 3),
    "ldm-text-256": (872.30, 581_994_042),
}
# first and last beta, first stage, latent, what comes in beside it, attention at downsampling, heads where there is
# attention, norm
ROWS = {
    "ldm-imagenet-f8-256": (0.0015, 0.0195, reference.vq_f8(), (4, 32, 32), 0, (1, 2, 4), [8, 16, 32], "l2"),
    "ldm-imagenet-f4-256": (0.0015, 0.0195, reference.vq_f4(), (3, 64, 64), 0, (2, 4, 8), [1, 1, 1], "l2"),
    "ldm-landscapes-256": (0.0015, 0.0205, reference.vq_f4(), (3, 64, 64), 3, (), [], "l1"),
    "ldm-text-256": (0.00085, 0.012, reference.kl_f8(), (4, 32, 32), 0, (1, 2, 4), [8, 8, 8], "l2"),
}
# channels, multipliers, context; batch, iterations, lr; guidance
TRAINING = {
    "ldm-imagenet-f8-256": (256, (1, 2, 4), 512, 64, 2_000_000, 6.4e-5, 1.0),
    "ldm-imagenet-f4-256": (192, (1, 2, 3, 5), 512, 1200, 178_000, 1e-4, 1.5),
    "ldm-landscapes-256": (128, (1, 4, 8), 0, 48, 360_000, 4.8e-5, 1.0),
    "ldm-text-256": (320, (1, 2, 4, 4), 1280, 680, 390_000, 1e-4, 1.5),
}
models = pytest.mark.parametrize("name", NAMES)


@models
def test_parameters(name):
    with torch.device("meta"):
        backbone = RUNS[name].model.build()
    (conditioner,) = backbone.conditioners.values()
    assert (round(parameters(backbone.network) / 1e6, 2), parameters(conditioner)) == SIZES[name]
    said = inspect.getdoc(recipes()[name])
    assert f"U-Net of {parameters(backbone.network) / 1e6:.2f} M parameters" in said


def test_the_text_model_has_1_45_billion():
    with torch.device("meta"):
        assert round(parameters(RUNS["ldm-text-256"].model.build()) / 1e9, 2) == 1.45


@models
def test_the_networks_are_those_of_an_independent_implementation(name):
    """Configured as the public conversions of the released models, where there is one: the same number of
    parameters."""
    plain, reads = "DownBlock2D", "CrossAttnDownBlock2D"
    attends = [2**n in RUNS[name].model.network.attention for n in range(len(RUNS[name].model.network.multipliers))]
    down = tuple(reads if attend else plain for attend in attends)
    shape = {
        "out_channels": RUNS[name].model.latent_shape[0],
        "layers_per_block": 2,
        "down_block_types": down,
        "up_block_types": tuple(block.replace("Down", "Up") for block in reversed(down)),
    }
    with torch.device("meta"):
        theirs = {
            "ldm-imagenet-f8-256": lambda: UNet2DConditionModel(
                in_channels=4,
                block_out_channels=(256, 512, 1024),
                attention_head_dim=(8, 16, 32),
                cross_attention_dim=512,
                **shape,
            ),
            "ldm-imagenet-f4-256": lambda: UNet2DConditionModel(
                in_channels=3,
                block_out_channels=(192, 384, 576, 960),
                attention_head_dim=1,
                cross_attention_dim=512,
                **shape,
            ),
            "ldm-landscapes-256": lambda: UNet2DModel(
                in_channels=6, block_out_channels=(128, 512, 1024), attention_head_dim=128, **shape
            ),
            "ldm-text-256": lambda: UNet2DConditionModel(
                in_channels=4,
                block_out_channels=(320, 640, 1280, 1280),
                attention_head_dim=8,
                cross_attention_dim=1280,
                **shape,
            ),
        }[name]()
        assert parameters(RUNS[name].model.build().network) == parameters(theirs)


@models
def test_the_reference_table(name):
    run = RUNS[name]
    model, network, chain = run.model, run.model.network, run.model.process.chain
    first, last, codec, latent, beside, attention, heads, norm = ROWS[name]
    assert chain.steps == 1000
    assert chain.beta[[1, -1]].tolist() == pytest.approx([first, last])
    assert (chain.beta[500] ** 0.5).item() == pytest.approx((500 * first**0.5 + 499 * last**0.5) / 999)
    assert model.codec == codec
    assert (model.latent_shape, network.spatial_channels, network.attention) == (latent, beside, attention)
    assert [
        network.head_count(network.channels * m) for n, m in enumerate(network.multipliers) if 2**n in attention
    ] == heads
    assert (run.objective.norm, model.predicts, model.data_std) == (norm, "eps", 1.0)


@models
def test_the_training_of_the_release(name):
    run = RUNS[name]
    network, sampling = run.model.network, run.model.sampling
    iterations = run.images / run.batch
    assert (
        network.channels,
        network.multipliers,
        network.token_channels,
        run.batch,
        iterations,
        run.optimiser.lr,
        sampling.guidance,
    ) == TRAINING[name]
    assert (run.optimiser.kind, run.optimiser.rate(run.images, 1.0)) == ("adamw", run.optimiser.lr), "a constant rate"
    n = 100_000
    assert 1 - run.ema.decay(n * run.batch, run.batch) == pytest.approx(1 - 0.9999, rel=0.01)
    guided = sampling.guidance != 1
    assert guided == (run.model.conditioners[0].drop > 0), "what was never dropped cannot be guided"


def test_landscapes_attend_in_the_middle_alone_with_8_heads():
    with torch.device("meta"):
        network = RUNS["ldm-landscapes-256"].model.build().network
    attention = [m for m in network.modules() if type(m).__name__ == "SelfAttention"]
    assert [(a.heads, a.qkv.in_features) for a in attention] == [(8, 1024)]


def test_the_text_encoder_is_the_references():
    text = RUNS["ldm-text-256"].model.conditioners[0]
    e = text.encoder
    assert (len(text.tokenizer.vocabulary), e.length, e.depth, e.width, e.heads, e.head_channels) == (
        30_522,
        77,
        32,
        1280,
        8,
        64,
    )


# at a small width


def shrunk(run):
    """The text recipe at an eighth to a fortieth of its widths, changed as the command line would."""
    for assignment in (
        "model.network.channels=16",
        "model.network.token_channels=32",
        "model.conditioners.0.encoder.width=32",
        "model.conditioners.0.encoder.head_channels=4",
        "model.sampling.steps=2",
    ):
        run = override(run, assignment)
    return run


def captioned(count: int = 4) -> Dataset:
    """Images of 256 pixels with captions, the last without."""
    spec = DataSpec(
        name="captioned",
        channels=3,
        height=256,
        width=256,
        depth="uint8",
        low=0,
        high=255,
        count=count,
        fingerprint="captioned",
    )
    images = np.random.default_rng(0).integers(0, 256, (count, *spec.shape), dtype=np.uint8)
    texts = [(f"a drawing of {n} apples", f"{n} apples") for n in range(count - 1)] + [()]
    return Dataset(spec, images, paths=[f"{n}.png" for n in range(count)], texts=texts)


@pytest.fixture(scope="module")
def stage():
    """An untrained autoencoder of the text model's factor and channels, one level deep."""
    coder = Coder(channels=8, multipliers=(1,), blocks=1, groups=4, patch=8, middle_attention=False)
    codec = Autoencoder(coder=coder, bottleneck=KL(channels=4))
    torch.manual_seed(0)
    module, dataset = codec.build(3).eval(), captioned()
    codec = measured(codec, module, [dataset.spec.to_model(dataset.images_of(range(4)))])
    module.config = codec
    return FirstStage(FirstStageConfig(data=dataset.spec, codec=codec), module)


def test_a_small_width_is_the_same_code():
    """Every module of the small model is of the class that it has in the large one, under the same name."""
    full = RUNS["ldm-text-256"].model
    with torch.device("meta"):
        large, small = full.build(), shrunk(RUNS["ldm-text-256"]).model.build()
    kinds = [{name: type(m) for name, m in backbone.named_modules()} for backbone in (large, small)]
    widened = {name for name in kinds[0] | kinds[1] if kinds[0].get(name) != kinds[1].get(name)}
    assert not widened
    assert parameters(small) < 0.005 * parameters(large)


def test_one_training_step_of_the_text_model(stage, tmp_path, monkeypatch):
    """On latents and captions, at a small width: each weight moves but those of the output layer that the release
    carries along unused."""
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path))
    recipe, dataset = RUNS["ldm-text-256"], captioned()
    run = shrunk(
        on_autoencoder(adapted(recipe, recipe.source, dataset, planned_split(dataset), images=2, batch=2), stage)
    )
    assert decode(json.loads(json.dumps(encode(run))), type(run)) == run
    assert run.model.conditioners[0].tokenizer.vocabulary[2088] == "world", "BERT's own words"
    state = TrainState.start(run, CPU, stage.module)
    for parameter in state.backbone.parameters():  # past the zeros that every branch starts with
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    before = {name: value.clone() for name, value in state.backbone.named_parameters()}
    latents = latent_cache(dataset, run.model.codec, stage.module, flip=False, device=CPU)
    (report,) = Diffusion(run, dataset, CPU, split_of(dataset, run), latents=latents).train(state, np.arange(3))
    assert (report.images_seen, report.skipped) == (2, 0)
    assert np.isfinite(report.loss)
    gradless = {name for name, value in state.backbone.named_parameters() if value.grad is None}
    assert {name.rpartition(".")[0] for name in gradless} == {"conditioners.text.encoder.vocabulary_head"}
    assert all(
        not torch.equal(value, before[name])
        for name, value in state.backbone.named_parameters()
        if name not in gradless
    )


def test_the_memory_of_the_text_model_by_part():
    found = footprint.footprint(RUNS["ldm-text-256"])
    assert found.parameters == {
        "network": 872_300_484,
        "conditioner text": 581_994_042,
        "autoencoder (frozen)": 83_653_863,
    }
    weights = 4 * (872_300_484 + 581_994_042)
    assert {
        name: found.fixed[name] for name in ("weights", "gradients", "optimiser's moments", "average of the weights")
    } == {
        "weights": weights,
        "gradients": weights,
        "optimiser's moments": 2 * weights,
        "average of the weights": weights,
    }
    said = "\n".join(footprint.lines(found, 8 * 2**30))
    assert "GPU of 8, 12, 16, 24 GiB: too small" in said
    assert "with --set microbatch=" in said


def test_operations_of_an_image_leave_out_what_a_batch_has_once():
    """The empty caption is encoded once a batch: an image's share is one caption, one passage of the U-Net."""
    text = replace(
        RUNS["ldm-text-256"].model.conditioners[0], encoder=TextTransformer(width=8, depth=1, heads=2, length=5)
    )
    network = UNet(
        channels=8,
        multipliers=(1,),
        blocks=1,
        attention=(1,),
        head_channels=8,
        groups=4,
        transformer_depth=1,
        token_channels=8,
    )
    model = replace(RUNS["ldm-text-256"].model, network=network, conditioners=(text,))
    never = replace(model, conditioners=(replace(text, drop=0.0),))
    assert cost(model).forward_flops == cost(never).forward_flops
