"""What the data tests share: a cache of their own, images made from noise, and a look-alike of Fashion-MNIST."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from debruit import events
from emoji_packages import write_all


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache, for this test alone."""
    monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory, worker_id) -> Path:
    """A cache for all tests of this run, also of other workers: for sources that are slow to build."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "shared-cache"
    write_fashion_mnist(folder / "sources" / "fashion-mnist")
    if not (folder / "sources" / "emoji").exists():
        write_all(folder / "sources" / "emoji", ("noto", "twemoji"))
    return folder


@pytest.fixture(scope="session")
def worker_id(request) -> str:
    """As pytest-xdist names it, which may not be there."""
    return getattr(request.config, "workerinput", {}).get("workerid", "master")


@pytest.fixture
def heard():
    """The lines and notices that are reported in this test, in order."""
    lines: list[str] = []
    with events.listen(lambda event: lines.append(event.message) if event.message else None):
        yield lines


@pytest.fixture
def noise():
    """noise(height, width, channels, dtype): the same values every time for the same arguments."""

    def make(height: int, width: int, channels: int = 3, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
        top = {"uint8": 256, "uint16": 65536}[dtype]
        values = np.random.default_rng(seed).integers(0, top, (height, width, channels), dtype=dtype)
        return values[..., 0] if channels == 1 else values

    return make


@pytest.fixture
def folder(tmp_path):
    """folder({"a/b.png": array or image or bytes}, "photos"): the path of a folder that holds them."""

    def make(files: dict, name: str = "photos") -> Path:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        for inside, content in files.items():
            path = root / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                image = content if isinstance(content, Image.Image) else Image.fromarray(content)
                image.save(path, **({"lossless": True} if path.suffix == ".webp" else {}))
        return root

    return make


@pytest.fixture
def png16():
    return encode_png16


@pytest.fixture
def png_header():
    """A PNG that says that it is so large, and holds nothing."""

    def make(height: int, width: int) -> bytes:
        return encode_png(struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), b"")

    return make


@pytest.fixture
def fashion_mnist(cache) -> Path:
    return write_fashion_mnist(cache / "sources" / "fashion-mnist")


@pytest.fixture
def write_idx_files():
    return write_fashion_mnist


def encode_png16(pixels: np.ndarray) -> bytes:
    """(H, W, C) uint16 as a PNG of 16 bits: grey, grey and alpha, RGB or RGBA. Pillow writes only the first."""
    height, width, channels = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return encode_png(struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0), rows)


def encode_png(header: bytes, rows: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def write_fashion_mnist(place: Path, counts: tuple[tuple[str, int], ...] = (("train", 40), ("t10k", 20))) -> Path:
    """Files of the same layout, with few images of noise."""
    place.mkdir(parents=True, exist_ok=True)
    for split, count in counts:
        images = np.random.default_rng(count).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        for name, header, values in (
            (f"{split}-images-idx3-ubyte.gz", struct.pack(">4I", 2051, count, 28, 28), images),
            (f"{split}-labels-idx1-ubyte.gz", struct.pack(">2I", 2049, count), labels),
        ):
            (place / name).write_bytes(gzip.compress(header + values.tobytes(), mtime=0))
    return place
