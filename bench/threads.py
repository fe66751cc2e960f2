"""Duration of sampling while other processes run, by the number of threads and by how idle OpenMP threads wait.

    python bench/threads.py [--images 4] [--rounds 3] [--loads 0,1,2] [--model openmoji-64]

Each measurement is a separate process: it loads the model, samples once to warm up, then is timed sampling again.
Meanwhile the load is that number of `while :; do :; done` processes. Rounds interleave the settings, and the table
gives medians, since the speed of the machine varies.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager

CHILD = """
import time, torch, debruit
model = debruit.load({model!r}, "cpu")
model.generate({images}, prompt="cat", steps=2)
began = time.perf_counter()
model.generate({images}, prompt="cat")
print(time.perf_counter() - began)
"""
SETTINGS = {  # name -> environment variables
    "default": {},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    "no spinning": {"GOMP_SPINCOUNT": "0"},
    "spin 100": {"GOMP_SPINCOUNT": "100"},
    "spin 1000": {"GOMP_SPINCOUNT": "1000"},
    "spin 5000": {"GOMP_SPINCOUNT": "5000"},
    "spin 20000": {"GOMP_SPINCOUNT": "20000"},
    "1 thread": {"OMP_NUM_THREADS": "1"},
    "--threads auto": None,  # the command line's own choice
}


@contextmanager
def load(count: int):
    """Run `count` processes that do nothing but compute, inside this `with` statement."""
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(count)]
    try:
        time.sleep(1)
        yield
    finally:
        for process in busy:
            process.send_signal(signal.SIGKILL)
            process.wait()


def measured(settings: dict[str, str] | None, code: str) -> float:
    """Return the seconds of the second sampling."""
    own = "" if settings is not None else "from debruit.apps.threads import set_threads\nset_threads(None)\n"
    process = subprocess.run(
        [sys.executable, "-c", own + code],
        env=os.environ | (settings or {}),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(process.stdout)


def main() -> None:
    """Print a table, a row for each setting and a column for each load."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="openmoji-64")
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loads", default="0,1,2")
    parser.add_argument("--settings", default=",".join(SETTINGS))
    options = parser.parse_args()
    code, names = CHILD.format(model=options.model, images=options.images), options.settings.split(",")
    loads = [int(part) for part in options.loads.split(",")]
    print(f"{options.images} images of {options.model}, {os.cpu_count()} cores, seconds, medians of {options.rounds}\n")
    print(f"| setting | {' | '.join(f'{n} busy' for n in loads)} |\n|-|{'-|' * len(loads)}")
    timings: dict[tuple[str, int], list[float]] = {}
    for count in loads:
        with load(count):
            for _ in range(options.rounds):
                for name in names:
                    seconds = measured(SETTINGS[name], code)
                    timings.setdefault((name, count), []).append(seconds)
                    print(f"{count} busy, {name}: {seconds:.2f} s", file=sys.stderr, flush=True)
    for name in names:
        cells = (f"{statistics.median(timings[name, n]):.1f} ({max(timings[name, n]):.1f})" for n in loads)
        print(f"| {name} | {' | '.join(cells)} |")
    print("\nThe slowest run is in brackets.")


if __name__ == "__main__":
    main()
