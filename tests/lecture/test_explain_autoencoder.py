"""An autoencoder on a page: each panel is what it says, and the page is alive in a browser."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from test_page import browser, opened  # noqa: F401 - a fixture

import judging_latent
from debruit.apps.cli import main
from debruit.autoencoders.fidelity import psnr
from debruit.autoencoders.vq import VQ
from debruit.data.sources.digits import Digits
from debruit.data.split import split
from debruit.errors import InputError
from debruit.lecture.autoencoder import panels, wording
from debruit.lecture.autoencoder.chapters import CHAPTERS
from debruit.lecture.autoencoder.page import page
from debruit.lecture.autoencoder.study import begin
from debruit.lecture.maths import mathml

# on a canvas of its own: the browser warns of frequent readings of one that is drawn to
READ = """c => {
  const on = new OffscreenCanvas(8, 8).getContext("2d", { willReadFrequently: true });
  on.drawImage(c, 0, 0);
  return Array.from(on.getImageData(0, 0, 8, 8).data);
}"""


@pytest.fixture(scope="module")
def stage():
    return judging_latent.stage()


@pytest.fixture(scope="module")
def study(stage):
    return begin(stage, seed=4)


@pytest.fixture(scope="module")
def text(study):
    return page(study, "fr")


def numbers(text):
    return json.loads(re.search(r'<script type="application/json" id="numbers">(.*?)</script>', text, re.S)[1])


def test_there_and_back(study, stage):
    panel = panels.reconstruction(study)
    images = study.example.image
    back = stage.config.data.to_model(stage.reconstruct(images))
    assert (panel.decoded - back[0]).abs().max() < 1 / 255 + 1e-6, "reconstruct rounds to grey levels"
    assert panel.difference.equal(panel.decoded - panel.x)
    assert panel.psnr == pytest.approx(float(psnr((study.x + 1) / 2, (panel.decoded[None] + 1) / 2, value_range=1)))


def test_a_silenced_channel_is_at_zero_and_the_others_are_as_they_were(study, stage):
    panel, z = panels.ablation(study), stage.encode(study.example.image).mean
    assert len(panel.decoded) == len(panel.change) == z.shape[1] == 2
    for channel in range(2):
        less = z.clone()
        less[:, channel] = 0
        with torch.no_grad():
            expected = stage.module.decode(less, (8, 8)).clamp(-1, 1)
        torch.testing.assert_close(panel.decoded[channel], expected[0])
        whole = panels.reconstruction(study).decoded
        assert float(panel.change[channel]) == pytest.approx(float((expected[0] - whole).square().mean().sqrt() / 2))


def test_the_line_begins_and_ends_at_the_two_images(study, stage):
    panel = panels.interpolation(study, positions=5)
    ends = torch.cat([study.example.image, study.other.image])
    assert not study.example.image.equal(study.other.image)
    for row, index in ((0, 0), (1, -1)):
        with torch.no_grad():
            decoded = stage.module.decode(stage.encode(ends[row : row + 1]).mean, (8, 8)).clamp(-1, 1)
        torch.testing.assert_close(panel.decoded[index], decoded[0])
        torch.testing.assert_close(panel.mixed[index], stage.config.data.to_model(ends[row]))
    torch.testing.assert_close(panel.mixed[2], stage.config.data.to_model(ends).mean(0))


def test_channels_are_the_law_of_the_latent(study, stage):
    panel, moments = panels.channels(study), stage.encode(study.example.image)
    assert panel.mean.equal(moments.mean[0])
    assert panel.std.equal(moments.std[0])
    assert panel.level[1] == pytest.approx(float(moments.mean[0, 1].mean()))
    assert panel.spread[1] == pytest.approx(float(moments.mean[0, 1].std(correction=0)))


def test_the_image_is_a_held_out_one_and_the_other_its_neighbour(stage, study):
    dataset = Digits().build()
    held_out = {
        dataset.images_of([int(n)]).numpy().tobytes()
        for n in split(len(dataset), judging_latent.HELD_OUT, judging_latent.SEED)[1]
    }
    assert study.example.image.numpy().tobytes() in held_out
    assert study.other.image.numpy().tobytes() in held_out
    unknown = replace_provenance(stage, {})
    with pytest.raises(
        InputError, match="cannot sample images, and its training data is not available: give --image FILE"
    ):
        begin(unknown)


def replace_provenance(stage, provenance):
    return type(stage)(stage.config, stage.module, provenance)


def test_without_other_data_the_mirror_image_is_the_other(stage, tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)).save(tmp_path / "x.png")
    study = begin(replace_provenance(stage, {}), tmp_path / "x.png")
    assert study.other.image.equal(study.example.image.flip(-1))
    assert study.other.origin == ("its mirror image", "son image en miroir")


def test_the_page_is_whole_in_itself(text):
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\((?!data:)", text)
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert "{{" not in text
    assert re.findall(r'<section id="(\w+)">', text) == [c.key for c in CHAPTERS]
    data = numbers(text)
    assert len(data["steps"]) == panels.POSITIONS
    assert data["channels"]["count"] == 2
    assert "<title>L&#x27;auto-encodeur, appliqué à votre image</title>" in text


def test_a_codebook_is_reported_and_has_no_spread():
    study = begin(judging_latent.stage(VQ(channels=2, codes=16)))
    text = page(study)
    assert "each position of a latent is replaced by the nearest code" in text
    assert numbers(text)["channels"]["std"] is None


def test_latents_that_nobody_has_measured_are_reported(stage):
    codec = replace(stage.config.codec, shift=(), scale=())
    raw = type(stage)(replace(stage.config, codec=codec), stage.module, stage.provenance)
    assert any("not been measured" in english for english, _ in wording.remarks(begin(raw)))


def test_every_text_is_bilingual_and_every_equation_well_formed():
    for chapter in CHAPTERS:
        for pair in (chapter.title, *chapter.text):
            assert pair[0] != pair[1]
            assert pair[0].count("$") == pair[1].count("$")
        for tex in chapter.equations:
            ElementTree.fromstring(mathml(tex, display=True))
        for tex in chapter.symbols.values():
            ElementTree.fromstring(mathml(tex))


def test_the_page_is_alive_in_a_browser(browser, text, study, tmp_path):  # noqa: F811
    """The slider mixes, in both languages and on a telephone, and the images are the package's numbers."""
    tab, complaints = opened(browser, tmp_path / "page.html", text, viewport={"width": 390, "height": 800})
    assert tab.title() == "L'auto-encodeur, appliqué à votre image"
    tab.click("[data-language=en]")
    assert tab.title() == "The autoencoder, on your image"
    line = panels.interpolation(study)
    for k in (0, 7, panels.POSITIONS - 1):
        tab.fill("#t", str(k))
        assert tab.inner_text("#where") == f"λ = {float(line.weights[k]):.2g}"
        for figure, images in ((2, line.decoded), (3, line.mixed)):
            pixels = tab.eval_on_selector(
                f"#panel-interpolation figure:nth-child({figure}) canvas",
                READ,
            )
            assert pixels[::4] == ((images[k, 0] + 1) * 127.5).round().int().flatten().tolist()
    assert tab.locator("#panel-channels canvas").count() == 4
    assert tab.locator("#panel-ablation canvas").count() == 3
    tab.click("#play")
    tab.wait_for_function("state.timer === null && state.k === 0", timeout=20_000)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []


def test_the_command(stage, tmp_path, capsys):
    name = judging_latent.saved(stage, tmp_path / "ae")
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "x.png")
    out = tmp_path / "lecture"
    assert main(["explain", name, "--image", str(tmp_path / "x.png"), "--lang", "fr", "--out", str(out)]) == 0
    output = capsys.readouterr().out
    assert "le fichier x.png" in output
    assert '<html lang="fr">' in (out / "index.html").read_text("utf-8")
    assert main(["explain", name, "--label", "3", "--out", str(tmp_path / "no")]) == 2
    assert "is an autoencoder, which has no conditions: leave --label out" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
