"""Output of a command. Its work never depends on who reads that: no write to the standard output or error raises, and
none waits for a reader.

    with installed():           # once, around a command: sys.stdout and sys.stderr become streams that cannot fail
        say("a line")           # so everything that prints is covered: rich's bars and tables, warnings, the help

A reader that has gone (a closed pipe or terminal) and a stream that was never there are written to no more. A full disk
loses lines and is tried again. Lines for a reader that has stopped reading (a pager, a terminal held by Ctrl-S) are
kept, up to KEPT characters, and written when it reads or at the end of the command. Characters that the encoding does
not have are written in ASCII. Of a command whose text is all that it makes (`text_only`) a closed pipe is the end.
"""

import contextlib
import errno
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Generator
from typing import Any, TextIO

from debruit.errors import InputError

KEPT = 2**20
PIECE = 1024  # characters: at most 4,096 bytes, for which a pipe that is ready has room
PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EAGAIN)  # what may be over at the next line
PLAIN = str.maketrans(
    {"→": "->", "×": "x", "–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "…": "...", "·": "-", "≥": ">=",
     "≤": "<=", "é": "e", "à": "a", "●": "*", "✓": "v", "↑": "^", "↓": "v"}
    | dict.fromkeys("─━╸╺═╌", "-") | dict.fromkeys("│┃║", "|") | dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰", "+")
)  # fmt: skip


class Stream:
    """A text stream in front of `inner`. Everything but writing is that of `inner`."""

    def __init__(self, inner: TextIO | None, name: str) -> None:
        self.inner: TextIO = open(os.devnull, "w") if inner is None else inner  # noqa: SIM115
        self.name, self.needed = name, False
        self.lost: str | None = None  # why nothing is written any more
        self.other: Stream | None = None  # the stream that reports a failure of this one
        self._waiting: deque[str] = deque()
        self._size, self._dropped, self._said = 0, 0, False
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def write(self, text: str) -> int:
        with self._lock:
            if self.lost is not None:
                self._say_lost()
            else:
                self._waiting.append(printable(text, self.encoding))
                self._size += len(self._waiting[-1])
                if "\n" in text:
                    self.drain(wait=self.needed)
        return len(text)

    def writelines(self, lines) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with self._lock:
            self.drain(wait=self.needed)

    @property
    def encoding(self) -> str:
        return getattr(self.inner, "encoding", None) or "utf-8"

    def drain(self, *, wait: bool) -> None:
        """Write what waits, as far as it is taken at once; with `wait` all of it. BrokenPipeError and InputError only
        where the text is needed."""
        while self._waiting and self.lost is None:
            if not wait and not ready(self.inner):
                self._drop()
                return
            if self._dropped:
                self._waiting.appendleft(f"\n({self._dropped:,} lines were not read in time and are left out)\n")
                self._size += len(self._waiting[0])
                self._dropped = 0
            text = self._waiting.popleft()
            if len(text) > PIECE:
                self._waiting.appendleft(text[PIECE:])
            self._size -= len(text[:PIECE])
            try:
                self.inner.write(text[:PIECE])
                self.inner.flush()
            except (OSError, ValueError) as error:  # ValueError: it was closed
                self._failed(error)

    def finish(self) -> None:
        """Wait for the reader. Afterwards `inner` has nothing left that could fail when the interpreter ends."""
        try:
            with self._lock:
                self.drain(wait=True)
                self.inner.flush()
        except KeyboardInterrupt:
            self._waiting.clear()
        except (OSError, ValueError):
            self._cut()

    def _failed(self, error: Exception) -> None:
        number = getattr(error, "errno", None)
        if number not in PASSING:
            self.lost = (getattr(error, "strerror", None) or str(error)).lower()
            self._waiting.clear()
            self._cut()
        if self.needed:
            self._said = True  # by the exception
            if number == errno.EPIPE:
                raise BrokenPipeError
            raise InputError(f"the {self.name} cannot be written: {getattr(error, 'strerror', None) or error}")
        if number in (errno.ENOSPC, errno.EDQUOT):
            self._say(f"cannot be written ({getattr(error, 'strerror', None)}): the command continues without it")

    def _say_lost(self) -> None:
        """Only when there is more to write: a command that had printed everything has lost nothing."""
        self._say(f"is gone ({self.lost}): the command continues without it")

    def _say(self, what: str) -> None:
        if not self._said and self.other is not None:
            self._said = True
            self.other.write(f"debruit: the {self.name} {what}\n")

    def _drop(self) -> None:
        """Drop the oldest text to make room; `drain` reports it."""
        if self._size <= KEPT:
            return
        while self._size > KEPT // 2:
            text = self._waiting.popleft()
            self._size, self._dropped = self._size - len(text), self._dropped + text.count("\n")

    def _cut(self) -> None:
        """Discard what `inner` still holds, so that the interpreter's last flush succeeds."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.inner.fileno())
            os.close(nowhere)
            self.inner.flush()


@contextlib.contextmanager
def installed(*, speaks: bool = True) -> Generator[None, None, None]:
    """For as long as this lasts sys.stdout and sys.stderr are streams that cannot fail. Of a failure of the first one
    line tells on the second, if it `speaks`."""
    if isinstance(sys.stdout, Stream):
        yield
        return
    _occupy()
    before = sys.stdout, sys.stderr
    out, err = Stream(sys.stdout, "standard output"), Stream(sys.stderr, "standard error")
    out.other = err if speaks else None
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        out.needed = False
        sys.stdout, sys.stderr = before
        for stream in (out, err):
            stream.finish()


def text_only() -> None:
    """Declare that the text of this command is all that it makes: BrokenPipeError from now on where nobody reads
    it, and InputError where it cannot be written."""
    if isinstance(sys.stdout, Stream):
        sys.stdout.needed = True


def say(line: str) -> None:
    """Print one plain line, at once. Raises nothing, except as `text_only` requires."""
    if isinstance(sys.stdout, Stream):
        print(line, flush=True)
        return
    with contextlib.suppress(OSError, ValueError):
        print(line, flush=True)


def complain(sentence: str) -> None:
    """Print one line on the standard error."""
    with contextlib.suppress(OSError, ValueError):
        print(f"debruit: {sentence}", file=sys.stderr, flush=True)


def printable(text: str, encoding: str) -> str:
    """Return text that the encoding can express: unchanged, or with ASCII substitutes and escapes."""
    try:
        text.encode(encoding)
        return text
    except LookupError:
        encoding = "ascii"
    except UnicodeEncodeError:
        pass
    return text.translate(PLAIN).encode(encoding, "backslashreplace").decode(encoding)


def ready(stream: TextIO) -> bool:
    """Whether a piece can be written without waiting for a reader."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), select.POLLOUT)
        return bool(poll.poll(0))
    except (
        AttributeError,
        OSError,
        ValueError,
    ):  # not on this system, no real file, or a closed one: writing will tell
        return True


def _occupy() -> None:
    """Occupy the descriptors 0 to 2 where they are free, so that no file opened later gets a terminal's output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)
