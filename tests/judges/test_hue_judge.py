"""Hues and masks by colour terms: what makes the emoji's captions and masks sees the same in the finished images."""

from dataclasses import replace

import numpy as np
import torch

import judging_styles
from debruit.data.sources.drawings.colour_words import NAMES, PALETTE, classes, dominant_hue
from debruit.data.sources.drawings.masks import segment
from debruit.judges.hues import dominant_hues, in_colour
from debruit.judges.segmentation import by_colour, find_segmentation


def test_the_dominant_hue_is_that_of_the_captions():
    images = np.random.default_rng(0).integers(0, 256, (30, 3, 8, 8), dtype=np.uint8)
    images[:15] = images[:15, :, :1, :1]  # of one colour
    expected = [dominant_hue(np.moveaxis(image, 0, -1)) for image in images]
    shown = dominant_hues(torch.from_numpy(images)).tolist()
    assert shown[15:] == expected[15:]
    assert all(theirs in (ours, -1) for ours, theirs in zip(shown, expected, strict=True))
    grey = torch.full((1, 3, 4, 4), 128, dtype=torch.uint8)
    assert NAMES[dominant_hues(grey)[0]] == "grey"


def test_only_colour_has_hues():
    spec = judging_styles.styled().spec
    assert in_colour(spec)
    assert not in_colour(replace(spec, channels=1))
    assert not in_colour(replace(spec, depth="float32"))


def test_emoji_are_segmented_by_the_rule_of_their_masks():
    data = judging_styles.styled(only=slice(20))
    spec = replace(data.spec, name="emoji", mask_names=NAMES, palette=PALETTE)
    assert by_colour(spec)
    assert not by_colour(replace(spec, name="mine"))
    assert not by_colour(replace(spec, mask_names=(), palette=()))
    data.spec = spec
    found = find_segmentation(data, np.empty(0, np.int64))
    images = data.images_of(np.arange(20))
    masks = found(images, spec)
    np.testing.assert_array_equal(masks, segment(images.numpy()))
    flat = [n for n in range(20) if data.paths[n].startswith("flat/")]
    plain = classes(np.moveaxis(images.numpy(), 1, -1))
    assert (masks[flat] == plain[flat]).mean() > 0.95, "blocks of one colour"
