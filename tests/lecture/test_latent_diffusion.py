"""Latent diffusion on the page: the four losses, the table of the 274 M model, the doors of conditions."""

import dataclasses
import json
import math

import numpy as np
import pytest
import tiny
import torch
from lessons import Unshuffled, chained, fresh, unconditional
from test_page import browser, opened  # noqa: F401

import tiny_latent
from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.kl import KL
from debruit.autoencoders.vq import VQ
from debruit.lecture import figures
from debruit.lecture import first_stage as module
from debruit.lecture.chapters.latent_diffusion import CHAPTER
from debruit.lecture.doors import LECTURE, doors
from debruit.lecture.first_stage import WEIGHTS, first_stage, shipped_codec
from debruit.lecture.page import page
from debruit.lecture.reference_table import TABLE, column, power
from debruit.lecture.study import begin
from debruit.models.config import Backbone
from debruit.planning.counting import codec_parameters, parameters
from debruit.recipes import recipes

ROWS = ("z", "steps", "schedule", "parameters", "channels", "multipliers", "attention", "heads", "batch")


@pytest.fixture
def latent(short):
    """A model on the latents of an autoencoder with a KL bottleneck, of measured scale."""
    codec = Autoencoder(coder=tiny_latent.CODER, bottleneck=KL(channels=2), shift=(0.3, -0.2), scale=(1.5, 0.5))
    return begin(fresh(codec=codec, data_std=1.0), label=2, seed=1)


def encoded(study):
    """Image, raw mean, raw standard deviation and decoded image, as NumPy arrays."""
    codec, x = study.model.codec, study.model.config.data.to_model(study.example.image)
    with torch.no_grad():
        moments = codec.moments(x)
        decoded = codec.decoder(codec.bottleneck.decode(moments.mean))
    return x.double().numpy(), moments.mean.double().numpy(), moments.std.double().numpy(), decoded.double().numpy()


def test_the_losses_are_their_formulas(latent):
    x, mean, std, decoded = encoded(latent)
    stage = first_stage(latent)
    assert stage.own
    assert stage.terms["reconstruction"] == pytest.approx(np.abs(x - decoded).mean(), rel=1e-5)
    nats = 0.5 * (mean**2 + std**2 - 1 - np.log(std**2)).sum()
    assert stage.nats == pytest.approx(nats, rel=1e-4)
    assert stage.terms["kl"] == pytest.approx(nats / x.size, rel=1e-4)
    error = (((x - decoded.clip(-1, 1)) / 2) ** 2).mean()
    assert stage.psnr == pytest.approx(-10 * math.log10(error), rel=1e-4)
    assert (stage.factor, stage.latent_shape, stage.bottleneck) == (2, (2, 4, 4), "KL")
    assert stage.compression == 64 / 32
    assert stage.parameters == codec_parameters(latent.model.config.codec, 1)
    np.testing.assert_allclose(stage.decoded, decoded[0].clip(-1, 1), atol=1e-5)


def test_a_codebook_has_its_own_loss(short):
    codec = Autoencoder(coder=tiny_latent.CODER, bottleneck=VQ(channels=2, codes=16))
    study = begin(fresh(codec=codec), label=2, seed=1)
    stage, codes = first_stage(study), study.model.codec.bottleneck.codebook.weight.detach().double().numpy()
    with torch.no_grad():
        z = study.model.codec.moments(study.model.config.data.to_model(study.example.image)).mean.double().numpy()
    rows = z.transpose(0, 2, 3, 1).reshape(-1, 2)
    nearest = ((rows[:, None] - codes) ** 2).sum(-1).min(1)
    assert stage.terms["codebook"] == pytest.approx(1.25 * nearest.mean() / 2, rel=1e-4)
    assert stage.nats is None
    assert "kl" not in stage.terms


