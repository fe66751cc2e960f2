"""The columns of the emoji by their names, which groups of a training and the judge of captions read."""

import pytest

from debruit.data.sources.emoji.table import ItemTable

ITEMS = ("noto/1F697", "old-noto/1F697@yellow", "streamline/1F98A+2", "flat/some-name+2@blue", "fluent/0023-20E3")


def test_things_and_colours():
    table = ItemTable(ITEMS)
    assert table.columns() == ("thing", "colour")
    assert list(table.column("thing").values()) == ["1F697", "1F697", "1F98A", "some-name", "0023-20E3"]
    assert table.column("colour") == {"old-noto/1F697@yellow": "yellow", "flat/some-name+2@blue": "blue"}


def test_no_such_column():
    with pytest.raises(IndexError):
        ItemTable(ITEMS).column("weight")
