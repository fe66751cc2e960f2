"""Every control of the page, found in the page itself: it moves something, at the width of a telephone and of a
projector, in both languages, and leaves no number that is none. Short chains, where a chart has hardly a point.
"""

import dataclasses

import pytest
import tiny
from lessons import chained, fresh, unconditional
from test_page import browser, opened, page  # noqa: F401 - browser is a fixture

import tiny_latent
from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.kl import KL
from debruit.conditioning.text import Text
from debruit.diffusion.chain import Chain
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.lecture import chains
from debruit.lecture import study as studies
from debruit.lecture.chapters import CHAPTERS
from debruit.lecture.slides import SLIDES, opens_at
from debruit.lecture.study import begin
from debruit.networks.text_transformer import TextTransformer
from debruit.text.wordpiece import WordPiece

TEXT = Text(
    tokenizer=WordPiece.train(["a red apple", "a blue car"], 120),
    encoder=TextTransformer(width=6, depth=1, heads=2, length=14),
)
# moves the controls of one panel; returns how many there are, what did not move the panel, and numbers that are none
SWEEP = """panel => {
  const seen = () => [panel, ...panel.querySelectorAll("canvas, input, select")]
    .map((p) => p.toDataURL ? p.toDataURL() : p.innerHTML + p.value + p.checked).join();
  let last = seen();
  const moves = (act) => { const was = last; act(); last = seen(); return last !== was; };
  const set = (c, name, value) => {
    c[name] = value;
    for (const event of ["input", "change"]) c.dispatchEvent(new Event(event, { bubbles: true }));
  };
  const press = (c, key) => c.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const there = (c, name, low, high) => () => set(c, name, c[name] === low ? high : low);
  const arrows = (c, ...keys) => () => { const was = last; press(c, keys[0]); if (seen() === was) press(c, keys[1]); };
  const ways = (c) => {
    if (c.type === "range") return [there(c, "value", c.min, c.max), there(c, "value", c.min, c.max)];
    if (c.tagName === "SELECT") return Array(2).fill(there(c, "selectedIndex", 0, c.options.length - 1));
    if (c.tagName === "DIV") return [arrows(c, "ArrowUp", "ArrowDown"), arrows(c, "ArrowLeft", "ArrowRight")];
    if (c.tagName === "g") return [() => c.focus()];
    return c.type === "checkbox" ? [() => c.click(), () => c.click()] : [() => c.click()];
  };
  const still = [], none = new Set(), image = panel.querySelector(".choose");
  const all = [...panel.querySelectorAll("input, select, button, [tabindex='0']:not(.scroll)")].reverse()
    .filter((c) => c.checkVisibility() && (c === image || !c.matches(".choose"))); // one image is like another
  for (const control of all) for (const act of ways(control)) {
    if (!moves(act)) still.push(control.outerHTML.slice(0, 120));
    for (const found of panel.innerHTML.replace(/data:[^"]*/g, "").match(/.{0,40}(NaN|undefined|Infinity)/g) || [])
      none.add(found);
  }
  return [all.length, still, [...none]];
}"""
MOVED = {  # controls of each panel, the bar of the page last
    "family": 3, "probability": 6, "forward": 1, "posterior": 2, "objective": 11, "network": 11, "training": 3,
    "reverse": 5, "latent_diffusion": 2, None: 2,
}  # fmt: skip

# the smallest letters of the drawings on the screen, in pixels
LETTERS = """() => Math.min(...[...document.querySelectorAll(".panel svg text")].filter((t) => t.checkVisibility())
  .map((t) => t.ownerSVGElement.getScreenCTM().a * parseFloat(getComputedStyle(t).fontSize)))"""


@pytest.fixture(scope="module")
def text():
    """The page of a model that has every chapter: on latents, conditioned on a text that its attention reads."""
    codec = Autoencoder(coder=tiny_latent.CODER, bottleneck=KL(channels=2), shift=(0.3, -0.2), scale=(1.5, 0.5))
    network = dataclasses.replace(
        tiny.NETWORK, vector_channels=0, transformer_depth=1, token_channels=6, pooled_tokens=True
    )
    model = fresh(codec=codec, data_std=1.0, network=network, conditioners=(TEXT,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chains, "STEPS", 12)
        patch.setattr(studies, "FULL", studies.Detail(budgets=(2, 4), reference_steps=8))
        return page(begin(model, prompt="a red apple", seed=5))


@pytest.mark.parametrize(("width", "language"), [(390, "fr"), (1920, "en")])
def test_every_control_moves_its_panel(browser, text, tmp_path, width, language):  # noqa: F811
    tab, complaints = opened(
        browser, tmp_path / "p.html", text, viewport={"width": width, "height": 900}, color_scheme="dark"
    )
    tab.click(f"[data-language={language}]")
    tab.fill("#t", "9")
    counts = {}
    for key in (*(chapter.key for chapter in CHAPTERS), None):
        counts[key], still, none = tab.eval_on_selector(f"#panel-{key}" if key else "#bar", SWEEP)
        assert still == [], (key, "moved by nothing")
        assert none == [], (key, "no number")
    assert counts == dict.fromkeys(counts, 0) | MOVED
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate(LETTERS) > 10.5
    assert complaints == []


@pytest.mark.parametrize("slide", [12, 17, 27, 32, 40])
def test_the_page_opens_at_the_slide_of_its_address(browser, text, tmp_path, slide):  # noqa: F811
    key = opens_at(SLIDES[slide - 1], [chapter.key for chapter in CHAPTERS])
    path = tmp_path / "p.html"
    path.write_text(text, "utf-8")
    tab = browser.new_context(offline=True, viewport={"width": 1920, "height": 900}).new_page()
    tab.goto(f"{path.as_uri()}#slide-{slide}")
    tab.wait_for_selector("body[data-ready]")
    top = tab.eval_on_selector(f"#{key}", "section => section.getBoundingClientRect().top")
    assert -50 < top < 250, "its chapter is at the top of the window"


def test_chains_of_one_and_two_steps_are_drawn(browser, tmp_path):  # noqa: F811
    """One step; and two of which the second leaves no signal, so that L_simple is 0 and the weight infinite there."""
    last = Tabulated(chain=Chain(steps=2, zero_terminal_snr=True))
    for study in (begin(chained(1), label=3), begin(unconditional(process=last, predicts="v"), seed=2)):
        tab, complaints = opened(browser, tmp_path / "p.html", page(study), viewport={"width": 390, "height": 900})
        for k in range(study.chain.chain.steps):
            tab.fill("#t", str(k))
        assert complaints == []
