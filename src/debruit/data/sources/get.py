"""Install or download a built-in source, and check it (workflows/data_get.py)."""

from debruit.data.find import builtin_sources
from debruit.errors import InputError, unknown


def get(name: str) -> str:
    """Install or download a source unless it is there and complete. Return one sentence about what is there now."""
    known = builtin_sources()
    if name not in known:
        raise unknown("source", name, known)
    source = known[name]()
    try:
        return f"{name} is already here: {source.check()}"
    except InputError:
        source.obtain()
        return f"{name} is ready: {source.check()}"
