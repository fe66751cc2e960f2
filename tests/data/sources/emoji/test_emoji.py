"""The emoji of several sets, on a handful of icons that the test makes."""

import json
from pathlib import Path

import numpy as np
import pytest
from hearing import lines, noticed

from debruit.annotations.custom_split import TEST, TRAINING
from debruit.data.dataset import Dataset
from debruit.data.find import find_source
from debruit.data.sources.drawings.colour_words import HUES, NAMES, dominant_hue
from debruit.data.sources.emoji.emoji import Emoji
from debruit.data.sources.emoji.held_out import KINDS, held_out, usual
from debruit.data.sources.emoji.packages import NAMES as STYLE_NAMES
from debruit.data.sources.emoji.packages import STYLES
from debruit.errors import InputError
from emoji_packages import SHAPES, icons, write_all, write_folder, write_tarball


@pytest.fixture
def packages(tmp_path) -> Path:
    """Packages of three sets, for a test that changes them."""
    return write_all(tmp_path / "packages", ("noto", "twemoji", "fxemoji"))


@pytest.fixture(scope="module")
def emoji(tmp_path_factory) -> Emoji:
    return Emoji(size=64, folder=str(write_all(tmp_path_factory.mktemp("packages"))), masks=True)


@pytest.fixture(scope="module")
def dataset(emoji, tmp_path_factory) -> Dataset:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DEBRUIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return emoji.build()


def test_the_same_things_by_many_hands(dataset):
    originals = [path for path in dataset.paths if "@" not in path]
    assert len(originals) == len(STYLES) * (len(SHAPES) - 1)  # without skin tones
    for thing in ("1F34E", "1F9A2", "1F697", "2764", "1F1EB-1F1F7", "1F468-200D-1F33E", "dancingteapot"):
        assert {path.split("/")[0] for path in originals if path.split("/")[1] == thing} == set(STYLE_NAMES), thing
    assert dataset.spec.class_names[1] == "old noto"
    assert dataset.labels is not None
    assert all(
        STYLE_NAMES[label] == path.split("/")[0] for label, path in zip(dataset.labels, dataset.paths, strict=True)
    )
    assert dataset.spec.mask_names == NAMES


def test_captions_name_thing_style_and_colour(dataset):
    assert dataset.texts is not None
    captions = dict(zip(dataset.paths, dataset.texts, strict=True))
    swan = captions["old-noto/1F9A2"]
    assert swan[0] == "swan, old noto style"
    assert {"swan", "cygne", "cygne, style old noto", "old noto style swan"} <= set(swan)
    assert captions["noto/1F34E"][0] == "red apple, noto style"
    assert not any("red red" in caption or "green" in caption for caption in captions["noto/1F34E"])
    of_apple = [texts for path, texts in captions.items() if "1F34E@" in path]
    assert of_apple
    assert not any("red" in text.split() or "pomme rouge" in text for texts in of_apple for text in texts)
    assert "blue car" in captions["twemoji/1F697"]
    assert captions["noto/1F1EB-1F1F7"][0] == "flag of France, noto style"
    assert any("car" in caption for caption in captions["noto/1F697"])
    for path, texts in captions.items():
        style = path.split("/")[0].replace("-", " ")
        with_style = np.mean([style in text.replace(path.split("/")[1], "") for text in texts])
        assert 0.4 <= with_style <= 0.6, (path, texts)
        if "@" in path:
            word = path.split("@")[1]
            assert all(word in text or "de couleur" in text for text in texts)


def test_recoloured_drawings_have_the_colour_that_they_say(dataset):
    images = np.asarray(dataset.images)
    recoloured = [n for n, path in enumerate(dataset.paths) if "@" in path]
    assert len(recoloured) >= 40
    for n in recoloured:
        assert NAMES[dominant_hue(images[n].transpose(1, 2, 0))] == dataset.paths[n].split("@")[1]
    things = {dataset.paths[n].split("/")[1].split("@")[0] for n in recoloured}
    assert {"1F34E", "1F697", "1F600", "dancingteapot"} <= things
    assert (
        not {"2764", "1F1EB-1F1F7", "1F468-200D-1F33E", "1F9A2"} & things
    )  # named by a colour, a flag, a person, grey


def test_what_is_held_out_is_the_test_part_and_has_names(emoji, dataset):
    if dataset.parts is None:
        pytest.skip("none of the handful is held out")
    unseen: set[str] = set()
    for kind in KINDS:
        try:
            unseen |= set(Emoji(size=64, folder=emoji.folder, parts=(kind,)).build().paths)
        except InputError:  # none of the handful
            continue
    parts = dict(zip(dataset.paths, dataset.parts.tolist(), strict=True))
    assert {path for path, part in parts.items() if part == TEST} == unseen
    assert set(parts.values()) == {TRAINING, TEST}


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize(
    "fields", [{"styles": ("noto",)}, {"styles": ("twemoji", "openmoji")}, *({"parts": (kind,)} for kind in KINDS), {}]
)
def test_a_part_is_the_same_whether_drawn_or_taken_from_the_whole(emoji, tmp_path, monkeypatch, fields, masks):
    part = Emoji(size=64, folder=emoji.folder, masks=masks, **fields)
    built = []
    for name in ("drawn", "taken"):
        monkeypatch.setenv("DEBRUIT_CACHE", str(tmp_path / name))
        if name == "taken":
            emoji.build()
            monkeypatch.setattr("debruit.data.sources.emoji.emoji.rasterised", None)
        try:
            built.append(part.build())
        except InputError:  # none of the handful
            built.append(None)
    drawn, taken = built
    if drawn is None or taken is None:
        assert drawn is taken
        return
    assert (drawn.spec, drawn.paths, drawn.texts) == (taken.spec, taken.paths, taken.texts)
    assert (drawn.skipped, drawn.notes) == (taken.skipped, taken.notes)
    for name in ("images", "masks", "labels", "parts"):
        mine, other = getattr(drawn, name), getattr(taken, name)
        assert (mine is None) == (other is None), name
        assert mine is None or np.array_equal(mine, other), name


