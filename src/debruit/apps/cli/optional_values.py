"""Flags whose value may be left out: `--enlarge` alone means `--enlarge auto`."""

from collections.abc import Sequence

WITHOUT = {"--enlarge": "auto"}  # a flag, and the value that it has alone


def with_values(arguments: Sequence[str]) -> list[str]:
    """Return a command line where such a flag has its value: where nothing or another flag follows, that of WITHOUT."""
    pairs = zip(arguments, [*arguments[1:], "-"], strict=False)
    return [f"{each}={WITHOUT[each]}" if each in WITHOUT and after.startswith("-") else each for each, after in pairs]
