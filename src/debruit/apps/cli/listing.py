"""debruit list"""

from typing import Literal

from debruit.apps.console import say, text_only


def listing(what: Literal["recipes", "samplers", "models", "data"], /) -> int:
    """List what there is, with a line on each.

    Parameters
    ----------
    what
        recipes, samplers, models (those that come with debruit, and those below the current directory) or data.
    """
    from debruit.workflows.listing import listing as run

    text_only()
    entries = run(what)
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        say(f"{entry.name:<{width}}  {entry.description}")
    return 0
