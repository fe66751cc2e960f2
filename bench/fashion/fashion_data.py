"""Fashion-MNIST for the benchmark, directly from its four idx files: uint8 images (N, 28, 28) and labels (N,).

The benchmark reads the files itself, so that no change to the package's loader can change a score. They are expected in
`<cache>/sources/fashion-mnist`, where `debruit data get fashion-mnist` puts them; `<cache>` is $DEBRUIT_CACHE or
`~/.cache/debruit`. Format: Xiao, Rasul & Vollgraf 2017, after LeCun's MNIST.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np

CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
HEADERS = {"images-idx3": 16, "labels-idx1": 8}


def cache_root() -> Path:
    """Return $DEBRUIT_CACHE, or `~/.cache/debruit`."""
    return Path(os.environ.get("DEBRUIT_CACHE") or Path.home() / ".cache" / "debruit")


def read_idx(kind: str, split: str) -> np.ndarray:
    """Return the bytes of one idx file after its header, flat. `kind` is a key of HEADERS, `split` is "train" or
    "test"."""
    prefix = {"train": "train", "test": "t10k"}[split]
    path = cache_root() / "sources" / "fashion-mnist" / f"{prefix}-{kind}-ubyte.gz"
    if not path.is_file():
        raise SystemExit(f"{path} is missing: run `debruit data get fashion-mnist`, or set DEBRUIT_CACHE")
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=HEADERS[kind])


def load(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 (N, 28, 28), and labels, uint8 (N,), of "train" (60,000) or "test" (10,000)."""
    return read_idx("images-idx3", split).reshape(-1, 28, 28), read_idx("labels-idx1", split)


def balanced_labels(count: int) -> np.ndarray:
    """Return `count` labels with every class equally often (to within one), in order: 0 ... 0 1 ... 1 ... 9."""
    return np.arange(count) * len(CLASSES) // count


def save_grid(images: np.ndarray, labels: np.ndarray, path: Path, *, columns: int = 12, scale: int = 2) -> None:
    """Write a PNG of uint8 images (N, H, W): a row per class, its first `columns` images, enlarged `scale` times."""
    from PIL import Image

    height, width = images.shape[1:]
    sheet = np.zeros((len(CLASSES) * height, columns * width), dtype=np.uint8)
    for row in range(len(CLASSES)):
        for column, image in enumerate(images[labels == row][:columns]):
            sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = image
    size = (sheet.shape[1] * scale, sheet.shape[0] * scale)
    Image.fromarray(sheet).resize(size, Image.Resampling.NEAREST).save(path)
