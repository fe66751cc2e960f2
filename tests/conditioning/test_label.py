"""Which class is meant: by its name first, exactly, and by its number in the model only where no class is called by a
number."""

import numpy as np
import pytest
import torch

from debruit.annotations.class_titles import renamed
from debruit.annotations.image_classes import by_labels, classify, in_order
from debruit.conditioning.label import Label
from debruit.errors import InputError
from on import On, spec


def classes(*names: str, ids: tuple[str, ...] = ()) -> On:
    return On(Label(), spec(class_names=names, class_ids=ids))


DIGITS = classes("0", "1", "2", "3", "4", "6", "7", "8", "9")


def number(label: On, value) -> int:
    return label.parse(value, [0]).item()


@pytest.mark.parametrize("make", [str, int, np.int64, torch.tensor])
def test_where_classes_are_called_by_numbers_a_number_is_a_name(make):
    for place, name in enumerate(DIGITS.spec.class_names):
        assert number(DIGITS, make(int(name))) == place
    with pytest.raises(
        InputError,
        match="unknown label '5': classes of this model have numbers as names, so a number is a name and "
        "not an index; allowed: 0, 1, 2, 3, 4, 6, 7, 8, 9",
    ):
        number(DIGITS, make(5))


def test_one_class_called_by_a_number_is_enough():
    mixed = classes("7", "cat", "dog")
    assert (number(mixed, 7), number(mixed, "cat")) == (0, 1)
    with pytest.raises(InputError, match="unknown label '1'"):
        number(mixed, 1)


def test_where_none_is_a_number_is_a_place():
    plain = classes("cat", "dog", "owl")
    assert [number(plain, value) for value in ("dog", "1", 1, " owl ", np.int64(2))] == [1, 1, 1, 2, 2]
    assert plain.parse(["owl", 0], range(3)).tolist() == [2, 0, 2]
    assert plain.parse(np.array([2, 1]), range(3)).tolist() == [2, 1, 2]
    for wrong in ("3", -1, "dgo", 1.5, True):
        with pytest.raises(InputError, match=r"unknown label .*allowed: cat, dog, owl"):
            number(plain, wrong)


@pytest.mark.parametrize(
    ("names", "text", "found"),
    [
        (("1", "01", "001"), "01", 1),
        (("00000", "00001"), "1", 1),  # as GTSRB's folders are called
        (("0.5", "1.0", "2.0"), "1", 1),
        (("cat", " cat"), " cat", 1),
        (("cat", " cat"), "cat", 0),
        (("a", "b", "a,b"), "a,b", 2),
        (("\u00e9t\u00e9", "x"), "e\u0301te\u0301", 0),  # as a Mac writes it
    ],
)
def test_an_exact_name_comes_before_another_way_of_writing_one(names, text, found):
    assert number(classes(*names), text) == found


def test_a_number_that_two_classes_may_be_is_refused():
    with pytest.raises(InputError, match="unknown label '1'"):
        number(classes("01", "001"), "1")


def test_folders_of_numbers_that_have_names_are_found_by_both(tmp_path):
    (tmp_path / "classes.json").write_text('{"0": "zero", "6": "six", "10": "ten"}')
    found = renamed(classify(["0/a.png", "6/a.png", "10/a.png"]), tmp_path / "classes.json")
    assert (found.names, found.ids) == (("zero", "six", "ten"), ("0", "6", "10"))
    label = classes(*found.names, ids=found.ids)
    assert [number(label, value) for value in ("six", "6", 10, "ten", 0)] == [1, 1, 2, 2, 0]
    with pytest.raises(InputError, match="unknown label '1'.*allowed: zero, six, ten, also called 0, 6, 10"):
        number(label, 1)


def test_identifiers_are_looked_up_as_they_are_written_first(tmp_path):
    (tmp_path / "class_names.txt").write_text("a: first\na second\nb: third\n")
    assert renamed(classify(["a/1.png", "b/1.png"]), tmp_path / "class_names.txt").names == ("second", "third")


def test_classes_are_in_their_natural_order():
    names = [f"{name}/x.png" for name in ("10", "9", "1", "2")]
    found = classify(names)
    assert found.names == ("1", "2", "9", "10")
    assert [found.labels[name] for name in names] == [3, 2, 0, 1]
    assert found.why.endswith("1, 2, 9, 10")
    assert in_order(["class10", "class9", "b", "a"]) == ("a", "b", "class9", "class10")
    assert in_order(["-1", "0.5", "-2", "10", "9"]) == ("-2", "-1", "0.5", "9", "10")
    assert by_labels({"a": "10", "b": "9", "c": 3, "d": 20}).names == ("3", "20", "9", "10")
