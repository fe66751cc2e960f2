"""An autoencoder under evaluation, by itself and inside of a latent model: its figures are those of its images, and
what it lacks is said."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console

import judging
import judging_latent
from debruit import seams
from debruit.autoencoders.losses.perceptual import Perceptual
from debruit.autoencoders.vq import VQ
from debruit.data.dataset import Dataset
from debruit.data.sources.digits import Digits
from debruit.data.split import split
from debruit.errors import InputError
from debruit.evaluation import registry
from debruit.evaluation.compare import check_metrics
from debruit.evaluation.pipeline import evaluate
from debruit.evaluation.result import Request
from debruit.evaluation.result_store import ResultStore
from debruit.evaluation.splits import split_for_evaluation
from debruit.metrics.frechet import frechet_distance
from debruit.models.loaded import LoadedAutoencoder, LoadedModel, open_any
from debruit.reports import page, record, terminal

PASSAGES = ("reconstruction", "perceptual", "rfd", "codec")


@pytest.fixture(scope="module")
def digits():
    return Digits().build()


@pytest.fixture(scope="module")
def stage():
    return judging_latent.stage()


@pytest.fixture(scope="module")
def autoencoder(stage, tmp_path_factory):
    return open_any(judging_latent.saved(stage, tmp_path_factory.mktemp("ae")), "cpu")


@pytest.fixture(scope="module")
def latent(stage, tmp_path_factory):
    model = judging_latent.latent_model(stage.config.codec, stage.module, chain=6)
    return open_any(judging_latent.saved(model, tmp_path_factory.mktemp("ldm")), "cpu")


@pytest.fixture
def projection(monkeypatch):
    return judging.look_through(judging.Projection(), monkeypatch)


def run(subject, digits, folder, request):
    return evaluate(subject, digits, request, ResultStore.open(folder, subject.name, subject.digest))


@pytest.fixture(scope="module")
def alone(autoencoder, digits, tmp_path_factory):
    """Everything that applies to an autoencoder."""
    with pytest.MonkeyPatch.context() as patch:
        judging.look_through(judging.Projection(), patch)
        return run(autoencoder, digits, tmp_path_factory.mktemp("alone"), Request(count=2000))


@pytest.fixture(scope="module")
def inside(latent, digits, tmp_path_factory):
    """A latent model with a chain: its samples, its codec, the bound of its latents."""
    with pytest.MonkeyPatch.context() as patch:
        judging.look_through(judging.Projection(), patch)
        metrics = ("frechet", "colour", "latent-bound", *PASSAGES)
        return run(
            latent, digits, tmp_path_factory.mktemp("inside"), Request(count=24, metrics=metrics, likelihood_images=3)
        )


def values(scores):
    return {s.name: s.value for s in scores}


def test_each_kind_of_file_opens_as_what_it_is(autoencoder, latent):
    assert isinstance(autoencoder, LoadedAutoencoder)
    assert isinstance(latent, LoadedModel)
    assert autoencoder.about()["latents"] == [2, 4, 4]
    json.dumps([autoencoder.about(), latent.about()])


def test_scores_are_those_of_the_held_out_images_and_of_as_many_of_its_training(alone, stage, digits):
    pool, held_out = split(len(digits), judging_latent.HELD_OUT, judging_latent.SEED)
    spec, look, perceptual = digits.spec, judging.Projection(), Perceptual().build(1)
    for scores, side, among in (
        (alone.heldout_reconstruction, "heldout_reconstruction", held_out),
        (alone.train_reconstruction, "train_reconstruction", pool),
    ):
        images = alone.sets[side].originals.images
        known = {row.tobytes() for row in digits.images_of(among).numpy()}
        assert len(images) == judging_latent.HELD_OUT
        assert all(image.tobytes() in known for image in images.numpy())
        decoded = stage.reconstruct(images)
        found = values(scores)
        assert found["rfd"] == pytest.approx(frechet_distance(look(decoded, spec), look(images, spec)), rel=1e-6)
        error = ((spec.to_model(decoded) - spec.to_model(images)) / 2).double().square().mean(dim=(1, 2, 3))
        assert found["psnr"] == pytest.approx(float((-10 * torch.log10(error)).mean()))
        with torch.no_grad():
            distance = perceptual(spec.to_model(images), spec.to_model(decoded)).mean()
        assert found["perceptual"] == pytest.approx(float(distance), rel=1e-4)
    assert {s.label for s in alone.heldout_reconstruction} == {
        "PSNR",
        "SSIM",
        "perceptual-EffNetLite0",
        "rFD-Projection",
    }
    assert all(s.count == judging_latent.HELD_OUT for s in (*alone.heldout_reconstruction, *alone.train_reconstruction))
    for gap in alone.gaps:
        assert gap.value == pytest.approx(
            values(alone.heldout_reconstruction)[gap.name] - values(alone.train_reconstruction)[gap.name]
        )


def test_what_needs_a_diffusion_is_left_out_with_the_reason(alone, autoencoder, digits):
    left_out = dict(alone.left_out)
    measured = {"reconstruction", "perceptual", "rfd", "codec"}
    assert left_out.keys() == {e.name for e in (*registry.metrics(), *registry.analyses())} - measured
    assert all("an autoencoder, which draws no images" in reason for reason in left_out.values())
    division = split_for_evaluation(autoencoder.model, digits, 20)
    for name in ("kid", "likelihood", "memorisation", "loss", "latent-bound"):
        with pytest.raises(InputError, match=f"--metrics {name}: this is an autoencoder, which draws no images"):
            registry.choose((name,), autoencoder, digits.spec, division, 20)


def test_a_model_of_pixels_has_no_codec(digits, tmp_path):
    model = judging_latent.latent_model(judging.tiny.run().model.codec)
    pixels = open_any(judging_latent.saved(model, tmp_path), "cpu")
    for name in ("psnr", "perceptual", "rfd", "codec", "latent-bound"):
        with pytest.raises(InputError, match=f"--metrics {name}: this model works on pixels"):
            registry.choose((name,), pixels, digits.spec, split_for_evaluation(pixels.model, digits, 20), 20)


def test_the_page_the_record_and_the_table_of_an_autoencoder(alone, tmp_path):
    html = page.render(alone, "debruit evaluate runs/ae")
    for part in (
        "Reconstruction",
        "held-out images",
        "training images",
        "gap",
        "worst reconstructions",
        "active units",
        "rFD-Projection",
        "It is not FID",
        "KL of 2 x 4 x 4",
        "frechet, frechet-unbiased, kid",
    ):
        assert part in html, part
    assert "<h2>Autoencoder" not in html
    assert "<h2>Samples</h2>" not in html
    assert "https" not in html
    kept = json.loads(json.dumps(record.record(alone, "x")))
    assert values(_score(s) for s in kept["heldout_reconstruction"]) == values(alone.heldout_reconstruction)
    assert kept["counts"]["heldout_reconstruction"] == kept["counts"]["train_reconstruction"] == judging_latent.HELD_OUT
    shown = table(alone)
    assert "training images" in shown
    assert "perceptual-EffNetLite0" in shown
    assert "channel 0" not in shown, "channel by channel is for the page"


def _score(fields):
    from debruit.metrics.score import Score

    return Score(**fields)


def table(found) -> str:
    console = Console(width=140)
    with console.capture() as capture:
        for one in terminal.tables(found):
            console.print(one)
    return capture.get()


def test_an_interruption_changes_nothing(autoencoder, digits, projection, tmp_path, alone):
    request = Request(count=2000)
    store = ResultStore.open(tmp_path, autoencoder.name, autoencoder.digest)
    judging.interrupted(lambda: evaluate(autoencoder, digits, request, store), after=4)
    again = run(autoencoder, digits, tmp_path, request)
    assert again.heldout_reconstruction == alone.heldout_reconstruction
    assert again.train_reconstruction == alone.train_reconstruction
    assert again.analyses == alone.analyses


def test_other_data_has_one_column_and_data_that_was_seen_whole_another(autoencoder, digits, projection, tmp_path):
    spec = replace(digits.spec, fingerprint="other", name="others")
    other = Dataset(spec, digits.images, paths=digits.paths, labels=digits.labels)
    found = run(autoencoder, other, tmp_path / "a", Request(count=30, metrics=("psnr",)))
    assert [s.name for s in found.heldout_reconstruction] == ["psnr"]
    assert found.train_reconstruction == ()
    assert "images of others" in page.render(found, "x")
    whole = open_any(judging_latent.saved(judging_latent.stage(held_out=0), tmp_path / "ae"), "cpu")
    found = run(whole, digits, tmp_path / "b", Request(count=30, metrics=("psnr", "codec")))
    assert found.heldout_reconstruction[0].count == 30
    assert "Training images, since none were held out" in page.render(found, "x")
    assert "training images" in page.render(found, "x")


def test_images_that_cannot_go_through(autoencoder, digits, tmp_path):
    colour = replace(digits.spec, channels=3, fingerprint="c", name="colours")
    dataset = Dataset(colour, np.repeat(digits.images, 3, 1), paths=digits.paths)
    with pytest.raises(InputError, match="trained on images of 1 channels .* and colours has 3"):
        run(autoencoder, dataset, tmp_path, Request(count=8))
    small = replace(digits.spec, height=6, fingerprint="s", name="small")
    dataset = Dataset(small, np.ascontiguousarray(digits.images[:, :, :6]), paths=digits.paths)
    with pytest.raises(InputError, match="--metrics perceptual: images of 6 x 8 pixels are smaller than the 8"):
        run(autoencoder, dataset, tmp_path, Request(count=8, metrics=("perceptual",)))


def test_a_codebook_is_reported_by_its_use(digits, projection, tmp_path):
    subject = open_any(judging_latent.saved(judging_latent.stage(VQ(channels=2, codes=16)), tmp_path / "vq"), "cpu")
    found = run(subject, digits, tmp_path / "work", Request(count=30, metrics=("codec",)))
    names = {s["name"] for s in found.analyses["codec"]["scores"]}
    assert {"perplexity", "codes-unused", "dead-codes", "channel-1-spread"} <= names
    assert not names & {"kl", "active-units"}
    assert found.heldout_reconstruction == ()
    assert "codebook perplexity" in page.render(found, "x")


def test_a_latent_model_is_shown_beside_what_its_codec_lets_through(inside, stage, digits):
    spec, division, look = digits.spec, inside.split, judging.Projection()
    decoded = stage.reconstruct(digits.images_of(division.baseline))
    assert inside.sets["heldout_reconstruction"].images.equal(decoded)
    expected = frechet_distance(look(decoded, spec), look(digits.images_of(division.reference), spec))
    assert values(inside.reconstructed_baseline)["frechet"] == pytest.approx(expected, rel=1e-6)
    assert values(inside.heldout_reconstruction).keys() == {"psnr", "ssim", "perceptual", "rfd"}
    assert {s.label for s in inside.reconstructed_baseline} == {s.label for s in inside.real_baseline}
    assert "the same, reconstructed" in (html := page.render(inside, "x"))
    for part in (
        "<h2>Autoencoder",
        "They are an upper limit for the model",
        "Real images",
        "bits/dim of its images are not defined",
    ):
        assert part in html, part
    assert "reconstructed" in table(inside)
    assert record.record(inside, "x")["reconstructed_baseline"]


def test_the_bound_of_the_latents_is_labelled_as_such(inside, latent, digits):
    rows = {s["label"]: s for s in inside.analyses["latent-bound"]["scores"]}
    total = rows["bits/dim of the latents' density (bound), held-out"]
    parts = [rows[f"{name}, held-out"]["value"] for name in ("L_T", "sum of L_(t-1)", "L_0")]
    assert total["value"] == pytest.approx(sum(parts), rel=1e-9)
    assert "not of its pixels" in total["note"]
    assert not any(label.startswith("bits/dim (") for label in rows)
    with pytest.raises(
        InputError, match="bound: bits/dim of a latent model is not defined by its chain alone.*latent-bound"
    ):
        registry.choose(("bound",), latent, digits.spec, split_for_evaluation(latent.model, digits, 20), 20)
    with pytest.raises(InputError, match="bits/dim of a latent model is not defined by its chain alone"):
        latent.model.bound(digits.images_of([0]))


def test_a_codec_without_loss_is_no_ceiling(digits, projection, tmp_path, monkeypatch):
    """What went in came out: rFD 0, no perceptual distance, and decoded real images are real images."""
    monkeypatch.setitem(seams._PLUGINS, judging_latent.Halved, "judging_latent")
    model = judging_latent.latent_model(judging_latent.Halved(), chain=4)
    subject = open_any(judging_latent.saved(model, tmp_path / "m"), "cpu")
    metrics = ("frechet", "colour", "psnr", "perceptual", "rfd", "codec")
    found = run(subject, digits, tmp_path / "work", Request(count=24, metrics=metrics))
    assert [s.label for s in found.reconstructed_baseline] == [s.label for s in found.real_baseline]
    assert values(found.reconstructed_baseline) == pytest.approx(values(found.real_baseline), rel=1e-5)
    assert values(found.heldout_reconstruction) == pytest.approx({"psnr": np.inf, "perceptual": 0, "rfd": 0}, abs=1e-6)
    page.render(found, "x")
    record.dump(record.record(found, "x"), tmp_path / "report.json")


@pytest.mark.parametrize("name", ["psnr", "rfd", "codec", "latent-bound"])
def test_what_is_of_one_model_is_not_compared(name):
    with pytest.raises(InputError, match=f"--metrics {name}: this describes one model"):
        check_metrics((name,))
