"""A folder of images, end to end: shapes, classes, mixtures, and every bad input that a folder can hold."""

import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from debruit import config
from debruit.data.sources.folder import Folder
from debruit.errors import InputError
from debruit.overrides import override


def test_items_and_batches(folder, noise):
    root = folder({f"{kind}/{n}.png": noise(8, 12, seed=n) for kind in ("cat", "dog") for n in range(3)})
    dataset = Folder(path=str(root)).build()
    assert dataset.spec.shape == (3, 8, 12)
    assert dataset.spec.class_names == ("cat", "dog")
    assert dataset.spec.lettered
    assert (dataset.spec.low, dataset.spec.high) == (0, 255)
    assert dataset.paths == ("cat/0.png", "cat/1.png", "cat/2.png", "dog/0.png", "dog/1.png", "dog/2.png")
    batch = dataset.batch([5, 0, 0])
    assert batch["label"].tolist() == [1, 0, 0]
    assert batch["label"].dtype == torch.int64
    for image, n in zip(batch["image"], (2, 0, 0), strict=True):
        np.testing.assert_array_equal(image.numpy(), noise(8, 12, seed=n).transpose(2, 0, 1))
    item = dataset[5]
    assert item["label"] == 1
    assert torch.equal(item["image"], batch["image"][0])
    assert len(list(dataset)) == len(dataset) == 6
    assert torch.equal(dataset[-1]["image"], item["image"])


def test_unlabelled_by_wish_and_by_layout(folder, noise, heard):
    root = folder({"2021/a.png": noise(8, 8), "2022/b.png": noise(8, 8)})
    assert Folder(path=str(root)).build().spec.class_names == ("2021", "2022")
    dataset = Folder(path=str(root), labelled=False).build()
    assert dataset.spec.class_names == ()
    assert not dataset.spec.lettered
    assert set(dataset.batch([0])) == {"image"}
    assert "not taken as labels" in "\n".join(heard)


def test_mixture_of_everything(folder, noise, png16, heard):
    grey16 = noise(30, 50, 1, "uint16") // 16
    root = folder(
        {
            "a.png": noise(40, 40),
            "b.jpg": noise(50, 30),
            "c.webp": noise(64, 100),
            "d.tif": noise(33, 35, 1),
            "e.bmp": noise(40, 40, 1),
            "f.gif": noise(40, 44, 1),
            "deep/er/g.png": png16(grey16[..., None]),
            "h.png": noise(40, 40, 4),
            "readme.txt": b"hello",
            "i.heic": b"x",
        }
    )
    dataset = Folder(path=str(root), size=16).build()
    assert len(dataset) == 8
    assert dataset.spec.shape == (3, 16, 16)
    assert dataset.spec.depth == "uint16"
    assert dataset.spec.high == 65535
    assert dataset.batch(range(8))["image"].dtype == torch.uint16
    text = "\n".join(heard)
    assert "grey and colour images: all become colour" in text
    assert "images of different depths: all become uint16" in text
    assert "images of 35 x 33 to 100 x 64 pixels" in text
    assert "transparency in 1 image: laid on white" in text
    assert "ignored 1 .heic" in text
    assert ".txt" not in text


@pytest.mark.parametrize(
    ("top", "high"), [(200, 255), (255, 255), (256, 511), (4095, 4095), (4096, 8191), (65535, 65535)]
)
def test_sixteen_bit_range_is_the_smallest_that_covers_the_data(folder, noise, top, high):
    pixels = noise(8, 8, 1, "uint16") % top
    pixels[0, 0] = top
    spec = Folder(path=str(folder({"a.png": pixels}))).build().spec
    assert (spec.depth, spec.low, spec.high) == ("uint16", 0, high)


def test_float_range_is_measured(folder):
    values = np.linspace(-3, 5, 64, dtype=np.float32).reshape(8, 8)
    dataset = Folder(path=str(folder({"a.tif": values, "b.tif": values / 2}))).build()
    assert (dataset.spec.depth, dataset.spec.low, dataset.spec.high) == ("float32", -3, 5)
    x = dataset.spec.to_model(dataset.batch([0, 1])["image"])
    assert (x.min(), x.max()) == (-1, 1)
    torch.testing.assert_close(dataset.spec.from_model(x), dataset.batch([0, 1])["image"])
    constant = Folder(path=str(folder({"a.tif": np.ones((8, 8), np.float32)}, "constant"))).build().spec
    assert constant.high > constant.low


@pytest.mark.parametrize(
    ("sizes", "wanted", "expected"),
    [
        ([(28, 28)] * 3, None, (28, 28)),
        ([(128, 90)] * 3, None, (128, 90)),
        ([(200, 300)] * 2, None, (64, 64)),
        ([(50, 70), (51, 90), (300, 52)], None, (48, 48)),
        ([(5, 7), (7, 5)], None, (5, 5)),
        ([(28, 28)] * 2, 16, (16, 16)),
        ([(28, 28)] * 2, (12, 20), (12, 20)),
        ([(28, 28), (40, 20)], (9,), (9, 9)),
    ],
)
def test_sizes(folder, noise, sizes, wanted, expected):
    root = folder({f"{n}.png": noise(*size) for n, size in enumerate(sizes)})
    assert Folder(path=str(root), size=wanted).build().spec.shape == (3, *expected)


