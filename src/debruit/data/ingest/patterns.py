"""Patterns of file names with braces, as shards are often written: shards-{0000..0009}.tar."""

from collections.abc import Iterator

from debruit.errors import InputError


def expanded(pattern: str) -> list[str]:
    """shards-{0000..0009}.tar -> its ten names; {a,b} likewise. InputError: a brace that does not close, a range
    without an end."""
    head, brace, rest = pattern.partition("{")
    if not brace:
        return [pattern]
    inside, closed, tail = rest.partition("}")
    choices = list(_choices(inside))
    if not closed or not choices:
        raise InputError(
            f"{pattern} is no pattern of shards: write a range as shards-{{0000..0009}}.tar, or names as {{a,b}}.tar"
        )
    return [head + choice + end for choice in choices for end in expanded(tail)]


def _choices(inside: str) -> Iterator[str]:
    first, dots, last = inside.partition("..")
    if not dots:
        yield from inside.split(",") if "," in inside else ()
    elif first.isdecimal() and last.isdecimal() and int(first) <= int(last) <= int(first) + 1_000_000:
        yield from (str(n).zfill(len(first)) for n in range(int(first), int(last) + 1))
