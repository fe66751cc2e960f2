"""Does --minutes hold on a machine that does other work? Trains under several kinds of load and reports when each
training ended.

    python bench/minutes.py [--minutes 2] [--source fashion-mnist] [--loads idle busy bursts stopped]

idle      no other work
busy      a busy process on each core, for the whole length
bursts    the same in bursts of 5 to 25 seconds with pauses of 3 to 10
stopped   the training itself is stopped (SIGSTOP) for a fifth of its minutes, like a machine that is suspended

A training passes if it ends between 97 % and 101 % of its minutes, counted from the start of the command.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

BUSY = [sys.executable, "-c", "while True: pass"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--source", default="fashion-mnist")
    parser.add_argument("--loads", nargs="+", choices=sorted(LOADS), default=list(LOADS))
    options, rest = parser.parse_known_args()
    print(f"{'load':<8}  {'seconds':>8}  {'of its minutes':>14}  {'by its log':>10}  {'images':>9}  exit  settings")
    failed = 0
    for name in options.loads:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            seconds, code = timed(name, options.source, options.minutes, out, rest)
            log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
            share = seconds / (60 * options.minutes)
            failed += not 0.97 <= share <= 1.01 or code != 0
            print(
                f"{name:<8}  {seconds:8.1f}  {share:14.1%}  {log[-1]['elapsed']:10.1f}  {log[-1]['images_seen']:9,}  "
                f"{code:4}  {settings(out)}"
            )
    return 1 if failed else 0


def timed(load: str, source: str, minutes: float, out: Path, rest: list[str]) -> tuple[float, int]:
    """Return the seconds from the start of the command to its end, and its exit code."""
    command = [
        sys.executable,
        "-m",
        "debruit",
        "train",
        source,
        "--out",
        str(out),
        "--minutes",
        f"{minutes:g}",
    ]
    stop = threading.Event()
    began = time.monotonic()
    with open(out.with_suffix(".log"), "w") as log:
        process = subprocess.Popen([*command, *rest], stdout=log, stderr=subprocess.STDOUT)
        other_work = threading.Thread(target=LOADS[load], args=(stop, process, 60 * minutes))
        other_work.start()
        code = process.wait()
        seconds = time.monotonic() - began
    stop.set()
    other_work.join()
    if code:
        print(out.with_suffix(".log").read_text())
    return seconds, code


def idle(stop: threading.Event, process: subprocess.Popen, seconds: float) -> None:
    """Do nothing."""


def busy(stop: threading.Event, process: subprocess.Popen, seconds: float) -> None:
    hogs = [subprocess.Popen(BUSY) for _ in range(os.cpu_count() or 1)]
    stop.wait()
    for hog in hogs:
        hog.kill()


def bursts(stop: threading.Event, process: subprocess.Popen, seconds: float) -> None:
    draw = random.Random(0)
    while not stop.is_set():
        hogs = [subprocess.Popen(BUSY) for _ in range(os.cpu_count() or 1)]
        stop.wait(draw.uniform(5, 25))
        for hog in hogs:
            hog.kill()
        stop.wait(draw.uniform(3, 10))


def stopped(stop: threading.Event, process: subprocess.Popen, seconds: float) -> None:
    if not stop.wait(0.4 * seconds):
        process.send_signal(signal.SIGSTOP)
        stop.wait(0.2 * seconds)
        process.send_signal(signal.SIGCONT)


LOADS = {"idle": idle, "busy": busy, "bursts": bursts, "stopped": stopped}


def settings(out: Path) -> str:
    """Return the width of the network that was chosen, and the batch size."""
    path = out / "run.json"
    run = json.loads(path.read_text())
    network = run["model"].get("network")
    return f"batch {run['batch']}" + (f", width {network['channels']}" if network else "")


if __name__ == "__main__":
    raise SystemExit(main())
