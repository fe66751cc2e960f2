"""Random weights in the layout of pt_inception-2015-12-05, written from the paper's tables, not from the network under
test."""

import torch

# block: (name, input, output, kernel height, kernel width)
STEM = [("Conv2d_1a_3x3", 3, 32, 3, 3), ("Conv2d_2a_3x3", 32, 32, 3, 3), ("Conv2d_2b_3x3", 32, 64, 3, 3),
        ("Conv2d_3b_1x1", 64, 80, 1, 1), ("Conv2d_4a_3x3", 80, 192, 3, 3)]  # fmt: skip


def block_a(name, inside, pool):
    return [
        (f"{name}.branch1x1", inside, 64, 1, 1),
        (f"{name}.branch5x5_1", inside, 48, 1, 1),
        (f"{name}.branch5x5_2", 48, 64, 5, 5),
        (f"{name}.branch3x3dbl_1", inside, 64, 1, 1),
        (f"{name}.branch3x3dbl_2", 64, 96, 3, 3),
        (f"{name}.branch3x3dbl_3", 96, 96, 3, 3),
        (f"{name}.branch_pool", inside, pool, 1, 1),
    ]


def block_c(name, wide):
    return [
        (f"{name}.branch1x1", 768, 192, 1, 1),
        (f"{name}.branch7x7_1", 768, wide, 1, 1),
        (f"{name}.branch7x7_2", wide, wide, 1, 7),
        (f"{name}.branch7x7_3", wide, 192, 7, 1),
        (f"{name}.branch7x7dbl_1", 768, wide, 1, 1),
        (f"{name}.branch7x7dbl_2", wide, wide, 7, 1),
        (f"{name}.branch7x7dbl_3", wide, wide, 1, 7),
        (f"{name}.branch7x7dbl_4", wide, wide, 7, 1),
        (f"{name}.branch7x7dbl_5", wide, 192, 1, 7),
        (f"{name}.branch_pool", 768, 192, 1, 1),
    ]


def block_e(name, inside):
    return [
        (f"{name}.branch1x1", inside, 320, 1, 1),
        (f"{name}.branch3x3_1", inside, 384, 1, 1),
        (f"{name}.branch3x3_2a", 384, 384, 1, 3),
        (f"{name}.branch3x3_2b", 384, 384, 3, 1),
        (f"{name}.branch3x3dbl_1", inside, 448, 1, 1),
        (f"{name}.branch3x3dbl_2", 448, 384, 3, 3),
        (f"{name}.branch3x3dbl_3a", 384, 384, 1, 3),
        (f"{name}.branch3x3dbl_3b", 384, 384, 3, 1),
        (f"{name}.branch_pool", inside, 192, 1, 1),
    ]


LAYERS = [
    *STEM, *block_a("Mixed_5b", 192, 32), *block_a("Mixed_5c", 256, 64), *block_a("Mixed_5d", 288, 64),
    ("Mixed_6a.branch3x3", 288, 384, 3, 3), ("Mixed_6a.branch3x3dbl_1", 288, 64, 1, 1), ("Mixed_6a.branch3x3dbl_2",
    64, 96, 3, 3),
    ("Mixed_6a.branch3x3dbl_3", 96, 96, 3, 3), *block_c("Mixed_6b", 128), *block_c("Mixed_6c", 160),
    *block_c("Mixed_6d", 160),
    *block_c("Mixed_6e", 192), ("Mixed_7a.branch3x3_1", 768, 192, 1, 1), ("Mixed_7a.branch3x3_2", 192, 320, 3, 3),
    ("Mixed_7a.branch7x7x3_1", 768, 192, 1, 1), ("Mixed_7a.branch7x7x3_2", 192, 192, 1, 7), ("Mixed_7a.branch7x7x3_3",
    192, 192, 7, 1),
    ("Mixed_7a.branch7x7x3_4", 192, 192, 3, 3), *block_e("Mixed_7b", 1280), *block_e("Mixed_7c", 2048),
]  # fmt: skip


def random_weights() -> dict[str, torch.Tensor]:
    """As large as the released file, without its last layer."""
    g, weights = torch.Generator().manual_seed(0), {}
    for name, inside, outside, high, wide in LAYERS:
        fan = inside * high * wide
        weights[f"{name}.conv.weight"] = torch.randn(outside, inside, high, wide, generator=g) * (2 / fan) ** 0.5
        weights[f"{name}.bn.weight"] = 1 + 0.1 * torch.randn(outside, generator=g)
        weights[f"{name}.bn.bias"] = 0.1 * torch.randn(outside, generator=g)
        weights[f"{name}.bn.running_mean"] = 0.1 * torch.randn(outside, generator=g)
        weights[f"{name}.bn.running_var"] = 1 + 0.1 * torch.rand(outside, generator=g)
    return weights
