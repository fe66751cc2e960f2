"""An autoencoder under evaluation, by itself and inside of a latent model: its figures are those of its images, and what it lacks is said."""

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
from debruit.evaluation.image_set import divide
from debruit.evaluation.loaded import LoadedAutoencoder, LoadedModel, open_any
from debruit.evaluation.part_store import Parts
from debruit.evaluation.pipeline import Request, evaluate
from debruit.metrics.frechet import frechet_distance
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
    work = evaluate(subject, digits, request, Parts.open(folder, subject.name, subject.digest, print))
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


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
    spec, look, eyes = digits.spec, judging.Projection(), Perceptual().build(1)
    for scores, side, among in ((alone.decoded, "decoded", held_out), (alone.seen, "seen", pool)):
        images = alone.sides[side].originals.images
        known = {row.tobytes() for row in digits.images_of(among).numpy()}
        assert len(images) == judging_latent.HELD_OUT
        assert all(image.tobytes() in known for image in images.numpy())
        decoded = stage.reconstruct(images)
        found = values(scores)
        assert found["rfd"] == pytest.approx(frechet_distance(look(decoded, spec), look(images, spec)), rel=1e-6)
        error = ((spec.to_model(decoded) - spec.to_model(images)) / 2).double().square().mean(dim=(1, 2, 3))
        assert found["psnr"] == pytest.approx(float((-10 * torch.log10(error)).mean()))
        with torch.no_grad():
            distance = eyes(spec.to_model(images), spec.to_model(decoded)).mean()
        assert found["perceptual"] == pytest.approx(float(distance), rel=1e-4)
    assert {s.label for s in alone.decoded} == {"PSNR", "SSIM", "perceptual-EffNetLite0", "rFD-Projection"}
    assert all(s.count == judging_latent.HELD_OUT for s in (*alone.decoded, *alone.seen))
    for gap in alone.gaps:
        assert gap.value == pytest.approx(values(alone.decoded)[gap.name] - values(alone.seen)[gap.name])


def test_what_needs_a_diffusion_is_left_out_with_the_reason(alone, autoencoder, digits):
    left_out = dict(alone.left_out)
    measured = {"reconstruction", "perceptual", "rfd", "codec"}
    assert left_out.keys() == {e.name for e in (*registry.METRICS, *registry.ANALYSES)} - measured
    assert all("an autoencoder, which draws no images" in reason for reason in left_out.values())
    division = divide(autoencoder.model, digits, 20)
    for name in ("kid", "likelihood", "memorisation", "loss", "latent-bound"):
        with pytest.raises(InputError, match=f"--metrics {name}: this is an autoencoder, which draws no images"):
            registry.choose((name,), autoencoder, digits.spec, division, 20)


def test_a_model_of_pixels_has_no_codec(digits, tmp_path):
    model = judging_latent.latent_model(judging.tiny.run().model.codec)
    pixels = open_any(judging_latent.saved(model, tmp_path), "cpu")
    for name in ("psnr", "perceptual", "rfd", "codec", "latent-bound"):
        with pytest.raises(InputError, match=f"--metrics {name}: this model works on pixels"):
            registry.choose((name,), pixels, digits.spec, divide(pixels.model, digits, 20), 20)


def test_the_page_the_record_and_the_table_of_an_autoencoder(alone, tmp_path):
    html = page.render(alone, "debruit evaluate runs/ae")
    for part in ("Reconstruction", "held-out images", "training images", "gap", "came back worst", "active units", "rFD-Projection",
                 "It is no FID", "KL of 2 x 4 x 4", "frechet, frechet-unbiased, kid"):  # fmt: skip
        assert part in html, part
    assert "Its autoencoder" not in html
    assert "<h2>Samples</h2>" not in html
    assert "https" not in html
    kept = json.loads(json.dumps(record.record(alone, "x")))
    assert values(_score(s) for s in kept["decoded"]) == values(alone.decoded)
    assert kept["counts"]["decoded"] == kept["counts"]["seen"] == judging_latent.HELD_OUT
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
    work = evaluate(autoencoder, digits, request, Parts.open(tmp_path, autoencoder.name, autoencoder.digest, print))
    for _ in range(4):
        next(work)
    work.close()
    again = run(autoencoder, digits, tmp_path, request)
    assert again.decoded == alone.decoded
    assert again.seen == alone.seen
    assert again.analyses == alone.analyses


