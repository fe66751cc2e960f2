"""`debruit data get`: install or download a built-in source."""

from dataclasses import dataclass

from debruit import events
from debruit.data.sources.get import get
from debruit.files.keys import root
from debruit.files.outputs import check_folder
from debruit.workflows.public import public
from debruit.workflows.request import Request


@dataclass(frozen=True)
class DataGetRequest(Request):
    """The built-in source `name`, one of `debruit list data`."""

    name: str


@dataclass(frozen=True, kw_only=True)
class DataGetResult:
    """`summary`: whether the source was there already, and what it holds."""

    summary: str


def data_get(request: DataGetRequest) -> DataGetResult:
    """Install or download a built-in source, unless it is there and complete. The summary is also an event.

    InputError: an unknown source, a cache that cannot be written, or a source that cannot be fetched.
    """
    request.check("data_get")
    check_folder(root(), folders=("sources",), flag="the cache")
    summary = get(request.name)
    events.say(summary)
    return DataGetResult(summary=summary)


start = public(DataGetRequest, data_get)
