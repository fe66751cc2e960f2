"""Words for reports: names that can be printed, counts, and lists that end."""

import math
import os
from collections.abc import Iterable


def shown(name: str) -> str:
    """A file name that can be printed, whatever bytes it holds."""
    return os.fsencode(name).decode("utf-8", errors="replace")


def counted(count: int, noun: str = "image") -> str:
    """ "1 image", "1,200 images"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def some(names: Iterable[str], most: int = 5) -> str:
    """The first names and the number of the others: "a, b and 3 more"."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def duration(seconds: float) -> str:
    """ "8 s", "2 min 05 s", "1 h 10 min"; "?" where it is not known."""
    if not math.isfinite(seconds):
        return "?"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours} h {m:02d} min" if hours else f"{m} min {s:02d} s"


def rough_duration(seconds: float) -> str:
    """Return an estimated duration in one unit: "8 s", "20 min", "1.5 h", "3.0 days"; an exact one as `duration`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
