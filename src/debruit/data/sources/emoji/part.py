"""The items of a part or of some styles, from the data that has all of them: nothing is drawn twice."""

from collections.abc import Collection, Iterator, Sequence

from debruit.annotations.custom_split import TEST, TRAINING
from debruit.data.dataset import Dataset
from debruit.data.ingest.cache import Item
from debruit.data.sources.emoji.held_out import kind_of
from debruit.data.sources.emoji.table import ItemTable


def items_of(
    whole: Dataset, styles: Collection[str], kinds: Collection[str], classes: Sequence[str], *, masks: bool
) -> Iterator[Item]:
    """The items of these styles, in the order of the data; with `kinds` (held_out.py) those of one of them, which then
    have no part of their own. Labels count the `classes`. What could not be drawn is passed on."""
    things = ItemTable(whole.paths).column("thing")
    for n, name in enumerate(whole.paths):
        style = style_of(name)
        unseen = whole.parts is not None and whole.parts[n] == TEST
        if style not in styles or (kinds and kind_of(things[name], style, unseen=unseen) not in kinds):
            continue
        item = whole[n]
        yield Item(
            name,
            item["image"].numpy(),
            classes.index(style) if classes else None,
            whole.texts[n] if whole.texts is not None else None,
            item["mask"].numpy() if masks else None,
            part=None if kinds else TEST if unseen else TRAINING,
        )
    yield from (Item(one.name, None, reason=one.reason) for one in whole.skipped if style_of(one.name) in styles)


def style_of(name: str) -> str:
    """ "noto" of "noto/1F697@yellow"."""
    return name.partition("/")[0]
