"""Random weights in the layouts of torchvision's vgg16 and of LPIPS' heads, written from their papers."""

import torch

# index in torchvision's `features`: inputs, outputs
CONVOLUTIONS = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256),
                17: (256, 512), 19: (512, 512), 21: (512, 512), 24: (512, 512), 26: (512, 512),
                28: (512, 512)}  # fmt: skip


def random_vgg16() -> dict[str, torch.Tensor]:
    """With one tensor of the classifier, which is not read."""
    g, weights = torch.Generator().manual_seed(0), {"classifier.0.bias": torch.zeros(4096)}
    for index, (inside, outside) in CONVOLUTIONS.items():
        weights[f"features.{index}.weight"] = (
            torch.randn(outside, inside, 3, 3, generator=g) * (2 / (9 * inside)) ** 0.5
        )
        weights[f"features.{index}.bias"] = 0.1 * torch.randn(outside, generator=g)
    return weights


def random_heads() -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    return {
        f"lin{k}.model.1.weight": torch.rand(1, c, 1, 1, generator=g) for k, c in enumerate((64, 128, 256, 512, 512))
    }
