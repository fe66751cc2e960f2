"""A file of a mask means the same classes when it is given to a model as it did when the data was read."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from hearing import noticed, notices
from PIL import Image

from debruit import config
from debruit.conditioning.mask import Mask
from debruit.data.sources.folder import Folder
from debruit.images.spec import DataSpec
from on import On

SKY, SEA, SAND, BLACK, WHITE = (135, 206, 235), (0, 0, 128), (194, 178, 128), (0, 0, 0), (255, 255, 255)
COLOURS = [{"name": "sky", "color": SKY}, {"name": "sea", "color": SEA}, {"name": "void", "color": BLACK}]
NAMED = {"0": "sky", "1": "sea", "255": "edge"}
PAINTED = [{"id": 0, "name": "paper", "color": WHITE}, {"id": 255, "name": "ink", "color": BLACK}]


def drawn(*values: int) -> np.ndarray:
    """(8, 8) of these values, each of them at least once."""
    found = np.random.default_rng(0).choice(np.array(values, np.uint8), (8, 8))
    found[0, : len(values)] = values
    return found


def coloured(*colors: tuple[int, int, int]) -> np.ndarray:
    return np.array(colors, np.uint8)[drawn(*range(len(colors)))]


def indexed(values: np.ndarray, *colors: tuple[int, int, int]) -> Image.Image:
    picture = Image.frombytes("P", values.shape[::-1], values.tobytes())
    picture.putpalette([value for color in colors for value in color])
    return picture


def veiled(rgb: np.ndarray) -> Image.Image:
    """Some of it transparent, which says nothing of a class."""
    return Image.fromarray(np.concatenate([rgb, np.where(drawn(0, 1) == 1, 255, 0).astype(np.uint8)[..., None]], 2))


KINDS: dict[str, Callable[[], tuple[list, object]]] = {
    "numbers": lambda: ([drawn(0, 1, 2)], None),
    "numbers with a gap": lambda: ([drawn(0, 4)], ["sky", "sea"]),
    "numbers in colour": lambda: ([np.repeat(drawn(0, 1, 2)[..., None], 3, 2)], None),
    "numbers with a veil": lambda: ([Image.fromarray(drawn(0, 1, 2)).convert("LA")], None),
    "255 without a name": lambda: ([drawn(0, 1, 255)], None),
    "255 under its own name": lambda: ([drawn(0, 1, 255)], NAMED),
    "255 never seen": lambda: ([drawn(0, 1)], NAMED),
    "255 and 254": lambda: ([drawn(0, 254, 255)], None),
    "black and white": lambda: ([drawn(0, 255)], None),
    "black and white under names": lambda: ([drawn(0, 255)], ["ground", "figure"]),
    "black and white in one bit": lambda: ([Image.fromarray(drawn(0, 1) == 1)], None),
    "one bit under colours": lambda: ([Image.fromarray(drawn(0, 1) == 1)], [{"name": "a", "color": WHITE},
    {"name": "b", "color": BLACK}]),
    "white alone": lambda: ([drawn(255)], None),
    "grey under colours": lambda: ([drawn(0, 255)], PAINTED),
    "palette": lambda: ([indexed(drawn(0, 1, 2), SKY, SEA, SAND)], None),
    "palette with 255": lambda: ([indexed(drawn(0, 255), SKY, *[SAND] * 254, SEA)], None),
    "palettes that change": lambda: ([indexed(drawn(0, 1), BLACK, (128, 0, 0)), indexed(drawn(0, 1), (128, 0, 0),
    BLACK)], None),
    "palette by colour": lambda: ([indexed(drawn(0, 1, 2), BLACK, SEA, SKY)], COLOURS),
    "palette and a strange colour": lambda: ([indexed(drawn(0, 1, 2), BLACK, SEA, (9, 9, 9)), coloured(SKY, SEA)],
    COLOURS),
    "colours": lambda: ([coloured(SKY, SEA, BLACK)], COLOURS),
    "colours alone": lambda: ([coloured(SKY, SEA, BLACK)], None),
    "colours with a veil": lambda: ([veiled(coloured(SKY, SEA, BLACK))], COLOURS),
    "strange colours": lambda: ([coloured(SKY, SEA, (255, 0, 0))], COLOURS),
    "nearly right colours": lambda: ([coloured(SKY, SEA, (135, 206, 230))], COLOURS),
    "a grey one among colours": lambda: ([coloured(SKY, SEA, BLACK), np.zeros((8, 8), np.uint8)], COLOURS),
    "a strange grey one among colours": lambda: ([coloured(SKY, SEA, BLACK), drawn(0, 200)], COLOURS),
    "white among colours": lambda: ([coloured(SKY, WHITE), np.full((8, 8), 255, np.uint8)], None),
}  # fmt: skip


def read_again(root, stem: str, dataset) -> np.ndarray:
    """The file of a mask as a model of this data reads it, its settings through a model's file."""
    spec = config.decode(json.loads(json.dumps(config.encode(dataset.spec))), DataSpec)
    mask = On(Mask(), spec)
    with notices():
        return mask.parse(root / "masks" / f"{stem}.png", [0])[0].numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file(kind, folder, noise):
    masks, legend = KINDS[kind]()
    files = {f"images/{n}.png": noise(8, 8, seed=n) for n in range(len(masks))}
    files |= {f"masks/{n}.png": mask for n, mask in enumerate(masks)}
    root = folder(files | ({} if legend is None else {"classes.json": json.dumps(legend).encode()}))
    dataset = Folder(path=str(root)).build()
    for n in range(len(masks)):
        np.testing.assert_array_equal(read_again(root, str(n), dataset), dataset[n]["mask"])


