"""Bytes of a text file -> its text. UTF-8, and UTF-16 and UTF-32 where a byte order mark or the zero bytes between
letters show them.

Encodings of one byte a letter (Latin-1, cp1252 and others) cannot be told from each other, so a file in one of
them is not read as text: the reader reports it and names the file.
"""

import codecs
import re

MARKS = (  # UTF-32's mark begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
READ = "UTF-8 or UTF-16"
ZEROS = 0.25  # the least share of zero bytes at every second position, in UTF-16 without a mark


def decoded(data: bytes) -> str | None:
    """Return the text, or None if the bytes are in no encoding that can be recognised."""
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), None)
    encoding = encoding or (_sixteen(data) if b"\0" in data else "utf-8")
    if encoding is None:
        return None
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def lines_of(text: str) -> list[str]:
    """Split a text into lines, as text files end them; `splitlines` also ends a line at separators that may occur
    inside a caption."""
    return re.split(r"\r\n|\n|\r", text)


def _sixteen(data: bytes) -> str | None:
    """The byte order of UTF-16 without a mark: most letters of many scripts have a zero byte, always on the same
    side."""
    even, odd = data[::2].count(0), data[1::2].count(0)
    if len(data) % 2 or min(even, odd) * 4 > max(even, odd) or max(even, odd) < ZEROS * len(data) / 2:
        return None
    return "utf-16-be" if even > odd else "utf-16-le"
