"""The latent_scores of latents, on codecs whose latents are known."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

import judging_latent
from debruit.autoencoders.codec import CodecModule, Moments
from debruit.autoencoders.vq import VQ
from debruit.data.sources.digits import Digits
from debruit.evaluation.latent_diagnostics import LEAST, latent_scores


class Known(CodecModule):
    """Two channels of the image's own size: the image with spread 0.5, and 3 everywhere with spread 2."""

    def encode(self, images):
        constant = torch.full_like(images, 3.0)
        return Moments(
            torch.cat([images, constant], 1), torch.tensor([0.5, 2.0])[:, None, None].expand(2, *images.shape[2:])
        )


def values(codec, images, batch=16):
    return {row.name: row for row in latent_scores(codec, images.split(batch))}


def test_mean_and_spread_are_those_of_draws():
    """E over images and over z ~ q(z|x), places included."""
    images = torch.randn(200, 1, 3, 3, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.2
    found = values(Known(), images)
    law = Known().encode(images)
    draws = law.sample(torch.randn(50, *law.mean.shape, generator=torch.Generator().manual_seed(1)))
    for channel, z in enumerate(draws.transpose(0, 2)):
        assert found[f"channel-{channel}-mean"].value == pytest.approx(float(z.mean()), abs=0.02)
        assert found[f"channel-{channel}-spread"].value == pytest.approx(float(z.std()), abs=0.02)
    assert found["channel-0-mean"].low < found["channel-0-mean"].value < found["channel-0-mean"].high
    assert found["active-units"].value == 0.5, "the second channel says nothing of the image"


def test_the_divergence_is_torchs():
    images = torch.rand(30, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    law = Known().encode(images)
    std = law.std.expand_as(law.mean)
    expected = kl_divergence(Normal(law.mean, std), Normal(0.0, 1.0)).flatten(1).sum(1)
    found = values(Known(), images)["kl"]
    assert found.value == pytest.approx(float(expected.mean()), rel=1e-5)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * float(expected.std()) / 30**0.5, rel=1e-3)


def test_a_trained_codec_is_measured_on_its_raw_latents_and_shown_on_its_normalised_ones():
    """KL and active units are of the raw latents, as the prior is; mean and spread are 0 and 1 over the images they
    were measured on."""
    dataset = Digits().build()
    stage = judging_latent.stage(held_out=0)
    x = dataset.spec.to_model(dataset.images_of(range(len(dataset))))
    with torch.no_grad():
        found = values(stage.module, x, batch=100)
        raw = stage.module.moments(x)
    expected = kl_divergence(Normal(raw.mean, raw.std), Normal(0.0, 1.0)).flatten(1).sum(1).mean()
    assert found["kl"].value == pytest.approx(float(expected), rel=1e-4)
    assert found["active-units"].value == pytest.approx(float((raw.mean.var(0) > 0.01).double().mean()))
    for channel in range(2):
        assert found[f"channel-{channel}-mean"].value == pytest.approx(0, abs=1e-3)
        assert found[f"channel-{channel}-spread"].value == pytest.approx(1, abs=1e-3)


def test_batches_change_nothing_and_few_images_have_no_interval():
    images = torch.rand(LEAST + 3, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    one, many = (values(Known(), images, batch) for batch in (100, 7))
    for name, row in one.items():
        assert (row.value, row.low) == pytest.approx((many[name].value, many[name].low)), name
    few = values(Known(), images[: LEAST - 1])
    assert few["channel-0-mean"].low is None
    assert few["channel-0-mean"].value == pytest.approx(float(images[: LEAST - 1].mean()))


class Coded(CodecModule):
    """The latent of a pixel is the pixel; four codes at 0, 1, 2 and 9."""

    def __init__(self):
        super().__init__()
        self.bottleneck = VQ(channels=1, codes=4).build()
        with torch.no_grad():
            self.bottleneck.codebook.weight.copy_(torch.tensor([[0.0], [1.0], [2.0], [9.0]]))

    def encode(self, images):
        return Moments(images)


def test_the_use_of_a_codebook():
    """Shares 1/2, 1/4, 1/4 and 0: the entropy is 1.5 ln 2."""
    images = torch.tensor([0.1, -0.2, 1.1, 2.2]).repeat(24, 1)[:, None, None, :]
    codec = Coded()
    codec.bottleneck.usage.copy_(torch.tensor([0.9, 0.1, 0.0, 0.0]))
    found = values(codec, images)
    assert found["perplexity"].value == pytest.approx(math.exp(1.5 * math.log(2)))
    assert found["perplexity"].low == pytest.approx(found["perplexity"].high), "all images use the same codes"
    assert found["codes-unused"].value == 0.25
    assert found["dead-codes"].value == 2, "by the training's own average"
    assert "96 positions, of 4 codes" in found["perplexity"].note
    assert "kl" not in found


def test_the_interval_of_a_mean_holds_the_truth():
    """Images of one pixel, 0, 1 or 2 evenly: in 20 draws about 19 intervals hold the mean, 1."""
    hits = 0
    for seed in range(20):
        drawn = torch.randint(0, 3, (300, 1, 1, 1), generator=torch.Generator().manual_seed(seed)).float()
        row = values(Coded(), drawn, 300)["channel-0-mean"]
        hits += row.low <= 1 <= row.high
    assert hits >= 16
