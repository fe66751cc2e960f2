"""The doctor finds what was hidden in a folder, and nothing in a healthy one."""

import numpy as np
import pytest
from PIL import Image

from debruit.data import builtin_sources
from debruit.data.doctor.doctor import examine
from debruit.data.doctor.findings import RULES
from debruit.data.sources.folder import Folder
from debruit.errors import InputError


@pytest.fixture
def sick(folder, noise, png16):
    """One of everything."""
    files = {f"cat/{n:02d}.png": noise(40, 40, seed=n) for n in range(30)}
    files |= {
        "cat/again.bmp": noise(40, 40, seed=3),
        "dog/once more.webp": noise(40, 40, seed=3),
        "dog/wide.png": noise(20, 90),
        "dog/deep.png": png16(noise(40, 40, 1, "uint16")[..., None]),
        "dog/blank.png": Image.new("RGB", (40, 40), (5, 6, 7)),
        "dog/zero.png": b"",
        "dog/text.jpg": b"x",
        "dog/old.heic": b"x",
        "dog/clear.png": noise(40, 40, 4),
    }
    root = folder(files)
    Image.fromarray(noise(40, 40)).save(
        root / "dog" / "moving.gif", save_all=True, append_images=[Image.new("L", (40, 40))]
    )
    return root


def test_everything_is_found(sick):
    found = examine(Folder(path=str(sick), size=40))
    assert found.dataset.spec.count == 37
    assert dict(found.classes) == {"cat": 31, "dog": 6}
    assert dict(found.sizes) == {(40, 40): 36, (20, 90): 1}
    assert dict(found.channels) == {3: 36, 1: 1}
    assert dict(found.depths) == {"uint8": 36, "uint16": 1}
    assert dict(found.formats) == {"PNG": 34, "BMP": 1, "WEBP": 1, "GIF": 1}
    assert found.unreadable[0] == ("dog/text.jpg", found.unreadable[0].reason)
    assert found.unreadable[1] == ("dog/zero.png", "zero bytes")
    assert found.duplicates == (("cat/03.png", "cat/again.bmp", "dog/once more.webp"),)
    assert found.blank == ("dog/blank.png",)
    text = "\n".join(found.lines())
    for part in (
        "37 of 39 images can be read",
        "dog/zero.png: zero bytes",
        "cat/03.png, cat/again.bmp, dog/once more.webp",
        "cat (31), dog (6)",
        "2 images equal to another one; 1 group of duplicates with conflicting labels",
        "2 images left out",
        "37 images: too few, the model will memorise them",
        "fewer than 20 images in the classes dog (6)",
        "1 image of a single colour",
        "1 image smaller than 40 x 40",
        "1 image losing more than 40%",
        "transparency in 1 image",
        "ignored 1 .heic",
        "several frames or pages in 1 image",
        "different depths",
    ):
        assert part in text, part


def test_imbalance_and_grey_stored_as_colour(folder, noise):
    grey = {
        f"{kind}/{n}.png": Image.fromarray(noise(8, 8, 1, seed=n)).convert("RGB")
        for kind, count in (("a", 21), ("b", 2))
        for n in range(count)
    }
    found = examine(Folder(path=str(folder(grey))))
    assert any(line.startswith("unbalanced classes: 21 images in a, 2 in b") for line in found.findings)
    assert any("all images are grey though stored in colour" in line for line in found.findings)


def test_a_healthy_folder_has_no_findings(folder, noise):
    root = folder({f"{n}.bmp": noise(8, 8, seed=n) for n in range(200)})
    found = examine(Folder(path=str(root)))
    assert found.findings == found.unreadable == found.duplicates == found.blank == ()
    assert found.lines()[-1].endswith("nothing to worry about")


def test_long_lists_end(folder, noise):
    root = folder({f"{n}.png": b"" for n in range(30)} | {"good.png": noise(8, 8)})
    found = examine(Folder(path=str(root)))
    assert len(found.unreadable) == 30
    lines = found.lines(most=5)
    assert sum("zero bytes" in line for line in lines) == 5
    assert any("and 25 more" in line for line in lines)


def test_the_lines_of_the_build_are_in_the_report_and_its_errors_are_raised(folder, noise, heard):
    report = examine(Folder(path=str(folder({"a.png": noise(8, 8), "b.png": b""}))))
    assert not heard
    assert "no classes" in " ".join(report.notes)
    assert [item.name for item in report.unreadable] == ["b.png"]
    with pytest.raises(InputError, match="is empty"):
        examine(Folder(path=str(folder({}, "nothing"))))


@pytest.mark.parametrize("name", builtin_sources())
def test_every_built_in_source_can_be_examined(name, shared_cache, monkeypatch):
    monkeypatch.setenv("DEBRUIT_CACHE", str(shared_cache))
    found = examine(builtin_sources()[name]())
    assert found.source == name
    assert sum(count for _, count in found.classes) in (0, found.dataset.spec.count)
    assert found.lines()


def test_every_rule_is_silent_or_speaks(folder, noise):
    assert len({rule.__name__ for rule in RULES}) == len(RULES)
    assert np.all([rule.__module__ == "debruit.data.doctor.findings" for rule in RULES])
