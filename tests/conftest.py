"""One thread a process, so that results are bit-exact and the workers do not fight; no cache outside of the tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from debruit import events

torch.set_num_threads(1)


@pytest.fixture
def heard():
    """The events of a test, in order."""
    found: list[events.Event] = []
    with events.listen(found.append):
        yield found


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory):
    """Decoded data goes to a folder of this session's."""
    before = os.environ.get("DEBRUIT_CACHE")
    os.environ["DEBRUIT_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["DEBRUIT_CACHE"]
    else:
        os.environ["DEBRUIT_CACHE"] = before
