"""Events as a command shows them, and the signals that cancel its work."""

import io
import os
import signal
import sys

import pytest

from debruit import events
from debruit.apps.cli import display as module
from debruit.apps.cli.display import Display, clock
from debruit.apps.cli.signals import handled


@pytest.fixture
def seconds(monkeypatch):
    """A clock of the display's that the test moves."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_and_notices(capsys):
    with Display() as display, events.listen(display):
        events.say("a line")
        events.notice("it was resized")
        events.notice("it was resized")
    assert capsys.readouterr().out == "a line\nit was resized\n"


def test_progress_is_a_line_now_and_then(seconds, capsys):
    with Display() as display, events.listen(display):
        for second in range(32):
            seconds[0] = 100.0 + second
            events.progress("sample", second, 100, eta=100.0 - second)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [f"debruit: sample  {n}/100  ETA {clock(100 - n)}" for n in (1, 11, 21, 31)]


def test_work_of_less_than_a_second_shows_no_progress(seconds, capsys):
    with Display() as display, events.listen(display):
        events.progress("sample", 0, 2)
        events.progress("sample", 2, 2)
    assert capsys.readouterr() == ("", "")


def test_reports_are_lines_of_the_standard_output(seconds, capsys):
    """The first, one every ten seconds, those that are to be kept, and the last."""
    with Display() as display, events.listen(display):
        for second in range(25):
            seconds[0] = 100.0 + second
            events.progress("train", second, 24, message=f"at {second}", keep=second == 5)
    assert capsys.readouterr().out.splitlines() == ["at 0", "at 5", "at 15", "at 24"]


def test_a_bar_on_a_terminal(monkeypatch):
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with Display() as display, events.listen(display):
        events.progress("train", 1, 4, message="loss 0.5", eta=75.0)
        events.say("a [line]")
        events.progress("train", 2, 4, message="loss 0.4", keep=True)
    assert "loss 0.5  ETA 1:15" in err.getvalue()
    assert "a [line]" in err.getvalue(), "above the bar"
    assert "loss 0.4" in err.getvalue()
    assert out.getvalue() == ""


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (75.4, "1:15"), (3725, "1:02:05"), (float("inf"), "?")])
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_a_signal_cancels_work_that_saves_and_the_second_interrupts():
    token, before = events.CancelToken(), signal.getsignal(signal.SIGINT)
    listening = events.listen(lambda event: None, token)
    with pytest.raises(KeyboardInterrupt), listening, handled(token), events.graceful():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGTERM)
        assert events.cancelled()
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_other_work_is_interrupted_at_once():
    token = events.CancelToken()
    with pytest.raises(KeyboardInterrupt), events.listen(lambda event: None, token), handled(token):
        os.kill(os.getpid(), signal.SIGINT)
    assert not token.cancelled
