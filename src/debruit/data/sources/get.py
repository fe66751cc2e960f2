"""`debruit data get NAME`: brings a built-in source onto this machine, checks it and says what it did."""

from debruit.data.find import builtin_sources
from debruit.errors import InputError, unknown


def get(name: str) -> str:
    """Installs or downloads a source unless it is there and whole. What is there now, in a sentence."""
    known = builtin_sources()
    if name not in known:
        raise unknown("source", name, known)
    source = known[name]()
    try:
        return f"{name} is already here: {source.check()}"
    except InputError:
        source.obtain()
        return f"{name} is ready: {source.check()}"
