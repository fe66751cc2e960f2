"""The reference recipes against the lecture's table and the release's settings (REFERENCE section 5), without
allocating a model."""

import math
import re
from itertools import pairwise

import pytest
import torch
from diffusers import UNet2DModel

from debruit.autoencoders import reference
from debruit.autoencoders.kl import KL
from debruit.diffusion.denoiser import Denoiser
from debruit.planning.counting import parameters
from debruit.recipes import recipes
from debruit.rng import Purpose, stream
from debruit.sampling.ddim import DDIM
from debruit.training.config import AutoencoderRun

FACES = recipes()["ldm-faces-256"]()
CHAIN = FACES.model.process.chain
FIRST_STAGES = {name: recipe for name, recipe in recipes().items() if isinstance(recipe(), AutoencoderRun)}

# row of the table, what the recipe has, what the table says
TABLE = [
    ("z, channels first", FACES.model.latent_shape, (3, 64, 64)),
    ("T", CHAIN.steps, 1000),
    ("first beta", CHAIN.beta[1].item(), pytest.approx(0.0015)),
    ("last beta", CHAIN.beta[-1].item(), pytest.approx(0.0195)),
    (
        "roots of beta are equidistant",
        CHAIN.beta[500].item(),
        pytest.approx(((500 * 0.0015**0.5 + 499 * 0.0195**0.5) / 999) ** 2),
    ),
    ("channels", FACES.model.network.channels, 224),
    ("multipliers", FACES.model.network.multipliers, (1, 2, 3, 4)),
    ("attention at resolutions", sorted(64 // factor for factor in FACES.model.network.attention), [8, 16, 32]),
    ("heads of 32 channels", [FACES.model.network.head_count(224 * m) for m in (1, 2, 3, 4)], [7, 14, 21, 28]),
    ("batch", FACES.batch, 48),
    ("iterations", FACES.images / FACES.batch, 410_000),
    ("learning rate, first", FACES.optimiser.rate(0, 0.0), 9.6e-5),
    ("learning rate, last", FACES.optimiser.rate(FACES.images, 1.0), 9.6e-5),
    ("optimiser", FACES.optimiser.kind, "adamw"),
    ("prediction", FACES.model.predicts, "eps"),
    ("loss", FACES.objective.norm, "l2"),
    ("first stage", FACES.model.codec, reference.vq_f4()),
    ("condition", FACES.model.conditioners, ()),
    ("sampler", (FACES.model.sampling.sampler, FACES.model.sampling.steps), (DDIM(eta=0.0), 500)),
]


@pytest.mark.parametrize(("found", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_lectures_table(found, expected):
    assert found == expected


def test_the_faces_network_is_that_of_diffusers_release():
    """Configured as the public conversion of the released model: the same number of parameters, 274.06 M."""
    with torch.device("meta"):
        ours = FACES.model.build()
        theirs = UNet2DModel(
            sample_size=64,
            in_channels=3,
            out_channels=3,
            block_out_channels=(224, 448, 672, 896),
            layers_per_block=2,
            attention_head_dim=32,
            down_block_types=("DownBlock2D", *["AttnDownBlock2D"] * 3),
            up_block_types=(*["AttnUpBlock2D"] * 3, "UpBlock2D"),
        )
    assert parameters(ours) == parameters(theirs)
    assert round(parameters(ours) / 1e6, 2) == 274.06


def test_the_network_sees_the_noisy_latents_and_predicts_the_noise():
    """No preconditioning: x goes in as it is, the step's number beside it, and the loss of an image is the mean of (eps
    - eps_theta)^2."""
    seen = []

    def network(x, level, cond):
        seen.append((x, level))
        return torch.full_like(x, 0.5)

    model, g = FACES.model, torch.Generator().manual_seed(0)
    denoiser = Denoiser(network, model.process, model.predicts, model.data_std, model.learned_variance)
    z, eps = torch.randn(2, 3, 8, 8, generator=g), torch.randn(2, 3, 8, 8, generator=g)
    steps = torch.tensor([1, 700])
    loss = FACES.objective.loss(denoiser, z, steps.double() / 1000, eps)
    abar = CHAIN.abar[steps].float().view(-1, 1, 1, 1)
    torch.testing.assert_close(seen[0][0], abar.sqrt() * z + (1 - abar).sqrt() * eps, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(loss, (eps - 0.5).square().mean((1, 2, 3)), rtol=1e-5, atol=1e-6)


def test_every_step_of_the_chain_is_as_likely():
    times = FACES.objective.times(FACES.model.process, stream(Purpose.TIME, 0, 0), 0, 200_000) * 1000
    counts = torch.bincount(times.round().long(), minlength=1001)
    assert counts[0] == 0
    assert (counts[1:] - 200).abs().max() < 6 * math.sqrt(200)


@pytest.mark.parametrize("n", [50, 1_000, 20_000, 80_000, 89_990, 95_000, 400_000])
def test_the_average_forgets_as_the_releases(n):
    """min(0.9999, (1 + n) / (10 + n)) after n steps; what a step forgets differs by less than 10 / n of itself."""
    released = min(0.9999, (1 + n) / (10 + n))
    ours = FACES.ema.decay(n * FACES.batch, FACES.batch)
    assert 1 - ours == pytest.approx(1 - released, rel=10 / n + 1e-3)


@pytest.mark.parametrize("name", [*FIRST_STAGES, "ldm-faces-256"])
def test_a_docstring_tells_the_number_of_parameters(name):
    run = recipes()[name]()
    with torch.device("meta"):
        module = run.model.build() if name.startswith("ldm") else run.model.codec.build(3)
    said = re.search(r"([\d.]+) M\s+parameters", recipes()[name].__doc__)
    assert said
    assert said[1] == f"{parameters(module) / 1e6:.2f}"


@pytest.mark.parametrize("name", FIRST_STAGES)
def test_first_stages_are_trained_by_the_releases_criterion(name):
    run = FIRST_STAGES[name]()
    c, d = run.criterion, run.criterion.adversarial
    assert run.model.codec == getattr(reference, name.removesuffix("-256").replace("-", "_"))()
    assert (type(c.reconstruction).__name__, c.reconstruction.weight, c.perceptual.weight) == ("L1", 1, 1)
    assert (c.kl_weight, c.codebook_weight) == (1e-6, 1)
    assert (d.weight, d.loss, d.adaptive, d.layers, d.channels, d.norm, d.r1) == (0.5, "hinge", True, 3, 64, "batch", 0)
    assert (d.begins_images / run.batch, d.ramp(0)) == (50_001, 1)
    assert run.optimiser.rate(0, 0.0) == d.lr == pytest.approx(4.5e-6 * run.batch)
    assert run.optimiser.betas == d.betas == (0.5, 0.9)
    assert run.optimiser.weight_decay == 0, "then AdamW is Adam"
    assert run.ema.decay(5_000_000, run.batch) == 0, "no average"
    values = 3 * 256 * 256
    assert d.adaptive_max == pytest.approx(1e4 / values if isinstance(run.model.codec.bottleneck, KL) else 1e4)


def test_the_discriminator_has_the_references_size():
    with torch.device("meta"):
        assert parameters(FIRST_STAGES["kl-f8-256"]().criterion.discriminator(3)) == hand_counted(64, 3)


def hand_counted(n, layers, colours=3):
    """Weights of 4x4 kernels, biases of the first and last convolution, gain and shift of each norm."""
    widths = [n * min(2**k, 8) for k in range(layers + 1)]
    inner = sum(16 * a * b + 2 * b for a, b in pairwise(widths))
    return 16 * colours * n + n + inner + 16 * widths[-1] + 1
