"""The captions of OpenMoji's drawings, in one language or several."""

import pytest

from debruit.data.doctor.doctor import examine
from debruit.data.sources.openmoji.names import captions, emoji_name
from debruit.data.sources.openmoji.openmoji import OpenMoji
from debruit.errors import InputError


@pytest.mark.parametrize(
    ("item", "language", "name"),
    [
        ("1F600", "fr", "visage rieur"),
        ("1F600", "de", "grinsendes gesicht"),
        ("2764-FE0F-200D-1F525", "fr", "cœur enflammé"),
        ("1F1EB-1F1F7", "fr", "drapeau france"),
        ("1F1EB-1F1F7", "en", "flag: France"),
        ("1F3F3-FE0F-200D-1F308", "fr", "drapeau arc-en-ciel"),
        ("2654", "fr", ""),  # no emoji: Unicode has its name in English alone
        ("2654", "en", "white chess king"),
    ],
)
def test_names_in_other_languages(item, language, name):
    assert emoji_name(item, language) == name


def test_names_are_words():
    for language in ("en", "fr"):
        for item in OpenMoji().items():
            name = emoji_name(item, language)
            assert "_" not in name
            assert name == name.strip(" :")


def test_a_caption_for_each_language_that_has_another():
    assert captions("1F600", ("en", "fr")) == ("grinning face", "visage rieur")
    assert captions("1F600", ("fr", "en")) == ("visage rieur", "grinning face")
    assert captions("1F355", ("en", "fr")) == ("pizza",)
    assert captions("2654", ("en", "fr")) == ("white chess king",)
    assert captions("2654", ("fr",)) == ()
    without = [item for item in OpenMoji().items() if not captions(item, ("en", "fr"))]
    assert without
    assert all(not emoji_name(item) for item in without)


def test_a_drawing_without_a_name_has_no_caption():
    source = OpenMoji(size=8, groups=("extras",))
    dataset = source.build()
    nameless = [n for n, item in enumerate(dataset.paths) if not emoji_name(item)]
    assert nameless
    assert all((dataset.texts[n] == ()) == (n in nameless) for n in range(len(dataset)))
    assert set(dataset.conditions(nameless)["text"]) == {""}, "as none is read"
    found = "; ".join(examine(source).findings)
    assert f"captions missing for {len(nameless):,} of {len(dataset):,} images" in found
    assert "often ''" not in found


def test_two_languages_in_the_data():
    dataset = OpenMoji(size=8, groups=("component",), languages=("en", "fr")).build()
    hair = dataset.paths.index("1F9B0")
    assert dataset.texts[hair] == ("red hair", "cheveux roux")
    assert {dataset.conditions([hair], epochs=[epoch])["text"][0] for epoch in range(2)} == set(dataset.texts[hair])
    assert OpenMoji(size=8, groups=("component",)).build().texts[hair] == ("red hair",)


@pytest.mark.parametrize(
    ("languages", "sentence"),
    [
        (("en", "frr"), "unknown language of OpenMoji's names 'frr', did you mean 'fr'? allowed: .*de, en, es"),
        (("xx",), "unknown language of OpenMoji's names 'xx'; allowed: "),
        ((), "OpenMoji without a language has no captions: give one or more, such as en or en,fr"),
    ],
)
def test_languages_that_the_package_lacks(languages, sentence):
    with pytest.raises(InputError, match=sentence.replace("?", r"\?")):
        OpenMoji(languages=languages)
