"""Guidance: its cost, and the effect of its weight on a model of Fashion-MNIST.

    python bench/guidance.py cost runs/f                          # seconds per image with one and two branches
    python bench/guidance.py curve runs/f --weights 1 1.5 2 3 4   # accuracy and Frechet distance against w

`curve` samples images 0..n - 1 of one seed at each weight, the classes in turn. The independent classifier of
bench/fashion measures the share that it recognises as the requested class, and the Frechet distance to the 10,000 test
images in its features, next to the real-data baseline. The result is a CSV and a figure. Each weight is a row of the
CSV as soon as it is done; running the same command again adds the missing ones. Cost per weight: n images, two
evaluations a step.
"""

import argparse
import csv
import hashlib
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import debruit
from debruit.models.model_file import model_file
from debruit.sampling.config import SamplingConfig

sys.path.insert(0, str(Path(__file__).parent / "fashion"))

HERE = Path(__file__).parent
BATCH = 100
COLUMNS = [
    "model",
    "sampler",
    "steps",
    "interval",
    "rescale",
    "n",
    "seed",
    "classifier",
    "weight",
    "fd",
    "fd_low",
    "fd_high",
    "recognised",
    "recognised_low",
    "recognised_high",
    "baseline_fd",
    "baseline_recognised",
    "evaluations",
    "seconds",
]
KEY = COLUMNS[: COLUMNS.index("weight") + 1]  # these columns identify a row


def cost(options: argparse.Namespace) -> None:
    """Print seconds per image: medians over turns with one call of each case, so that the machine's drift affects all
    alike."""
    model = debruit.load(options.model, device=options.device)
    plain = model.settings(guidance=1.0, interval=(0.0, 1.0), rescale=0.0)
    cases = {
        "one branch (w = 1)": plain,
        "two branches (w = 2)": replace(plain, guidance=2.0),
        "two, t from 0.1 to 0.8": replace(plain, guidance=2.0, interval=(0.1, 0.8)),
        "two, t from 0.3 to 0.7": replace(plain, guidance=2.0, interval=(0.3, 0.7)),
        "two, rescaled": replace(plain, guidance=2.0, rescale=0.7),
    }
    seconds = {name: [] for name in cases}
    for turn in range(options.turns + 1):
        for name, settings in cases.items():
            begin = time.perf_counter()
            sample(model, settings, options.n, options.n)
            if turn:  # the first warms up
                seconds[name].append((time.perf_counter() - begin) / options.n)
    print(
        f"{options.model}: {type(plain.sampler).__name__}, {plain.steps} steps, batches of {options.n}, "
        f"{model.device.type}"
    )
    print("| guidance | evaluations | ms an image | of one branch | evaluations, of one branch |\n|-|-|-|-|-|")
    first = statistics.median(seconds["one branch (w = 1)"])
    for name, settings in cases.items():
        count, took = model.evaluations(settings), statistics.median(seconds[name])
        ratio = count / model.evaluations(plain)
        print(f"| {name} | {count} | {1000 * took:.1f} | {took / first:.2f} | {ratio:.2f} |")


def curve(options: argparse.Namespace) -> None:
    """Add a row for each weight that the CSV does not have yet; then plot all rows with these settings."""
    model = debruit.load(options.model, device=options.device)
    settings = model.settings(
        interval=tuple(options.guidance_interval),
        rescale=options.guidance_rescale,
        sampler=options.sampler,
        steps=options.steps,
    )
    named = describe(options, settings)
    for weight in options.weights:
        row = named | {"weight": f"{weight:g}"}
        if any(all(old[name] == row[name] for name in KEY) for old in rows(options.csv)):
            continue
        row |= measure(model, replace(settings, guidance=weight), options)
        append(options.csv, row)
        print(f"w = {weight:g}: FD {row['fd']}, recognised {row['recognised']} ({row['seconds']} s)", flush=True)
    plotted = [row for row in rows(options.csv) if all(row[name] == named[name] for name in KEY[:-1])]
    figure(sorted(plotted, key=lambda row: float(row["weight"])), options.figure)
    print(f"-> {options.csv}, {options.figure}")


def describe(options: argparse.Namespace, settings: SamplingConfig) -> dict[str, str]:
    """Return everything that a row depends on, except the weight."""
    from classifier import digest

    low, high = settings.interval
    return {
        "model": hashlib.sha256(model_file(options.model).read_bytes()).hexdigest()[:12],
        "sampler": type(settings.sampler).__name__,
        "steps": str(settings.steps),
        "interval": f"{low:g}-{high:g}",
        "rescale": f"{settings.rescale:g}",
        "n": str(options.n),
        "seed": str(options.seed),
        "classifier": digest(),
    }


