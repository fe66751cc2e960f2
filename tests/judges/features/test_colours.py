"""The histogram of colours."""

import numpy as np
import torch

from debruit.images.spec import DataSpec
from debruit.judges.extractor import Extractor
from debruit.judges.features.colours import LEVELS, ColourHistogram, shares


def test_shares_sum_to_one_and_keep_the_mean_colour():
    x = torch.rand(3, 3, 10, 12, generator=torch.Generator().manual_seed(0)) * 255
    found = shares(x)
    np.testing.assert_allclose(found.sum(dim=1), 1, atol=1e-5)
    bins = torch.cartesian_prod(*[torch.arange(LEVELS) * (255 / (LEVELS - 1))] * 3)
    np.testing.assert_allclose(found @ bins, x.mean(dim=(2, 3)), atol=1e-2)


def test_a_small_change_of_colour_changes_little():
    grey = lambda value: shares(torch.full((1, 3, 2, 2), float(value)))  # noqa: E731
    assert (grey(128) - grey(129)).abs().sum() < 0.25 < (grey(128) - grey(160)).abs().sum()


def test_it_is_an_extractor_of_images_of_any_channels():
    for channels in (1, 3, 4):
        spec = DataSpec(name="x", channels=channels, height=5, width=7, depth="uint8", low=0, high=255, count=2)
        found = ColourHistogram()(torch.zeros(2, channels, 5, 7, dtype=torch.uint8), spec)
        assert found.shape == (2, LEVELS**3)
        assert isinstance(ColourHistogram(), Extractor)
