"""The panel of guidance; and models that are conditioned on text, masks and images."""

import dataclasses

import numpy as np
import pytest
import tiny
import torch
from lessons import chained, fresh, labelled, unconditional
from PIL import Image as Picture

from debruit.conditioning.low_res import LowRes
from debruit.conditioning.mask import Mask
from debruit.conditioning.text import Text
from debruit.errors import InputError
from debruit.lecture import example, figures
from debruit.lecture.example import Example
from debruit.lecture.forward import forward
from debruit.lecture.guidance import guidance
from debruit.lecture.page import page
from debruit.lecture.reverse import reverse
from debruit.lecture.study import begin
from debruit.lecture.wording import facts
from debruit.networks.text_transformer import TextTransformer
from debruit.text.wordpiece import WordPiece

CAPTIONS = ["a black cat", "a white dog", "two owls"]


def test_the_two_guesses_and_their_distance(study):
    """The panel shows the model's own estimate, with and without its class, of the x_t of the forward chapter."""
    panel, k = guidance(study, images=1), 6
    i = torch.tensor([panel.steps[k]])
    abar = study.chain.chain.abar[i].float()
    x_t = abar.sqrt() * study.x0 + (1 - abar).sqrt() * study.noise()()
    denoiser, model = study.model.backbone.denoiser(), study.model
    with torch.inference_mode():
        for keep, expected in ((True, panel.conditional), (False, panel.unconditional)):
            cond = model.backbone.cond({"label": torch.tensor([3])}, {"label": torch.tensor([keep])})
            torch.testing.assert_close(denoiser(x_t, float(i) / 12, cond).x0[0], expected[k], rtol=1e-4, atol=1e-5)
    ratio = (study.chain.chain.abar / (1 - study.chain.chain.abar)).sqrt()[panel.steps].float()
    torch.testing.assert_close(panel.noise_gap, panel.clean_gap * ratio, rtol=1e-2, atol=1e-5)
    assert (panel.clean_gap > 0).all()


def test_each_picture_is_what_generate_draws_at_that_weight(study):
    panel = guidance(study, weights=(0.0, 1.0, 4.0), images=2)
    for weight, cost, images in zip(panel.weights, panel.evaluations, panel.images, strict=True):
        assert torch.equal(images, study.model.generate(2, seed=5, label=3, guidance=weight))
        assert cost == (6 if weight == 4 else 3)
    assert len(figures.guidance_weights(panel, study.model.config.data).axes) == 2 * 3


def test_where_nothing_can_be_guided_there_is_no_chapter():
    assert guidance(begin(unconditional())) is None
    assert guidance(begin(fresh(conditioners=labelled(drop=0.0)), label=1)) is None
    study = begin(chained())
    dropped = dataclasses.replace(study, given=study.given.dropped(study.model.config))
    assert guidance(dropped) is None, "a condition that is dropped everywhere"
    assert '<section id="guidance">' not in page(begin(unconditional(), steps=4))


def text_and_mask_model(**changes):
    """A model of text and masks on 8 x 8 digits."""
    text = Text(tokenizer=WordPiece.train(CAPTIONS, 64), encoder=TextTransformer(width=8, depth=1, heads=1, length=8))
    mask = Mask(**changes)
    network = dataclasses.replace(
        tiny.NETWORK, vector_channels=0, token_channels=8, transformer_depth=1, spatial_channels=mask.channels
    )
    names = {"mask_names": ("none", "cat"), "palette": ((0, 0, 0), (255, 0, 0))}
    return fresh(data=dataclasses.replace(tiny.run().model.data, **names), conditioners=(text, mask), network=network)


@pytest.fixture
def held_out(monkeypatch):
    """Held-out images with everything."""
    mask = torch.zeros(1, 8, 8, dtype=torch.uint8)
    mask[:, 2:6] = 1
    image = torch.randint(0, 256, (1, 1, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    held = Example(
        image=image,
        origin=("here", "ici"),
        conditions={"label": torch.tensor([4]), "text": ["a black cat"], "mask": mask},
    )
    monkeypatch.setattr(example, "held_out", lambda *a, **k: held)
    return held


def test_an_image_is_explained_under_its_own_text_and_mask(held_out, short):
    model = text_and_mask_model()
    study = begin(model)
    assert set(study.values) == {"text", "mask"}
    assert torch.equal(study.values["mask"][0], held_out.conditions["mask"][0])
    assert torch.equal(
        study.values["text"], model.config.conditioners[0].parse("a black cat", range(1), model.config.data)
    )
    cond = study.cond(3, True)
    assert (cond.tokens.shape[0], cond.spatial.shape[0]) == (3, 3)
    assert not torch.equal(cond.tokens, study.cond(3, False).tokens)
    english, french = facts(study)[4][1]
    assert english.startswith("text “a black cat”, the image's own mask")
    assert french.startswith("texte « a black cat », le masque de l'image")
    assert guidance(study, weights=(2.0,), images=1).evaluations == (6,)
    both = reverse(study, images=2)
    assert both.printed.x_next.isfinite().all()
    assert both.own.x_next.isfinite().all()


def test_a_prompt_takes_the_place_of_the_caption(held_out):
    model = text_and_mask_model()
    study = begin(model, prompt="two owls")
    assert torch.equal(
        study.values["text"], model.config.conditioners[0].parse("two owls", range(1), model.config.data)
    )
    assert study.prompt == "two owls"
    assert set(begin(model, prompt="").values) == {"mask"}, "an empty one means none"


def test_a_picture_without_words_is_seen_without_them(tmp_path):
    path = tmp_path / "a.png"
    Picture.fromarray(np.zeros((8, 8), np.uint8)).save(path)
    assert begin(text_and_mask_model(), path).values == {}
    assert begin(text_and_mask_model(), path, prompt="a black cat").prompt == "a black cat"
    with pytest.raises(InputError, match="was never trained without its mask: leave --image out"):
        begin(text_and_mask_model(drop=0.0), path)
    with pytest.raises(InputError, match="a prompt was given, but this model was trained with label"):
        begin(fresh(), path, prompt="a cat")
    with pytest.raises(
        InputError, match="was never trained without its mask, and its training data, which has them, is not available"
    ):
        begin(text_and_mask_model(drop=0.0))


def test_a_condition_made_of_the_image_is_always_known(held_out, short):
    image = LowRes(scale=2)
    width = image.width(tiny.run().model.data, 1)
    network = dataclasses.replace(tiny.NETWORK, vector_channels=0, spatial_channels=width)
    study = begin(fresh(conditioners=(image,), network=network), steps=4)
    assert set(study.values) == {"low-res"}
    assert forward(study).x0_hat.isfinite().all()
    assert "made from the image" in facts(study)[4][1][0]