def measure(model: debruit.Model, settings: SamplingConfig, options: argparse.Namespace) -> dict[str, str]:
    """Return Frechet distance and recognition at one weight, each with its 95 % interval over the samples."""
    from classifier import load_classifier
    from fashion_data import load
    from score import baseline, features, frechet, interval, predictions

    begin = time.perf_counter()
    pixels = sample(model, settings, options.n, BATCH, options.seed)[:, 0]
    seconds = time.perf_counter() - begin
    judge = load_classifier()
    reference, sampled = features(load("test")[0], judge), features(pixels, judge)
    low, high = interval(sampled, reference)
    share = float((predictions(pixels, judge) == np.arange(options.n) % 10).mean())
    error = 1.96 * (share * (1 - share) / options.n) ** 0.5
    best = baseline(options.n, reference, judge)
    numbers = {
        "fd": frechet(sampled, reference),
        "fd_low": low,
        "fd_high": high,
        "recognised": share,
        "recognised_low": share - error,
        "recognised_high": min(share + error, 1.0),
        "baseline_fd": best["baseline_fd_test"],
        "baseline_recognised": best["baseline_recognised"],
    }
    return {name: f"{value:.4f}" for name, value in numbers.items()} | {
        "evaluations": str(model.evaluations(settings)),
        "seconds": f"{seconds:.0f}",
    }


def sample(model: debruit.Model, settings: SamplingConfig, count: int, batch: int, seed: int = 0) -> np.ndarray:
    """Sample images 0..count - 1 of the seed, the classes in turn, (count, C, H, W)."""
    parts = []
    for start in range(0, count, batch):
        last = model.job(min(batch, count - start), settings, seed=seed, first=start).final()
        parts.append(model.images(last.x).numpy())
    return np.concatenate(parts)


def rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of the CSV, if it exists."""
    if path.exists():
        with open(path, newline="") as file:
            yield from csv.DictReader(file)


def append(path: Path, row: dict[str, str]) -> None:
    """Append a row; it is on the disk when this returns."""
    new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)


def figure(measured: list[dict[str, str]], path: Path) -> None:
    """Plot recognition and Frechet distance against the weight, intervals as bands and real images as lines."""
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(8, 3.4), layout="constrained")
    w = [float(row["weight"]) for row in measured]
    panels = [
        ("recognised", "recognised as the requested class", 100, "%"),
        ("fd", "Frechet distance (FD-FashionCNN)", 1, ""),
    ]
    for axis, (name, title, unit, mark) in zip(drawing.subplots(1, 2), panels, strict=True):
        middle, low, high = ([unit * float(row[name + end]) for row in measured] for end in ("", "_low", "_high"))
        axis.fill_between(w, low, high, color="#2b6cb0", alpha=0.2, lw=0)
        axis.plot(w, middle, "o-", color="#2b6cb0", ms=4, label="samples")
        axis.axhline(
            unit * float(measured[0][f"baseline_{name}"]),
            color="#c2611f",
            lw=1.2,
            ls="--",
            label="real images (baseline)",
        )
        axis.set(xlabel="guidance weight w", title=title, ylabel=mark)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)
    drawing.axes[1].set_ylim(bottom=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run in {"cost": cost, "curve": curve}.items():
        command = commands.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("model")
        command.add_argument("--device", default="cpu")
        command.add_argument(
            "-n", type=int, default=64 if name == "cost" else 2000, help="images per weight; for cost, images per batch"
        )
    commands.choices["cost"].add_argument("--turns", type=int, default=5)
    more = commands.choices["curve"]
    more.add_argument("--weights", type=float, nargs="+", default=[0, 0.5, 1, 1.25, 1.5, 2, 2.5, 3, 4, 6, 8])
    more.add_argument(
        "--guidance-interval", "--interval", type=float, nargs=2, default=[0.0, 1.0], metavar=("LOW", "HIGH")
    )
    more.add_argument("--guidance-rescale", "--rescale", type=float)
    more.add_argument("--sampler")
    more.add_argument("--steps", type=int)
    more.add_argument("--seed", type=int, default=0)
    more.add_argument("--csv", type=Path, default=HERE / "guidance.csv")
    more.add_argument("--figure", type=Path, default=HERE.parent / "docs" / "guidance-curve.png")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