def test_shares_that_are_held_out():
    things = [f"{n:05X}" for n in range(4000)]
    kinds = [held_out(thing, style, "") for thing in things for style in STYLE_NAMES]
    assert abs(kinds.count("unseen-things") / len(kinds) - 0.05) < 0.01
    assert abs(kinds.count("unseen-pairs") / len(kinds) - 0.095) < 0.01
    coloured = [held_out(thing, "noto", "red") for thing in things]
    assert abs(coloured.count("unseen-colours") / len(things) - 0.0855) < 0.015
    for thing in things[:200]:  # an unseen thing is unseen in every style and colour, an unseen colour in every style
        all_of_it = {held_out(thing, style, colour) for style in STYLE_NAMES for colour in ("", *HUES)}
        assert "unseen-things" not in all_of_it or all_of_it == {"unseen-things"}
        for colour in HUES:
            of_colour = {held_out(thing, style, colour) for style in STYLE_NAMES} - {"unseen-pairs"}
            assert len(of_colour) <= 1


def test_the_usual_colour_of_a_thing_is_never_held_out():
    assert usual("1F34C") == "yellow"
    assert all(held_out("1F34C", style, "yellow") != "unseen-colours" for style in STYLE_NAMES)


def test_packed_and_unpacked_are_the_same_data(packages, tmp_path):
    style = STYLES[0]
    write_folder(tmp_path / "project", style)
    packed = Emoji(size=16, folder=str(packages), styles=("noto",)).build()
    unpacked = Emoji(size=16, folder=str(tmp_path / "project"), styles=("noto",))
    with lines():
        assert unpacked.build().spec == packed.spec


def test_missing_and_damaged_packages_leave_the_others_usable(packages):
    (packages / "iconify-json-twemoji-1.2.5.tgz").unlink()
    damaged = packages / "iconify-json-fxemoji-1.2.2.tgz"
    damaged.write_bytes(damaged.read_bytes()[:200])
    source = Emoji(size=16, folder=str(packages))
    with noticed("9 of 10 sets of emoji left out: .*-json/twemoji, .* are not in .*; @iconify-json/fxemoji is damaged"):
        dataset = source.build()
    assert {path.split("/")[0] for path in dataset.paths} == {"noto"}
    assert dataset.spec.class_names == ()
    with pytest.raises(InputError, match=r"twemoji.* not in .* `debruit data get emoji`.*other 1 of 10 sets can"):
        source.check()


def test_icons_without_a_body_are_counted(packages):
    style = STYLES[0]
    content = icons(style)
    content["icons"]["apple"] = {"body": ""}
    content["icons"]["swan"] = {"body": "<path d="}
    write_tarball(packages, style, content)
    with lines() as said:
        dataset = Emoji(size=16, folder=str(packages), styles=("noto",), masks=True).build()
    assert any("1 icon of noto without a body, left out: apple" in line for line in said)
    assert [skipped.name for skipped in dataset.skipped] == ["noto/1F9A2"]
    assert "noto/1F34E" not in dataset.paths


def test_another_icon_set_under_the_name_of_one(packages):
    path = write_tarball(packages, STYLES[0], {"prefix": "mdi", "icons": {"a": {"body": "<g/>"}}})
    with pytest.raises(InputError, match=f"damaged .*{path.name}.*it holds the icons of mdi"):
        Emoji(folder=str(packages)).check()


def test_names_that_are_asked_for(packages, tmp_path):
    assert find_source("emoji/flat").styles == ("flat",)
    assert find_source("emoji/noto-v1").styles == ("old-noto",)
    assert find_source("emoji/unseen-pairs").parts == ("unseen-pairs",)
    with pytest.raises(InputError, match=r"unknown part of emoji 'twemojis', did you mean 'twemoji'"):
        find_source("emoji/twemojis")
    with pytest.raises(InputError, match=r"unknown style of emoji 'nuto'"):
        Emoji(styles=("nuto",))
    with pytest.raises(InputError, match=r"unknown part of emoji 'unseen'"):
        Emoji(parts=("unseen",))
    with pytest.raises(InputError, match=r"size 0 is not allowed"):
        Emoji(size=0)
    with pytest.raises(InputError, match=r"none of the packages of the emoji .* `debruit data get emoji`.*`folder`"):
        Emoji(folder=str(tmp_path / "nowhere")).build()


def test_one_style_alone_keeps_what_is_held_out(packages):
    dataset = Emoji(size=16, folder=str(packages), styles=("twemoji",)).build()
    assert dataset.spec.class_names == ()
    whole = Emoji(size=16, folder=str(packages), styles=("noto", "twemoji")).build()
    if whole.parts is not None and dataset.parts is not None:
        parts = dict(zip(whole.paths, whole.parts.tolist(), strict=True))
        assert [parts[path] for path in dataset.paths] == dataset.parts.tolist()


def test_the_config_is_json(emoji):
    assert json.dumps(emoji.part("flat").styles) == '["flat"]'
