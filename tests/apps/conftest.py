"""A look-alike of Fashion-MNIST in the cache, for the commands that name it."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def fashion_look_alike(tmp_path, monkeypatch):
    """A cache of this test's with 60 noise images in the files of Fashion-MNIST."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("DEBRUIT_CACHE", str(cache))
    folder = Path(cache) / "sources" / "fashion-mnist"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for part in ("train", "t10k"):
        pixels, labels = generator.integers(0, 256, (60, 28, 28), dtype=np.uint8), np.arange(60, dtype=np.uint8) % 10
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(
            gzip.compress(struct.pack(">4I", 2051, 60, 28, 28) + pixels.tobytes())
        )
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(
            gzip.compress(struct.pack(">2I", 2049, 60) + labels.tobytes())
        )
