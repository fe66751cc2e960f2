"""Nobody reads what a command prints: the reader goes, stops reading, or was never there; the disk is full; the
terminal lacks characters."""

import contextlib
import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from debruit.apps import console
from debruit.apps.cli import main

TINY = [
    "--set", "model.network.channels=8", "--set", "model.network.head_channels=8", "--set", "model.network.groups=4",
    "--set", "model.sampling.steps=2", "--set", "every.report_images=32", "--set", "validation_images=8", "--pixels",
]  # fmt: skip
TRAIN = ["train", "digits", "--batch", "16", *TINY, "--images", "192"]
COMMAND = [sys.executable, "-m", "debruit"]


class Pipe:
    """A standard output that is a pipe: `file` is written to, `read` gives what came out of it."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.file = os.fdopen(writing, "w")

    def read(self) -> str:
        return os.read(self.reading, 2**20).decode()


@contextlib.contextmanager
def closed(monkeypatch):
    """The standard output is a pipe whose reader has gone."""
    pipe = Pipe()
    os.close(pipe.reading)
    monkeypatch.setattr(sys, "stdout", pipe.file)
    yield
    pipe.file.close()  # nothing that it still holds fails: the interpreter's last flush neither


def finished(out) -> list[dict]:
    """The lines of the log of a training that has seen its 192 images."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["images_seen"] == 192
    assert (out / "model.safetensors").exists()
    assert (out / "state" / "000000000192.safetensors").exists()
    return lines


def test_a_training_goes_on_when_its_reader_has_gone(monkeypatch, tmp_path, capsys):
    with closed(monkeypatch):
        assert main([*TRAIN, "--out", str(tmp_path / "r")]) == 0
    assert len(finished(tmp_path / "r")) == 6
    assert capsys.readouterr().err == (
        "debruit: the standard output is gone (broken pipe): the command continues without it\n"
    )


def test_a_training_goes_on_when_the_disk_of_its_output_is_full(monkeypatch, tmp_path, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main([*TRAIN, "--out", str(tmp_path / "r")]) == 0
    finished(tmp_path / "r")
    assert "cannot be written (No space left on device): the command continues" in capsys.readouterr().err


def test_a_training_needs_no_output_at_all(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main([*TRAIN, "--out", str(tmp_path / "r")]) == 0
    finished(tmp_path / "r")


def test_nobody_waits_for_a_reader_that_has_stopped_reading():
    """As under `| less`: what it does not take is kept for it, and written when it reads on."""
    pipe = Pipe()
    size = fcntl.fcntl(pipe.reading, fcntl.F_GETPIPE_SZ)
    out = console.Stream(pipe.file, "standard output")
    lines = [f"line {n} {'-' * 80}\n" for n in range(2 * size // 80)]
    for line in lines:
        out.write(line)
        out.flush()
    parts: list[str] = []

    def read() -> None:
        while part := pipe.read():
            parts.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    out.finish()
    pipe.file.close()
    reader.join()
    assert "".join(parts) == "".join(lines)


def test_what_is_kept_for_a_reader_has_an_end_and_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(console, "ready", lambda stream: False)
    file = io.StringIO()
    out = console.Stream(file, "standard output")
    for _ in range(3 * console.KEPT // 100):
        out.write("." * 99 + "\n")
    out.finish()
    text = file.getvalue()
    assert len(text) < 1.1 * console.KEPT
    written = text.count("." * 99)
    assert f"({3 * console.KEPT // 100 - written:,} lines were not read in time and are left out)" in text


@pytest.mark.parametrize("command", [["list", "recipes"], ["data", "doctor", "digits"]])
def test_text_that_nobody_reads_ends_quietly(command, monkeypatch, capsys):
    with closed(monkeypatch):
        assert main(command) == 141
    assert capsys.readouterr().err == ""


def test_text_that_cannot_be_written_is_refused(monkeypatch, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["list", "recipes"]) == 2
    assert capsys.readouterr().err == "debruit: the standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("command", [["--help"], ["train", "--help"], ["list", "data"], ["sample", "été→\udce9"]])
def test_any_encoding_will_do(command, encoding, monkeypatch):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", file)
    monkeypatch.setattr(sys, "stderr", file)
    assert main(command) in (0, 2)
    assert file.buffer.getvalue().decode(encoding)


def test_characters_that_an_encoding_lacks_are_written_in_plain_ones():
    assert console.printable("a → b × ║é║ ü", "ascii") == r"a -> b x |e| \xfc"
    assert console.printable("a → é", "utf-8") == "a → é"
    assert console.printable("a → é", "latin-1") == "a -> e"
    assert console.printable("ü", "no-such-encoding") == r"\xfc"


def test_processes_end_without_a_traceback(tmp_path):
    """As a shell starts them: the pipe closed midway, no output, an encoding without the characters, and the demo."""
    ways = (
        (f"{' '.join(COMMAND)} {' '.join(TRAIN)} --out {tmp_path}/a | head -1", {}, 0),
        (f"{' '.join(COMMAND)} {' '.join(TRAIN)} --out {tmp_path}/b >&- 2>&-", {}, 0),
        (f"{' '.join(COMMAND)} --help | head -1", {}, 0),
        (f"{' '.join(COMMAND)} list recipes | true", {}, 141),
        (f"{' '.join(COMMAND)} list data", {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}, 0),
        (f"{sys.executable} -m debruit.apps.demo --help | true", {}, 0),
    )
    for line, more, code in ways:
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True, env=os.environ | more
        )
        assert done.returncode == code, (line, done)
        assert not {"Traceback", "Exception ignored"} & set(done.stderr.splitlines()), (line, done.stderr)
        assert "Error" not in done.stderr, (line, done.stderr)
    for name in "ab":
        finished(tmp_path / name)


@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_is_closed_saves_the_training_unless_nohup_keeps_it(ignored, tmp_path):
    """SIGHUP comes more than once: from the kernel and from the shell."""
    out = tmp_path / "r"
    length = "640" if ignored else "1000000"
    long = [*TRAIN[:-1], length, "--out", str(out), "--set", "every.save_images=1000000"]
    run = subprocess.Popen(
        [*COMMAND, *long],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL),
    )
    while run.poll() is None and not (out / "log.jsonl").exists():
        time.sleep(0.05)
    for _ in range(3):
        run.send_signal(signal.SIGHUP)
    error = run.communicate(timeout=60)[1]
    assert "Traceback" not in error
    seen = json.loads((out / "log.jsonl").read_text().splitlines()[-1])["images_seen"]
    assert (out / "state" / f"{seen:012d}.safetensors").exists()
    assert (run.returncode, seen == 640) == ((0, True) if ignored else (130, False))


def test_a_command_counts_from_the_start_of_its_process():
    code = (
        "import time; time.sleep(0.5); from debruit.apps.cli import process_start; print(time.monotonic() - "
        "process_start())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0.5 <= float(found.stdout) < 60