def test_the_perceptual_distance_is_that_of_its_maps(latent, monkeypatch):
    """1 / (H W) sum of the squared difference of maps of unit length, averaged over maps; without its package the term
    is left out."""
    perceptual = module._perceptual(1)
    if perceptual is None:
        pytest.skip("needs the package of EfficientNet-Lite0")
    x, _, _, decoded = (torch.from_numpy(v).float() for v in encoded(latent))
    network = perceptual._frozen[0]
    each = []
    with torch.no_grad():
        maps = [network.maps(network.prepare(v.expand(-1, 3, -1, -1))) for v in (x, decoded)]
    for a, b in zip(*(([f.double().numpy() for f in m]) for m in maps), strict=True):
        unit = [f / np.sqrt((f**2).sum(1, keepdims=True) + 1e-20) for f in (a, b)]
        each.append(((unit[0] - unit[1]) ** 2).sum(1).mean())
    stage = first_stage(latent)
    assert stage.terms["perceptual"] == pytest.approx(np.mean(each), rel=1e-4)
    assert stage.network == "EffNetLite0"
    monkeypatch.setattr(module, "_perceptual", lambda channels: None)
    assert first_stage(latent).network == ""


def test_a_codec_of_another_kind_has_what_it_has(short):
    stage = first_stage(begin(fresh(codec=Unshuffled(), data_std=0.25), label=2, seed=1))
    assert stage.terms["reconstruction"] == pytest.approx(0, abs=1e-6)
    assert stage.nats is None
    assert stage.bottleneck == ""


def test_a_model_of_pixels_is_shown_the_shipped_autoencoder(study):
    stage = first_stage(study)
    assert not stage.own
    assert stage.x.shape == (3, 64, 64)
    assert stage.latent_shape == (4, 16, 16)
    assert stage.compression == 12
    codec = shipped_codec()
    with torch.no_grad():
        decoded = codec.decode(codec.encode(stage.x[None]).mean, (64, 64))
    assert stage.terms["reconstruction"] == pytest.approx(float((stage.x - decoded).abs().mean()), rel=1e-5)
    assert 0 < stage.terms["kl"] < 10


def test_the_weights_are_those_of_the_kl_recipe():
    criterion = recipes()["kl-f8-256"]().criterion
    assert {
        "reconstruction": criterion.reconstruction.weight,
        "kl": criterion.kl_weight,
        "codebook": criterion.codebook_weight,
        "perceptual": criterion.perceptual.weight,
        "adversarial": criterion.adversarial.weight,
    } == WEIGHTS


def counted(run) -> int:
    with torch.device("meta"):
        return parameters(Backbone(run.model).network)


def test_the_column_of_the_recipe_is_the_recipe():
    run = recipes()["ldm-faces-256"]()
    cells = column(
        run.model,
        parameters=counted(run),
        batch=run.batch,
        images=run.images,
        rate=run.optimiser.lr,
    )
    assert cells == {key: row.recipe for key, row in TABLE.items()}


