"""Windows of images at random positions."""

import torch

from debruit.data.windows import windows
from debruit.rng import Purpose


def numbered(count: int, height: int, width: int) -> torch.Tensor:
    """Images whose values tell where they stand: 100 y + x."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (100 * y + x)[None, None].expand(count, 2, height, width)


def test_a_window_is_a_part_of_its_image_and_all_positions_occur():
    found = windows(numbered(500, 6, 5), 4, 0, 0, purpose=Purpose.CROP)
    assert found.shape == (500, 2, 4, 4)
    corners = found[:, 0, 0, 0]
    assert torch.equal(found, corners[:, None, None, None] + numbered(500, 4, 4))
    assert sorted(set(corners.tolist())) == [0, 1, 100, 101, 200, 201]
    shares = torch.bincount(corners)[[0, 1, 100, 101, 200, 201]] / 500
    assert ((shares - 1 / 6).abs() < 4 * (5 / 36 / 500) ** 0.5).all(), "equally likely"


def test_they_depend_on_the_position_in_the_training_alone():
    images = torch.randint(0, 256, (8, 3, 9, 9), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    whole = windows(images, 5, 7, 16, purpose=Purpose.CROP)
    halves = [windows(images[k : k + 4], 5, 7, 16 + k, purpose=Purpose.CROP) for k in (0, 4)]
    assert torch.equal(whole, torch.cat(halves))
    assert not torch.equal(whole, windows(images, 5, 8, 16, purpose=Purpose.CROP)), "another seed"


def test_a_window_of_the_whole_size_is_the_image():
    images = numbered(2, 4, 4)
    assert torch.equal(windows(images, 4, 0, 0, purpose=Purpose.CROP), images)
