"""Train the classifier that scores samples: a small CNN on the labels of Fashion-MNIST, with 128 features for the
Frechet distance.

The seed is fixed, training takes a few CPU minutes, and no file is written below 92 % accuracy on the 10,000 test
images. Scores are comparable only if they were measured with the same weights, so `score.py` prints the digest of their
file.

    python bench/fashion/classifier.py            # writes <cache>/bench/fashion-classifier.safetensors
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path

import numpy as np
import torch
from fashion_data import cache_root, load
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

REQUIRED = 0.92


def default_path() -> Path:
    """Return the path of the classifier between runs."""
    return cache_root() / "bench" / "fashion-classifier.safetensors"


def unit(inputs: int, outputs: int) -> nn.Sequential:
    """Return a 3x3 convolution, pooling by 2, batch norm and ReLU. Pooling comes first since it quarters the work of
    the others."""
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.MaxPool2d(2), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Classifier(nn.Module):
    """uint8 images (N, 28, 28) -> features (N, 128) -> logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(unit(1, 24), unit(24, 64), unit(64, 128), nn.Flatten())
        self.neck = nn.Linear(128 * 3 * 3, 128)
        self.head = nn.Linear(128, 10)

    def features(self, images: Tensor) -> Tensor:
        """Return the rectified activations before the last layer, (N, 128), of images (N, 28, 28), uint8 or float in
        0..255."""
        x = (images[:, None].float() - 72.94) / 90.02  # mean and deviation of the training pixels
        return F.relu(self.neck(self.body(x.contiguous(memory_format=torch.channels_last))))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, (N, 10)."""
        return self.head(F.dropout(self.features(images), 0.3, self.training))


def mirror(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror half of the images (N, 28, 28) left to right, which does not change their class."""
    chosen = torch.rand(len(images), 1, 1, generator=generator) < 0.5
    return torch.where(chosen, images.flip(-1), images)


def train(epochs: int, *, seed: int = 0, batch: int = 128) -> Classifier:
    """Train with AdamW and a one-cycle rate; print accuracy and time after each epoch."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    pixels, classes = load("train")
    images, labels = torch.from_numpy(pixels.copy()), torch.from_numpy(classes.astype(np.int64))
    model = Classifier().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.02)
    steps = len(images) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=epochs * steps)
    start = time.perf_counter()
    for epoch in range(epochs):
        model.train()
        for index in torch.randperm(len(images), generator=generator)[: steps * batch].split(batch):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(mirror(images[index], generator)), labels[index], label_smoothing=0.05)
            loss.backward()
            optimizer.step()
            schedule.step()
        print(
            f"epoch {epoch + 1}: test accuracy {accuracy(model):.4f}, {time.perf_counter() - start:.0f} s", flush=True
        )
    return model.eval()


@torch.inference_mode()
def accuracy(model: Classifier) -> float:
    """Return the share of the 10,000 test images that the model classifies correctly."""
    pixels, classes = load("test")
    predicted = torch.cat([model.eval()(part).argmax(1) for part in torch.from_numpy(pixels.copy()).split(500)])
    return float((predicted == torch.from_numpy(classes.astype(np.int64))).float().mean())


def load_classifier(path: Path | None = None) -> Classifier:
    """Return the trained classifier, ready for inference."""
    path = path or default_path()
    if not path.is_file():
        raise SystemExit(f"{path} is missing: run `python bench/fashion/classifier.py` (a few minutes)")
    model = Classifier()
    model.load_state_dict(load_file(path))
    return model.eval()


def digest(path: Path | None = None) -> str:
    """Return the first 12 hex digits of the file's SHA-256, which identify the classifier of a score."""
    return hashlib.sha256((path or default_path()).read_bytes()).hexdigest()[:12]


def main() -> None:
    """Train, check against REQUIRED, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=default_path())
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model = train(args.epochs, seed=args.seed)
    reached = accuracy(model)
    if reached < REQUIRED:
        raise SystemExit(f"test accuracy {reached:.4f} is below {REQUIRED}: raise --epochs; nothing was written")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, args.out)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count} parameters, test accuracy {reached:.4f}: {args.out} ({digest(args.out)})")


if __name__ == "__main__":
    main()
