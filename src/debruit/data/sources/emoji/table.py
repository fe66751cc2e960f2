"""The columns of the emoji, as a table next to images has them: the thing that a drawing shows, which `--group thing`
holds out as a whole, and an evaluation never compares with itself; and the colour that a drawing was given."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ITEM = re.compile(
    r"[^/]+/(?P<thing>[^@+]+)(?:\+\d+)?(?:@(?P<colour>\w+))?"
)  # "noto/1F697@yellow", "streamline/1F98A+2"


@dataclass(frozen=True)
class ItemTable:
    """The columns of these items, by the names of the items."""

    items: Sequence[str]

    def columns(self) -> tuple[str, ...]:
        return tuple(_ITEM.groupindex)

    def column(self, name: str) -> Mapping[str, str]:
        """Item -> cell; without the items that have none."""
        cells = ((item, match[name]) for item in self.items if (match := _ITEM.fullmatch(item)))
        return {item: cell for item, cell in cells if cell}
