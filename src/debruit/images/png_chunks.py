"""Chunks of a PNG that Pillow passes over, or reads only with the pixels (PNG, third edition, 5.3): length, name,
content, checksum."""

import io
import struct
from collections.abc import Collection
from typing import BinaryIO


def png_chunk(file: BinaryIO | None, name: bytes, *, until: Collection[bytes] = ()) -> bytes:
    """The content of the first chunk of this name in an open PNG, before one of the names of `until`; b"" where
    there is none. The file is left where it is read."""
    if file is None:
        return b""
    position = file.tell()
    try:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            size, chunk = struct.unpack(">I4s", head)
            if chunk == name:
                return file.read(size)
            if chunk in until or chunk == b"IEND":
                return b""
            file.seek(size + 4, io.SEEK_CUR)
    except (OSError, ValueError):
        return b""
    finally:
        file.seek(position)
    return b""
