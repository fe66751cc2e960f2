"""The page: whole in itself, in two languages, and alive in a browser (headless Chromium, where there is one)."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest
import tiny
import torch
from lessons import Unshuffled, chained, fresh, resolved, unconditional

from debruit.errors import InputError
from debruit.lecture.autoencoder import chapters as autoencoder
from debruit.lecture.chapters import CHAPTERS
from debruit.lecture.forward import forward
from debruit.lecture.latents import latents
from debruit.lecture.maths import mathml
from debruit.lecture.numbers import vocabulary
from debruit.lecture.page import page
from debruit.lecture.study import begin

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def text():
    return page(begin(chained(), label=3, seed=5), "fr")


def numbers(text):
    return json.loads(re.search(r'<script type="application/json" id="numbers">(.*?)</script>', text, re.S)[1])


def test_the_page_is_whole_in_itself(text):
    """No address but data: URIs; both languages; every chapter but that of the latents; a size that a browser likes."""
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\((?!data:)", text)
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert text.startswith('<!doctype html>\n<html lang="fr">')
    assert "{{" not in text
    assert text.count('<span lang="en">') == text.count('<span lang="fr">') > 20
    assert re.findall(r'<section id="(\w+)">', text) == [c.key for c in CHAPTERS if c.key != "latents"]
    assert len(text) < 3 * 2**20
    assert numbers(text)["T"] == 12


def test_names_in_the_data_cannot_end_the_script():
    names = ("</script><b>", *"123456789")
    model = chained(data=dataclasses.replace(tiny.run().model.data, class_names=names))
    text = page(begin(model, label="</script><b>"))
    assert "</script><b>" not in text
    assert "&lt;/script&gt;&lt;b&gt;" in text
    assert text.count("</script>") == 2


def test_every_function_that_is_named_exists():
    for chapter in (*CHAPTERS, *autoencoder.CHAPTERS):
        for name in chapter.functions:
            item = resolved(name)
            assert callable(item) or hasattr(item, "func"), name  # a cached property has a func


def test_every_equation_is_well_formed_and_every_text_is_bilingual():
    from xml.etree import ElementTree

    for chapter in (*CHAPTERS, *autoencoder.CHAPTERS):
        for tex in chapter.equations:
            ElementTree.fromstring(mathml(tex, display=True))
        for pair in (chapter.title, *chapter.text):
            assert len(pair) == 2
            assert pair[0] != pair[1]
            assert pair[0].count("$") == pair[1].count("$")
            assert pair[0].count("$") % 2 == 0
        for tex in chapter.symbols.values():
            ElementTree.fromstring(mathml(tex))
        for english, french in chapter.labels.values():
            assert english.count("$") == french.count("$")


@pytest.mark.parametrize("tex", ["x_{t", r"\frac{1}", r"\nosuchthing", "x_", r"\mathcal N"])
def test_equations_that_are_none_are_refused(tex):
    with pytest.raises(ValueError):
        mathml(tex)


def test_a_name_of_two_meanings_is_refused():
    one = dataclasses.replace(CHAPTERS[0], labels={"x0": ("the image", "l'image")})
    other = dataclasses.replace(CHAPTERS[1], labels={"x0": ("another", "une autre")})
    with pytest.raises(ValueError, match="'x0' already means"):
        vocabulary((one, other), {})


def test_equations_say_what_they_mean():
    assert (
        mathml("x_t^2")
        == "<math><mrow><msubsup><mi>x</mi><mrow><mi>t</mi></mrow><mrow><mn>2</mn></mrow></msubsup></mrow></math>"
    )
    assert "<mfrac><mrow><mn>1</mn></mrow><mrow><msqrt><mi>α</mi></msqrt></mrow></mfrac>" in mathml(
        r"\frac{1}{\sqrt{\alpha}}"
    )
    assert "<munderover><mo>∑</mo>" in mathml(r"\sum_{t=2}^{T} x")
    assert mathml("-0{,}5") == "<math><mrow><mo>−</mo><mn>0,5</mn></mrow></math>", "a French number is one number"


def test_an_unknown_language_is_refused(study):
    with pytest.raises(InputError, match="unknown language 'de'; allowed: en, fr"):
        page(study, "de")


def test_what_a_model_without_a_chain_is_told(flowing):
    text = page(flowing)
    assert "it has no chain of its own" in text
    assert "n'a pas de chaîne propre" in text.replace("&#x27;", "'")
    assert "it has no chain of its own" not in page(begin(chained(), label=3))


def test_an_unconditional_model_in_colour_of_other_depth(short):
    """Three channels of 16 bits: no L_0, and the page says so."""
    spec = dataclasses.replace(tiny.run().model.data, channels=3, depth="uint16", high=4095, height=12, width=10)
    plain = unconditional(data=spec)
    text = page(begin(plain, seed=1))
    data = numbers(text)
    assert data["terms"]["decoder"] is None
    assert data["posterior"]["channels"] == 3
    assert (data["forward"]["height"], data["forward"]["width"]) == (12, 10)
    assert "the model is unconditional" in text
    assert "is left out" in text


def test_latents_are_shown_with_their_decoding(short):
    """A codec without loss decodes its latents to the image itself."""
    model = fresh(codec=Unshuffled(), data_std=0.25)
    study = begin(model, label=2, seed=1)
    panel = latents(study)
    assert panel is not None
    assert panel.z_t.shape[1:] == (4, 4, 4)
    assert panel.decoded_z0_hat.shape[1:] == (1, 8, 8)
    assert torch.equal(panel.reconstruction, study.example.image[0])
    text = page(study)
    assert '<section id="latents">' in text
    assert numbers(text)["latents"]["channels"] == 4
    assert "without" in text
    assert latents(begin(chained(), label=1)) is None


@pytest.fixture(scope="module")
def browser():
    sync = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium on the path")
    with sync.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield running
        running.close()


def opened(browser, path: Path, text: str, **context):
    """The page from the disk in a browser without network, and what it complained of."""
    path.write_text(text, "utf-8")
    tab = browser.new_context(offline=True, **context).new_page()
    complaints = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    tab.on(
        "request",
        lambda request: complaints.append(request.url) if not request.url.startswith(("file:", "data:")) else None,
    )
    tab.goto(path.as_uri())
    tab.wait_for_selector("body[data-ready]", timeout=60_000)
    return tab, complaints


def reading(tab, panel: str) -> list[str]:
    return tab.eval_on_selector_all(f"#panel-{panel} .readings b", "nodes => nodes.map((n) => n.textContent)")


def test_the_page_is_alive_in_a_browser(browser, text, tmp_path):
    """One slider moves every panel, a click chooses the pixel, and the numbers shown are those of the package."""
    tab, complaints = opened(browser, tmp_path / "page.html", text)
    study = begin(chained(), label=3, seed=5)
    chain = forward(study)
    assert tab.title() == "Le cours, appliqué à votre modèle"
    tab.click("[data-language=en]")
    assert tab.title() == "The lecture, on your model"
    assert tab.is_visible("section#forward h2 [lang=en]")
    assert not tab.is_visible("section#forward h2 [lang=fr]")

    k, row, column = 7, 2, 5
    tab.fill("#t", str(k))
    box = tab.locator("#panel-forward .image").first
    size = box.bounding_box()
    box.click(position={"x": (column + 0.5) * size["width"] / 8, "y": (row + 0.5) * size["height"] / 8})
    assert tab.inner_text("#chosen").startswith("pixel (2, 5)")
    shown = [
        float(v.split()[0].replace("−", "-").replace("·10", "e").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))
        for v in reading(tab, "posterior")
    ]
    variance, p = study.chain.chain.posterior_beta[chain.steps[k]], chain.variance[k].item()
    means = chain.posterior[k, 0, row, column].item(), chain.mean[k, 0, row, column].item()
    expected = [
        chain.x0[0, row, column].item(),
        chain.x_t[k, 0, row, column].item(),
        chain.x0_hat[k, 0, row, column].item(),
        *means,
        float(variance),
        p,
        0.5 * (means[0] - means[1]) ** 2 / p,
    ]
    assert shown == pytest.approx(expected, rel=2e-2, abs=2e-3)
    assert float(reading(tab, "forward")[4]) == pytest.approx(float(chain.simple_loss[k]), rel=1e-2)

    shown_pixels = tab.eval_on_selector(
        "#panel-forward figure:nth-child(2) canvas", "c => Array.from(c.getContext('2d').getImageData(0, 0, 8, 8).data)"
    )
    expected = ((chain.x_t[k, 0].clamp(-1, 1) + 1) * 127.5).round().int().flatten().tolist()
    assert shown_pixels[::4] == expected, "the image of x_t is that of this step"
    tab.keyboard.press("ArrowDown")
    assert tab.inner_text("#chosen").startswith("pixel (3, 5)"), "the chosen image has the focus; arrows move the pixel"
    tab.click("#play")
    tab.wait_for_function("state.k < 7")
    tab.wait_for_function("state.timer === null && state.k === 0", timeout=20_000)
    assert "no variance left" in tab.inner_text("#panel-posterior"), "at t = 1"
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert complaints == []


def test_the_page_fits_a_telephone_and_a_latent_model_in_the_dark(browser, short, tmp_path):
    study = begin(fresh(codec=Unshuffled(), data_std=0.25), label=2, seed=1)
    tab, complaints = opened(
        browser, tmp_path / "p.html", page(study), viewport={"width": 390, "height": 800}, color_scheme="dark"
    )
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.locator("#panel-latents canvas").count() == 11
    assert tab.locator("#channel option").count() == 4
    tab.select_option("#channel", "3")
    assert tab.evaluate("state.channel") == 3
    assert complaints == []
