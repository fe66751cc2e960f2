"""Names for folders that are called by an identifier, as ImageNet's are: n01440764 -> tench.

    class_names.txt (also synset_words.txt, LOC_synset_mapping.txt)    n01440764 tench, Tinca tinca
    classes.json                                                       {"n01440764": "tench"}

Of several names, separated by commas, the first is taken; one that comes again gets its folder behind it. An identifier
is looked up as it is written, then without a colon or comma behind it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from debruit.annotations.image_classes import Classes
from debruit.annotations.mask_classes import CLASSES, read_json
from debruit.annotations.names import composed, lookup
from debruit.errors import InputError
from debruit.text.encodings import decoded, lines_of
from debruit.text.wording import some

CLASS_NAMES = ("class_names.txt", "synset_words.txt", "LOC_synset_mapping.txt")


def renamed(classes: Classes, path: Path) -> Classes:
    """The classes, called as a file of names says; those that it does not name stay. InputError: a file that cannot
    be read."""
    known = _from_json(path) if path.name == CLASSES else _from_text(path)
    find, cleaned = lookup(known), lookup({key.rstrip(":,"): title for key, title in reversed(list(known.items()))})
    matches = {folder: title for folder in classes.names if (title := find(folder) or cleaned(folder)) is not None}
    if not matches:
        return replace(classes, why=f"{classes.why}; {path.name} is not used, it names none of them")
    first = {folder: title.split(",")[0].strip() or folder for folder, title in matches.items()}
    titles = [first.get(folder, folder) for folder in classes.names]
    often = Counter(titles)
    names = tuple(
        title if often[title] == 1 else f"{title} ({folder})"
        for title, folder in zip(titles, classes.names, strict=True)
    )
    part = "" if len(matches) == len(names) else f" for {len(matches)} of them"
    return replace(
        classes, names=names, ids=classes.names, why=f"{classes.why}; called by {path.name}{part}: {some(names)}"
    )


def names_beside(folder: Path) -> list[Path]:
    """Return the files of class names in a folder of tables or shards."""
    return [folder / name for name in CLASS_NAMES if (folder / name).is_file()]


def renamed_by(classes: Classes, paths: Sequence[Path]) -> Classes:
    """The classes, called as the first of these files says; as they are where there are no files. Files without
    classes are reported as unused."""
    if paths and not classes.names:
        return replace(
            classes, why=f"{classes.why}; {some(path.name for path in paths)} is not used, there are no classes to name"
        )
    return renamed(classes, paths[0]) if paths else classes


def _from_json(path: Path) -> Mapping[str, str]:
    data = read_json(path)
    entries = data.items() if isinstance(data, dict) else ()
    # {"0": ["n01440764", "tench"]} is how ImageNet's index is often written
    pairs = [tuple(value) if isinstance(value, list) and len(value) == 2 else (key, value) for key, value in entries]
    return {key: composed(value) for key, value in pairs if isinstance(key, str) and isinstance(value, str)}


def _from_text(path: Path) -> Mapping[str, str]:
    try:
        text = decoded(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its permissions, or remove it") from None
    if text is None:
        raise InputError(f"{path} is no UTF-8 text: save it as UTF-8, or remove it")
    pairs = (line.strip().replace("\t", " ").partition(" ") for line in lines_of(text) if line.strip())
    return {folder: composed(title.strip()) for folder, _, title in pairs if title.strip()}