def test_other_data_has_one_column_and_data_that_was_seen_whole_another(autoencoder, digits, projection, tmp_path):
    spec = replace(digits.spec, fingerprint="other", name="others")
    other = Dataset(spec, digits.images, paths=digits.paths, labels=digits.labels)
    found = run(autoencoder, other, tmp_path / "a", Request(count=30, metrics=("psnr",)))
    assert [s.name for s in found.decoded] == ["psnr"]
    assert found.seen == ()
    assert "images of others" in page.render(found, "x")
    whole = open_any(judging_latent.saved(judging_latent.stage(held_out=0), tmp_path / "ae"), "cpu")
    found = run(whole, digits, tmp_path / "b", Request(count=30, metrics=("psnr", "codec")))
    assert found.decoded[0].count == 30
    assert "Images that it was trained on, since none were held out" in page.render(found, "x")
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
    assert found.decoded == ()
    assert "codebook perplexity" in page.render(found, "x")


def test_a_latent_model_is_shown_beside_what_its_codec_lets_through(inside, stage, digits):
    spec, division, look = digits.spec, inside.division, judging.Projection()
    decoded = stage.reconstruct(digits.images_of(division.floor))
    assert inside.sides["decoded"].images.equal(decoded)
    expected = frechet_distance(look(decoded, spec), look(digits.images_of(division.reference), spec))
    assert values(inside.through)["frechet"] == pytest.approx(expected, rel=1e-6)
    assert values(inside.decoded).keys() == {"psnr", "ssim", "perceptual", "rfd"}
    assert {s.label for s in inside.through} == {s.label for s in inside.floor}
    assert "the same, decoded" in (html := page.render(inside, "x"))
    for part in (
        "Its autoencoder",
        "It is a ceiling for the model",
        "Real images",
        "bits/dim of its images are not defined",
    ):
        assert part in html, part
    assert "decoded" in table(inside)
    assert record.record(inside, "x")["through"]


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
        registry.choose(("bound",), latent, digits.spec, divide(latent.model, digits, 20), 20)
    with pytest.raises(InputError, match="bits/dim of a latent model is not defined by its chain alone"):
        latent.model.bound(digits.images_of([0]))


def test_a_codec_without_loss_is_no_ceiling(digits, projection, tmp_path, monkeypatch):
    """What went in came out: rFD 0, no perceptual distance, and decoded real images are real images."""
    monkeypatch.setitem(seams._PLUGINS, judging_latent.Halved, "judging_latent")
    model = judging_latent.latent_model(judging_latent.Halved(), chain=4)
    subject = open_any(judging_latent.saved(model, tmp_path / "m"), "cpu")
    metrics = ("frechet", "colour", "psnr", "perceptual", "rfd", "codec")
    found = run(subject, digits, tmp_path / "work", Request(count=24, metrics=metrics))
    assert [s.label for s in found.through] == [s.label for s in found.floor]
    assert values(found.through) == pytest.approx(values(found.floor), rel=1e-5)
    assert values(found.decoded) == pytest.approx({"psnr": np.inf, "perceptual": 0, "rfd": 0}, abs=1e-6)
    page.render(found, "x")
    record.dump(record.record(found, "x"), tmp_path / "report.json")


@pytest.mark.parametrize("name", ["psnr", "rfd", "codec", "latent-bound"])
def test_what_is_of_one_model_is_not_compared(name):
    with pytest.raises(InputError, match=f"--metrics {name}: a figure of one model"):
        check_metrics((name,))
