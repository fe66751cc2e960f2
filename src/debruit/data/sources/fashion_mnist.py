"""Fashion-MNIST: 60,000 + 10,000 grey photographs of garments, 28 x 28, ten classes (Xiao, Rasul & Vollgraf 2017,
MIT).

The files are IDX: a big-endian magic number (2051 for images, 2049 for labels), the extents, then bytes.
"""

import gzip
import hashlib
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Self

import numpy as np

from debruit.data.dataset import Dataset
from debruit.data.ingest.cache import Item, Recording, stored
from debruit.data.sources.install import download, unpack_debian
from debruit.errors import InputError, unknown
from debruit.files.keys import File, content_key, source_folder, storage
from debruit.images.spec import DataSpec

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SPLITS = {"train": "train", "test": "t10k"}
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049
PACKAGE = "dataset-fashion-mnist"
ADDRESS = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # where Debian installs it
SHA256 = {  # of the files' content: the Debian package has compressed them anew
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


@dataclass(frozen=True, kw_only=True)
class FashionMnist:
    """60,000 garments in grey, 28x28, 10 classes; fashion-mnist/test for the 10,000 held out. Files in `folder`, or
    fetched."""

    split: str = "train"
    folder: str | None = None
    name: ClassVar[str] = "fashion-mnist"

    def __post_init__(self):
        if self.split not in SPLITS:
            raise unknown("split of fashion-mnist", self.split, SPLITS)

    @classmethod
    def part(cls, split: str) -> Self:
        """fashion-mnist/test: the images that are held out."""
        return cls(split=split)

    def build(self) -> Dataset:
        """Map the garments, unpacking them the first time."""
        images, labels = self._files()
        status = [(path, path.stat()) for path in (images, labels)]
        files = [File.of(path.name, s) for path, s in status]
        key = content_key(images.parent, files, [self.name, self.split])
        return stored(key, self._recording)

    def check(self) -> str:
        """Return a description of the data. InputError: a file is missing, or not the published one."""
        for split in SPLITS:
            for path in FashionMnist(split=split, folder=self.folder)._files():
                if _digest(path) != SHA256[path.name.removesuffix(".gz")]:
                    raise InputError(
                        f"{path} is not the published file, it may be damaged: delete it and run "
                        f"`debruit data get {self.name}`"
                    )
        return f"60,000 + 10,000 images of 28 x 28 pixels in 10 classes, checksums right, in {path.parent}"

    def obtain(self) -> None:
        """Fetch the four files: from the Debian package, else from the data set's public address."""
        target = source_folder(self.name)
        with storage():
            target.mkdir(parents=True, exist_ok=True)
        with storage(), tempfile.TemporaryDirectory(dir=target, suffix=".part") as folder:
            problem = unpack_debian(PACKAGE, Path(folder))
            unpacked = {path.name: path for path in Path(folder).rglob("*-ubyte.gz")}
            for name in SHA256:
                fetched = unpacked.get(f"{name}.gz") or Path(folder) / f"{name}.gz"
                if not fetched.exists() and (refused := download(f"{ADDRESS}{name}.gz", fetched)):
                    raise InputError(
                        f"{self.name} could not be fetched: {PACKAGE}: {problem}; {refused}; put its four "
                        f"idx.gz files into {target} yourself"
                    )
                shutil.copyfile(fetched, fetched.with_name("whole"))
                fetched.with_name("whole").replace(target / f"{name}.gz")

    def _files(self) -> tuple[Path, Path]:
        folders = [Path(self.folder)] if self.folder else [source_folder(self.name), SYSTEM_FOLDER]
        prefix = SPLITS[self.split]
        images, labels = (_find(folders, f"{prefix}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
        if images is None or labels is None:
            raise InputError(
                f"the files of {self.name} are not in {folders[0]}: run `debruit data get {self.name}`, or set "
                f"`folder` to where {prefix}-images-idx3-ubyte.gz and its labels are"
            )
        return images, labels

    def _recording(self) -> Recording:
        images, labels = self._files()
        with _reading(labels) as file:
            (count,) = _header(file, labels, LABELS_MAGIC, 1)
            known = np.frombuffer(_exactly(file, count, labels), dtype=np.uint8)
        with _reading(images) as file:
            total, height, width = _header(file, images, IMAGES_MAGIC, 3)
        if total != count or not total or known.max() >= len(CLASSES):
            raise InputError(
                f"{images} has {total:,} images and {labels.name} {count:,} labels of 0 to {max(known, default=0)}: "
                "they do not belong together"
            )
        spec = DataSpec(
            name=self.name,
            channels=1,
            height=height,
            width=width,
            depth="uint8",
            low=0,
            high=255,
            count=total,
            class_names=CLASSES,
            lettered=True,
        )
        return Recording(spec=spec, items=self._items(images, known, (1, height, width)), total=total, origin=self.name)

    def _items(self, images: Path, known: np.ndarray, shape: tuple[int, int, int]) -> Iterator[Item]:
        with _reading(images) as file:
            _header(file, images, IMAGES_MAGIC, 3)
            for n, label in enumerate(known):
                pixels = np.frombuffer(_exactly(file, shape[1] * shape[2], images), dtype=np.uint8)
                yield Item(f"{self.split} {n}", pixels.reshape(shape), int(label))


def _find(folders: list[Path], name: str) -> Path | None:
    return next((path for folder in folders for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def _digest(path: Path) -> str:
    try:
        with _reading(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, EOFError, zlib.error):
        return "damaged"


def _reading(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")


def _header(file: IO[bytes], path: Path, magic: int, extents: int) -> tuple[int, ...]:
    number, *sizes = struct.unpack(f">{1 + extents}I", _exactly(file, 4 + 4 * extents, path))
    if number != magic:
        raise InputError(f"{path} is no IDX file of this kind: it begins with {number} instead of {magic}")
    return tuple(sizes)


def _exactly(file: IO[bytes], count: int, path: Path) -> bytes:
    try:
        data = file.read(count)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is damaged ({error}): delete it and run `debruit data get fashion-mnist`") from None
    if len(data) < count:
        raise InputError(f"{path} is cut short: delete it and run `debruit data get fashion-mnist`")
    return data