def test_what_the_table_explains_is_so():
    run = recipes()["ldm-faces-256"]()
    beta = np.linspace(0.0015**0.5, 0.0195**0.5, 1000) ** 2
    linear = np.linspace(0.0015, 0.0195, 1000)
    assert (f"{beta[499]:.4f}", f"{linear[499]:.4f}") == ("0.0079", "0.0105")
    np.testing.assert_allclose(run.model.process.chain.beta[1:], beta)
    assert "0.0079 and not 0.0105" in TABLE["schedule"].why[0]
    assert run.images == 19_680_000
    assert pytest.approx(run.optimiser.lr) == 48 * 2e-6
    assert f"{codec_parameters(run.model.codec, 3) / 1e6:.2f}" == "55.32"
    assert [64 // f for f in run.model.network.attention] == [32, 16, 8]
    one = dataclasses.replace(
        run, model=dataclasses.replace(run.model, network=dataclasses.replace(run.model.network, heads=1))
    )
    assert counted(one) == counted(run), "one head has as many parameters"
    assert (power(9.6e-5), power(3e-3)) == (("9.6·10⁻⁵", "9,6·10⁻⁵"), ("3·10⁻³", "3·10⁻³"))


def test_the_lectures_three_examples_are_the_recipes():
    for sample in LECTURE.values():
        runs = [recipes()[name]() for name in sample.recipes]
        assert tuple(round(counted(run) / 1e6, 2) for run in runs) == sample.unet
        run = runs[-1]
        (condition,) = run.model.conditioners
        with torch.device("meta"):
            module = condition.build(run.model.data, run.model.codec.factor)
        assert condition.door == sample.door
        assert parameters(module) / 1e6 == pytest.approx(sample.encoder, abs=0.006)
        width = condition.width(run.model.data, run.model.codec.factor)
        expected = (width, *run.model.latent_shape[1:]) if sample.door == "spatial" else (sample.encoded[0], width)
        assert sample.encoded == expected
    text = recipes()["ldm-text-256"]().model.conditioners[0]
    assert (text.length, len(text.tokenizer.vocabulary)) == (77, 30522)
    assert sum(LECTURE["text"].unet) + LECTURE["text"].encoder == pytest.approx(1450, abs=5)


def test_the_doors_of_a_model(study):
    (entrance,) = doors(study)
    assert (entrance.name, entrance.door, entrance.value, entrance.encoded) == ("label", "vector", (), (4,))
    assert entrance.given
    assert entrance.drop == pytest.approx(0.1)
    assert entrance.parameters == 4 * (10 + 1)
    assert doors(begin(unconditional(), seed=1)) == []


@pytest.mark.parametrize("kind", ["chain", "latent", "unconditional", "clips"])
def test_every_model_has_its_numbers(kind, short):
    models = {
        "chain": lambda: begin(chained(), label=3),
        "latent": lambda: begin(fresh(codec=Unshuffled(), data_std=0.25), label=2),
        "unconditional": lambda: begin(unconditional()),
        "clips": lambda: begin(unconditional(data=dataclasses.replace(tiny.run().model.data, channels=2)), seed=1),
    }
    data = CHAPTER.numbers(models[kind]())
    json.dumps(data, allow_nan=False)
    assert set(data["table"]) == set(TABLE)
    own = {key: cells[2][0] for key, cells in data["table"].items()}
    assert own["z"] == {"latent": "4 × 4 × 4", "clips": "8 × 8 × 2"}.get(kind, "8 × 8 × 1")
    assert own["attention"] == ("2" if kind == "latent" else "4")
    assert own["rate"] == "not in the file"
    assert own["steps"] == ("12" if kind == "chain" else "none: continuous time")


def test_the_figures(latent):
    figure = figures.four_losses(first_stage(latent))
    figure.canvas.draw()
    assert len(figure.axes) == 4
    widths = [bar.get_width() for bar in figure.axes[3].patches]
    stage = first_stage(latent)
    assert widths == pytest.approx([stage.terms[key] * WEIGHTS[key] for key in stage.terms])


def test_the_panel_is_alive(browser, latent, tmp_path, only):  # noqa: F811
    """The weights move the sum; both languages; what is not stored is said."""
    only("latent_diffusion")
    tab, complaints = opened(browser, tmp_path / "p.html", page(latent))
    stage = first_stage(latent)
    tab.fill("#latent-b1", "-2")
    expected = stage.terms["reconstruction"] + 1e-2 * stage.terms["kl"]
    if "perceptual" in stage.terms:
        tab.fill("#latent-b2", "0.5")
        expected += 0.5 * stage.terms["perceptual"]
    assert float(tab.inner_text("#latent-sum")) == pytest.approx(expected, rel=2e-3)
    assert tab.get_attribute("#latent-b1", "aria-valuetext") == "0.01"
    tab.focus("#latent-b1")
    tab.keyboard.press("ArrowRight")
    assert tab.get_attribute("#latent-b1", "aria-valuetext") == "0.032"
    assert "the discriminator is not stored" in tab.inner_text("#panel-latent_diffusion")
    tab.click("[data-language=fr]")
    text = tab.inner_text("#panel-latent_diffusion")
    assert "le discriminateur n'est pas conservé" in text
    assert "274,06 M" in text
    assert tab.get_attribute("#latent-b1", "aria-valuetext") == "0,032", "its position is kept"
    assert complaints == []
