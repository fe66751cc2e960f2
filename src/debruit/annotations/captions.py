"""Captions in files next to images: NAME.txt or NAME.caption (each line is a caption), and tables.

    captions.jsonl, metadata.jsonl             {"file_name": "a.png", "text": "a red door"}; "text" may be a list
    captions.csv, metadata.csv (also .tsv)     columns file_name and text; a file_name may come several times

Names in a table are relative to its folder; a name without a folder finds the one image of that name below it. Boxes
and numbers are no captions (annotations.py).
"""

import posixpath
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from debruit.annotations.annotations import are_numbers, is_document
from debruit.annotations.caption_tables import from_table
from debruit.annotations.custom_split import part_of_cells
from debruit.annotations.names import composed
from debruit.files.parallel import mapped
from debruit.text.encodings import decoded, lines_of
from debruit.text.wording import counted, shown, some

BESIDE = (".txt", ".caption")
TABLES = tuple(f"{name}{kind}" for name in ("captions", "metadata") for kind in (".jsonl", ".csv", ".tsv"))


@dataclass(frozen=True)
class Captions:
    """The captions of each image that has some, the other cells of its row in a table, and what there is to say
    about it."""

    of: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    cells: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_captions(root: Path, images: Sequence[str], others: Sequence[str]) -> Captions:
    """Read the captions from `others`, the files of the folder that are no images. InputError: a table that names no
    image of the folder, or has an invalid row."""
    captions_of: dict[str, list[str]] = defaultdict(list)
    cells: dict[str, dict[str, str]] = defaultdict(dict)
    notes: list[str] = []
    for table in (name for name in others if posixpath.basename(name).lower() in TABLES):
        notes += from_table(root, table, images, captions_of, cells)
    notes += _without_part(images, cells)
    notes += _from_texts(root, images, others, captions_of)
    captions = {name: tuple(texts) for name, texts in captions_of.items() if texts}
    return Captions(captions, tuple(notes), {name: dict(of) for name, of in cells.items() if of})


def captioned(count: int, total: int) -> str:
    """Return the note on captions for `count` of `total` images, or nothing if none has one."""
    if not count:
        return ""
    if count == total:
        return f"captions for all {counted(total)}"
    what = f"captions for {count:,} of {counted(total)}, for the others the caption is none"
    if 2 * count > total:
        return what
    return f"{what}: a prompt will have little effect; caption them, or move the images without a caption elsewhere"


def split_lines(text: str) -> list[str]:
    """Each line that is not blank, its accents composed."""
    return [composed(line.strip()) for line in lines_of(text) if line.strip()]


def stem_of(name: str) -> str:
    """A name without its extension, in the form in which names are compared."""
    return composed(posixpath.splitext(name)[0])


def _from_texts(
    root: Path, images: Sequence[str], others: Sequence[str], captions_of: dict[str, list[str]]
) -> list[str]:
    """Add the captions of text files, each next to the image of its name; return the notes."""
    stems: dict[str, list[str]] = defaultdict(list)
    for image in images:
        stems[stem_of(image)].append(image)
    texts = [name for name in others if posixpath.splitext(name)[1].lower() in BESIDE and stem_of(name) in stems]
    documents = [name for name in texts if is_document(name)]
    texts = [name for name in texts if name not in set(documents)]
    broken, numbers, empty, several = [], [], [], []
    for name, text in zip(texts, mapped(lambda name: _text(root / name), texts), strict=True):
        if text is None:
            broken.append(shown(name))
        elif are_numbers(text):
            numbers.append(shown(name))
        elif not text.strip():
            empty.append(shown(name))
        else:
            if len(stems[stem_of(name)]) > 1:
                several.append(shown(name))
            for image in stems[stem_of(name)]:
                captions_of[image] += split_lines(text)
    return [
        *([f"captions that are no UTF-8 text are not used: {some(broken)}"] if broken else []),
        *(
            [f"{counted(len(numbers), 'text file')} next to images: boxes or numbers, no captions: {some(numbers)}"]
            if numbers
            else []
        ),
        *([f"{counted(len(empty), 'text file')} next to images: empty, no caption: {some(empty)}"] if empty else []),
        *([f"no captions, by their names: {some(map(shown, documents))}"] if documents else []),
        *([f"a caption for several images of one name: {some(several)}"] if several else []),
    ]


def _text(path: Path) -> str | None:
    try:
        return decoded(path.read_bytes())
    except OSError:
        return None


def _without_part(images: Sequence[str], cells: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the notes on images without a split, where tables give the split of others."""
    lacking = [name for name in images if part_of_cells(cells.get(name, {})) is None]
    if not 0 < len(lacking) < len(images):
        return []
    return [f"images of which no table says the part: {len(lacking):,} ({some(map(shown, lacking), 3)})"]
