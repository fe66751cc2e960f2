"""Events: the lines, notices and progress that work reports while it runs, and how it is cancelled.

    with listen(show):                          # show(event) is called for each event, in order
        workflows.train(request)

    for event in Work(lambda: train(request)):  # the same in a thread of its own, event by event
        print(event.stage, event.done, event.total)

Nothing here prints. Without a listener, notices go to the logger "debruit" and the rest is dropped. Listener and token
belong to the context (contextvars), so that several pieces of work in one process do not hear each other; a thread that
work starts itself must run in `copy_context()`.
"""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

Result = TypeVar("Result")
Level = Literal["info", "notice"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One report of running work.

    `stage` is what is being done ("data", "train", "sample", ...); `message` a sentence, or "" for progress alone; a
    "notice" is something that was done otherwise than requested. Progress: `done` of `total` (None: unknown) `unit`s,
    and `eta`, the expected seconds to the end (None: unknown). `values` are numbers and paths that belong to the event:
    the loss, images per second, the file of a preview.
    """

    stage: str = ""
    message: str = ""
    level: Level = "info"
    done: float | None = None
    total: float | None = None
    unit: str = "images"
    eta: float | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


class Cancelled(Exception):
    """The work was cancelled; what was finished is saved."""


class CancelToken:
    """Asks work to stop at the next good moment. It may be used from any thread, more than once."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._graceful = 0

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    @property
    def graceful(self) -> bool:
        """Whether the work is in a part that stops by itself and saves (see `graceful`)."""
        return self._graceful > 0

    def _add(self, count: int) -> None:
        with self._lock:
            self._graceful += count


Listener = Callable[[Event], None]
_listener: ContextVar[Listener | None] = ContextVar("debruit_listener", default=None)
_token: ContextVar[CancelToken | None] = ContextVar("debruit_token", default=None)


def emit(event: Event) -> None:
    """Give an event to the listener of this context."""
    listener = _listener.get()
    if listener is not None:
        listener(event)
    elif event.level == "notice":
        logging.getLogger("debruit").warning(event.message)


def say(message: str, *, stage: str = "") -> None:
    """Report one line."""
    emit(Event(stage=stage, message=message))


def notice(message: str, *, stage: str = "") -> None:
    """Report that something was done otherwise than requested, in one sentence."""
    emit(Event(stage=stage, message=message, level="notice"))


def progress(
    stage: str,
    done: float,
    total: float | None,
    *,
    eta: float | None = None,
    unit: str = "images",
    message: str = "",
    **values: Any,
) -> None:
    """Report how far a stage is. `message` describes it where "done/total" is not enough. Two of the values are for a
    display: `share`, the fraction of the whole work that is done, is shown in place of done/total, and `keep=True`
    marks a message that stays on the screen."""
    emit(Event(stage=stage, done=done, total=total, eta=eta, unit=unit, message=message, values=values))


@contextlib.contextmanager
def listen(listener: Listener, token: CancelToken | None = None) -> Generator[None]:
    """Inside, this context's events go to `listener`, and `token`, if given, cancels its work."""
    outer_listener, outer_token = _listener.set(listener), _token.set(_token.get() if token is None else token)
    try:
        yield
    finally:
        _listener.reset(outer_listener)
        _token.reset(outer_token)


def cancelled() -> bool:
    """Return whether the work of this context is asked to stop."""
    token = _token.get()
    return token is not None and token.cancelled


def check_cancelled() -> None:
    """Raise Cancelled if the work of this context is asked to stop."""
    if cancelled():
        raise Cancelled


@contextlib.contextmanager
def graceful() -> Generator[None]:
    """Inside, this work asks `cancelled()` often, saves, and ends by itself; elsewhere Ctrl-C interrupts it at once."""
    token = _token.get()
    if token is not None:
        token._add(1)
    try:
        yield
    finally:
        if token is not None:
            token._add(-1)


class Work(Iterator[Event], Generic[Result]):
    """A piece of work as an iterator of its events. It runs in a thread of its own, which starts at once.

    `result()` waits for the end and returns what the work returns. An error of the work is raised by the iteration and
    by `result()`. The work waits while `waiting` events are unread. `cancel()`, or leaving the `with` block, stops it
    at the next good moment.
    """

    def __init__(self, work: Callable[[], Result], *, waiting: int = 1000) -> None:
        self._events: queue.Queue[Event | None] = queue.Queue(waiting)
        self._token, self._over = CancelToken(), False
        self._value: list[Result] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=copy_context().run, args=(self._run, work), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], Result]) -> None:
        try:
            with listen(self._put, self._token):
                self._value.append(work())
        except BaseException as error:
            self._error = error
        finally:
            self._put(None)

    def _put(self, event: Event | None) -> None:
        while True:
            try:
                self._events.put(event, timeout=0.1)
                return
            except queue.Full:
                if self._token.cancelled:  # nobody reads any more
                    with contextlib.suppress(queue.Empty):
                        self._events.get_nowait()

    def __next__(self) -> Event:
        event = None if self._over else self._events.get()
        if event is None:
            self._over = True
            self._thread.join()
            if self._error is not None:
                raise self._error
            raise StopIteration
        return event

    def cancel(self) -> None:
        self._token.cancel()

    def result(self) -> Result:
        """Wait for the end of the work and return its result."""
        for _ in self:
            pass
        return self._value[0]

    def __enter__(self) -> "Work[Result]":
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()
        self._thread.join()


@contextlib.contextmanager
def mapped(change: Callable[[Event], Event | None]) -> Generator[None]:
    """Inside, `change` replaces each event before it reaches the listener of this context; None drops the event. Events
    that `change` emits itself reach that listener unchanged."""
    outer = _listener.get()

    def relay(event: Event) -> None:
        inner = _listener.set(outer)
        try:
            changed = change(event)
            if changed is not None:
                emit(changed)
        finally:
            _listener.reset(inner)

    with listen(relay):
        yield


@contextlib.contextmanager
def progress_only() -> Generator[None]:
    """Inside, lines and notices are dropped; progress still reaches the listener of this context."""
    with mapped(lambda event: event if event.done is not None else None):
        yield