@pytest.mark.parametrize("turn", [1, 3, 6])
@pytest.mark.parametrize(("shape", "size"), [((12, 20), 8), ((21, 9), 6), ((7, 5), 16)])
def test_the_same_part_of_a_file_of_any_size(shape, size, turn, folder, noise):
    values = np.random.default_rng(1).integers(0, 200, shape, np.uint8)
    upright = shape if turn < 5 else shape[::-1]
    root = folder({"images/a.png": noise(*upright), "masks/a.png": values})
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(values).save(root / "masks" / "a.png", exif=exif)
    dataset = Folder(path=str(root), size=size).build()
    np.testing.assert_array_equal(read_again(root, "a", dataset), dataset[0]["mask"])


def test_numbers_of_classes_and_their_colours_are_still_read(folder, noise):
    root = folder(
        {"images/a.png": noise(8, 8), "masks/a.png": drawn(0, 1, 255), "classes.json": json.dumps(NAMED).encode()}
    )
    mask, numbers = On(Mask(), Folder(path=str(root)).build().spec), drawn(0, 1, 2)
    for given in (numbers, np.where(numbers == 2, 255, numbers), np.array(mask.spec.palette, np.uint8)[numbers]):
        np.testing.assert_array_equal(mask.parse(given if given.ndim == 2 else Image.fromarray(given), [0])[0], numbers)
    root = folder(
        {
            "images/a.png": noise(8, 8),
            "masks/a.png": coloured(SKY, SEA, (9, 9, 9)),
            "classes.json": json.dumps(COLOURS).encode(),
        },
        "b",
    )
    mask = On(Mask(), Folder(path=str(root)).build().spec)
    np.testing.assert_array_equal(mask.parse(Image.fromarray(numbers), [0])[0], numbers)


def test_what_is_taken_as_in_training_is_reported(folder, noise):
    strange = coloured(SKY, SEA, (9, 9, 9))
    root = folder({"images/a.png": noise(8, 8), "masks/a.png": strange, "classes.json": json.dumps(COLOURS).encode()})
    mask = On(Mask(), Folder(path=str(root)).build().spec)
    odd = (strange == 9).all(2).sum()
    with noticed(match=f"a.png: {odd} of 64 pixels have no colour of the palette and count as unlabelled"):
        mask.parse(root / "masks" / "a.png", [0])
    root = folder({"images/a.png": noise(8, 8), "masks/a.png": indexed(drawn(0, 1), SKY, SEA)}, "b")
    mask = On(Mask(), Folder(path=str(root)).build().spec)
    with noticed(match="the mask is read by its numbers, as in training, and its colours would be another"):
        assert (mask.parse(indexed(drawn(0, 1), SEA, SKY), [0])[0].numpy() == drawn(0, 1)).all()


def test_an_error_names_the_numbers_of_the_files(folder, noise):
    from debruit.errors import InputError

    root = folder({"images/a.png": noise(8, 8), "masks/a.png": drawn(0, 255), "classes.json": b'["ground", "figure"]'})
    mask = On(Mask(), Folder(path=str(root)).build().spec)
    with pytest.raises(InputError, match="allowed: 0 ground #000000, 255 figure #ffffff; paint in these colours"):
        mask.parse(drawn(0, 7), [0])
