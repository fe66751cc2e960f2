"""The maps of EfficientNet-Lite0 between its stages, against the implementation whose weights it reads."""

import pytest
import torch

from debruit.networks.pretrained.efficientnet import STAGES, EfficientNetLite0, EfficientNetMaps, packaged_weights


@pytest.fixture(scope="module")
def weights():
    return packaged_weights()


def test_maps_are_those_of_the_independent_implementation(weights):
    from efficientnet_lite_pytorch import EfficientNet

    oracle = EfficientNet.from_name("efficientnet-lite0")
    oracle.load_state_dict(weights)
    oracle.eval()
    x = torch.randn(2, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        h = oracle._swish(oracle._bn0(oracle._conv_stem(x)))
        expected, block = [h], 0
        for blocks, *_ in STAGES:
            for _ in range(blocks):
                h = oracle._blocks[block](h)
                block += 1
            expected.append(h)
        found = EfficientNetMaps(weights, tuple(range(8)))(x)
    assert len(found) == 8
    for mine, its in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-3, atol=1e-4)


def test_nothing_is_built_beyond_the_last_stage_and_order_does_not_matter(weights):
    found = EfficientNetMaps(weights, (3, 1))
    assert len(found.stages) == 3
    x = torch.randn(1, 3, 32, 32)
    shapes = [tuple(m.shape[1:]) for m in found(x)]
    assert shapes == [(16, 16, 16), (40, 4, 4)]
    assert (
        sum(p.numel() for p in found.parameters())
        < sum(p.numel() for p in EfficientNetLite0(weights).parameters()) / 20
    )


@pytest.mark.parametrize("side", [16, 17, 23, 31, 45])
def test_maps_exist_at_odd_sizes(weights, side):
    maps = EfficientNetMaps(weights, (1, 2, 3, 4))(torch.randn(1, 3, side, 16))
    assert [m.shape[2] for m in maps] == [side // 2, side // 4, side // 8, side // 16]