def test_a_coloured_background_makes_grey_data_coloured(folder):
    image = Image.merge("LA", [Image.new("L", (8, 8), 100), Image.new("L", (8, 8), 0)])
    root = folder({"a.png": image})
    assert Folder(path=str(root)).build().spec.channels == 1
    dataset = Folder(path=str(root), background="red").build()
    assert (dataset[0]["image"].numpy() == np.array([255, 0, 0])[:, None, None]).all()


def test_unreadable_images_are_skipped_with_one_line_each_and_a_total(folder, noise, png_header, heard):
    good = folder({"z.png": noise(32, 32)}, "scratch") / "z.png"
    root = folder(
        {
            "a/good.png": noise(8, 8),
            "b/good.png": noise(8, 8),
            "a/zero.png": b"",
            "a/cut.png": good.read_bytes()[:-300],
            "b/text.jpg": b"no image",
            "b/bomb.png": png_header(20_000, 20_000),
        }
    )
    source = Folder(path=str(root), size=8)
    for _ in range(2):  # from the files, then from the cache
        heard.clear()
        dataset = source.build()
        lines = [line for line in heard if line.startswith("skipped")]
        assert len(lines) == 5
        assert any(line.startswith("skipped a/zero.png: zero bytes") for line in lines)
        assert any(line.startswith("skipped a/cut.png: ") and "truncated" in line for line in lines)
        assert any(line.startswith("skipped b/text.jpg: damaged") for line in lines)
        assert any(line.startswith("skipped b/bomb.png: 20,000 x 20,000 pixels, more than") for line in lines)
        assert lines[-1] == "skipped 4 of 6 images"
    assert dataset.paths == ("a/good.png", "b/good.png")
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1]


def test_none_readable_after_all(folder, noise, cache, png_header):
    root = folder({"a.png": png_header(20_000, 20_000)})
    with pytest.raises(InputError, match=r"none of the 1 images in .* can be read \(the first, a.png: 20,000 x 20,000"):
        Folder(path=str(root)).build()
    assert not list((cache / "data").iterdir())


@pytest.mark.filterwarnings("error")
def test_a_very_wide_image_is_used(folder, noise):
    root = folder({"wide.png": Image.new("L", (20_000, 50), 9), "other.png": noise(60, 60, 1)})
    dataset = Folder(path=str(root)).build()
    assert dataset.spec.shape == (1, 48, 48)
    assert (dataset[1]["image"] == 9).all()


@pytest.mark.parametrize("size", [0, -1, 5000, (), (1, 2, 3), (8, 0)])
def test_impossible_sizes(size):
    with pytest.raises(InputError, match=r"size .* is not allowed: give a side from 1 to 4096"):
        Folder(path=".", size=size)


def test_unknown_background():
    with pytest.raises(InputError, match="unknown background colour 'whit', did you mean 'white'"):
        Folder(path=".", background="whit")


@pytest.mark.parametrize("size", [None, 64, (48, 64)])
def test_config_survives_json(size):
    source = Folder(path="x", size=size, background="black", labelled=False)
    assert config.decode(config.encode(source), type(source)) == source


def test_size_can_be_set_from_the_command_line():
    source = Folder(path="x")
    assert override(source, "size=64")._sides() == (64,)
    assert override(source, "size=48,64").size == (48, 64)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


MEMORY = """
import resource, sys
import numpy as np
import debruit.data.dataset
from debruit.data.sources.folder import Folder
debruit.data.dataset.RELEASE_BYTES = 8 * 2**20
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
Folder(path=sys.argv[2]).build()  # whatever is loaded once is loaded now
start = peak()
dataset = Folder(path=sys.argv[1], size=192).build()
total = sum(int(chunk.sum()) for chunk in dataset.chunks(32))
print(dataset.images.nbytes / 2**20, peak() - start, total)
"""


def test_memory_stays_bounded_while_building_and_reading(folder, noise):
    """A child process decodes 63 MB and reads them all, and grows by a third of that at most."""
    kinds = [png(Image.new("RGB", (192, 192), (n, 7, 9))) for n in range(8)]
    root, small = folder({f"{n:04d}.png": kinds[n % 8] for n in range(600)}), folder({"a.png": noise(8, 8)}, "small")
    done = subprocess.run([sys.executable, "-c", MEMORY, root, small], capture_output=True, text=True, check=True)
    size, growth, total = map(float, done.stdout.split())
    assert size > 60
    assert growth < size / 3
    assert total == sum(192 * 192 * (n % 8 + 16) for n in range(600))
