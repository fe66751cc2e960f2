"""Signals of a command. SIGINT (Ctrl-C), SIGTERM and SIGHUP (a closed terminal) cancel work that saves by itself, such
as a training, at its next good moment; a second SIGINT or SIGTERM interrupts at once. Other work is interrupted at
once."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from debruit.events import CancelToken

HANGUP = getattr(signal, "SIGHUP", None)


@contextmanager
def handled(token: CancelToken) -> Generator[None]:
    """Inside, signals cancel the token. Under nohup SIGHUP stays ignored. Threads other than the main one get no
    signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if token.cancelled and number == HANGUP:
            return  # a closed terminal sends it several times: from the kernel and from the shell
        if token.graceful and not token.cancelled:
            token.cancel()
        elif token.graceful or number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            signal.signal(number, before[number])
            signal.raise_signal(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if HANGUP is not None and signal.getsignal(HANGUP) != signal.SIG_IGN:
        numbers.append(HANGUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
