"""Signals that end a training after the step in hand, with everything saved."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from debruit.training.state import State


@dataclass
class Signals:
    """Whose training a signal interrupts."""

    state: State


@contextmanager
def interruptible(state: State) -> Generator[Signals]:
    """The first SIGINT, SIGTERM or SIGHUP (a terminal that is closed, unless nohup has it ignored) asks the loop to stop after its step; a second SIGINT or
    SIGTERM interrupts at once. A closed terminal sends SIGHUP several times."""
    state.interrupted = False
    signals = Signals(state)
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return

    hangup = getattr(signal, "SIGHUP", None)
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
        numbers.append(hangup)

    def ask(number, frame) -> None:
        if signals.state.interrupted and number != hangup:
            raise KeyboardInterrupt
        signals.state.interrupted = True

    old = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield signals
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
