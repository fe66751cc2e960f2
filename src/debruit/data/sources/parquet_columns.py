"""The roles of the columns of a Parquet table, by their names and types, and the names of its labels.

    image      {"bytes", "path"}, or bytes     text      a caption, or a list of captions
    label      a number or a name              mask      as image

A column called label holds masks where it is declared as images, has {"bytes", "path"}, or its bytes begin as those of
an image; other bytes are names. Labels may be integers, texts, true and false, whole numbers stored as fractions (as
pandas stores integers of which some are missing), and dictionaries of them. Names of classes come from the features
that Hugging Face stores with the columns. A column that is not used is reported.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from debruit.annotations.tables import TEXTS
from debruit.text.wording import some

IMAGES = ("image", "img", "images", "jpg", "png", "webp", "pixel_values")
MASKS = ("mask", "segmentation", "annotation", "label")
LABELS = ("label", "labels", "class", "cls", "fine_label")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The names of a table's columns by their role; "" where there is none. `classes`: the names that the labels count;
    `others`: the columns that are none of these, with their types; `scalars`: those of one text or number a row but for
    the captions, by which images can be grouped."""

    image: str
    text: str = ""
    label: str = ""
    mask: str = ""
    classes: tuple[str, ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    scalars: tuple[str, ...] = ()

    def names(self) -> list[str]:
        return [name for name in (self.image, self.text, self.label, self.mask) if name]


def columns_of(schema: Any, first_bytes: Callable[[str], bytes]) -> Columns | str:
    """Return the roles of the columns, or the reason why the table cannot be used. `first_bytes`: the first value of a
    column of bytes that is not empty."""
    features = _features(schema.metadata)
    lowered = {name.lower(): name for name in reversed(schema.names)}
    declared = [name for name in schema.names if features.get(name, {}).get("_type") == "Image"]

    def holds_bytes(name: str) -> bool:
        return name in declared or _holds_bytes(schema.field(name).type)

    def holds_images(name: str) -> bool:
        kind = schema.field(name).type
        if name in declared or name.lower() not in LABELS or not _is_bytes(kind):
            return holds_bytes(name)
        return is_image_file(first_bytes(name))

    def first(known: tuple[str, ...], suits: Callable[[str], bool]) -> str:
        return next((lowered[name] for name in known if name in lowered and suits(lowered[name])), "")

    image = first(IMAGES, holds_bytes) or next(iter(declared), "")
    if not image:
        return f"no column of images among {some(schema.names, 8)} (it is called image, and holds bytes)"
    named = [name for name in schema.names if features.get(name, {}).get("_type") == "ClassLabel"]
    label = first(LABELS, lambda name: not holds_images(name)) or (named[0] if len(named) == 1 else "")
    columns = Columns(
        image=image,
        text=first(TEXTS, lambda name: _holds_text(schema.field(name).type)),
        label=label,
        mask=first(MASKS, lambda name: name != image and holds_images(name)),
        classes=tuple(map(str, features.get(label, {}).get("names") or ())),
    )
    others = tuple((name, _type(schema.field(name).type)) for name in schema.names if name not in columns.names())
    scalars = tuple(name for name in schema.names if name != columns.text and _is_scalar(schema.field(name).type))
    return replace(columns, others=others, scalars=scalars)


def is_image_file(data: bytes) -> bool:
    """Whether bytes begin as a PNG, JPEG, GIF, TIFF, WebP or BMP file does. A text like "BMW" does not."""
    known = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return data.startswith(known) or webp or (data[:2] == b"BM" and data[6:10] == bytes(4))


def _is_scalar(kind: Any) -> bool:
    import pyarrow.types as kinds

    kind = kind.value_type if kinds.is_dictionary(kind) else kind
    return _is_text(kind) or kinds.is_integer(kind) or kinds.is_boolean(kind) or kinds.is_floating(kind)


def _type(kind: Any) -> str:
    return "images" if _holds_bytes(kind) else str(kind)[:40]


def _holds_bytes(kind: Any) -> bool:
    import pyarrow.types as kinds

    names = [kind.field(n).name for n in range(kind.num_fields)] if kinds.is_struct(kind) else []
    return "bytes" in names or _is_bytes(kind)


def _is_bytes(kind: Any) -> bool:
    import pyarrow.types as kinds

    views = getattr(kinds, "is_binary_view", lambda kind: False)
    return kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_fixed_size_binary(kind) or views(kind)


def _holds_text(kind: Any) -> bool:
    """A column of texts, or of lists of texts."""
    import pyarrow.types as kinds

    if kinds.is_dictionary(kind):
        return _holds_text(kind.value_type)
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        return _holds_text(kind.value_type)
    return _is_text(kind) or kinds.is_null(kind)


def _is_text(kind: Any) -> bool:
    import pyarrow.types as kinds

    views = getattr(kinds, "is_string_view", lambda kind: False)
    return kinds.is_string(kind) or kinds.is_large_string(kind) or views(kind)


def _features(metadata: Mapping[bytes, bytes] | None) -> Mapping[str, Any]:
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    return {key: of for key, of in features.items() if isinstance(of, dict)} if isinstance(features, dict) else {}
