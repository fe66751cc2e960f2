"""The loss by timestep over a training, on training and on held-out images, from the run's log; and from the curve when
to stop.

Both losses are of the averaged weights on fixed images with fixed noise (training/validation.py), so that a difference
of two moments is not noise of the draw, and a difference of the two curves is overfitting. Quarters q1..q4 are of the
training's density over t, from the least noise to the most.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from debruit.errors import InputError
from debruit.training.run_folder import LOG

LEAST = 4  # validations, for any advice
RISE = 0.01  # relative rise over the lowest validation loss that counts, both as means of neighbours
FALL = 0.01  # relative fall over the last quarter that is worth continuing for
RISE_SCATTERS = 4  # or this many times the scatter: the lowest of dozens of values lies far below their mean
FALL_SCATTERS = 3  # likewise; the last value is one, not the lowest of many
QUARTERS = ("least", "second least", "second most", "most")


@dataclass(frozen=True, kw_only=True)
class Curves:
    """K validations of one training: images seen (K,), the losses (K,), and by quarters of t (K, 4); NaN where a loss
    was not finite. `planned` is the whole length in images."""

    images_seen: np.ndarray
    validation: np.ndarray
    training: np.ndarray
    validation_quarters: np.ndarray
    training_quarters: np.ndarray
    planned: int

    @property
    def best(self) -> int:
        """The index of the lowest validation loss."""
        return int(np.nanargmin(self.validation))

    @property
    def rise(self) -> float:
        """How far the validation loss lies above its lowest value at the end, relative; each as the mean with its
        neighbours."""
        padded = np.pad(np.log(self.validation), 1, constant_values=np.nan)
        course = np.nanmean(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
        return float(np.expm1(course[-1] - course.min()))

    @property
    def gap(self) -> np.ndarray:
        """Validation minus training loss, relative to the training loss, (K,)."""
        return self.validation / self.training - 1

    @property
    def scatter(self) -> float:
        """How much the validation loss jumps about its own course, relative: from second differences, robustly."""
        if len(self.validation) < LEAST:
            return 0.0
        bends = np.diff(np.log(self.validation), n=2)
        return float(1.4826 * np.median(np.abs(bends - np.median(bends))) / np.sqrt(6))


def read_curves(run: str | Path) -> Curves:
    """From a run folder or its log.jsonl. InputError where there is no log or no validation in it; half a line at its
    end is left out."""
    path = Path(run) / LOG if Path(run).is_dir() else Path(run)
    if not path.exists():
        raise InputError(f"there is no {LOG} at {path}: give the folder that `debruit train --out` made")
    lines = [record for line in path.read_text().splitlines() if (record := _parsed(line))]
    validations = [record for record in lines if record.get("validation_loss") is not None]
    if not validations:
        raise InputError(
            f"{path} holds no validation: the run held no images out, or was ended before its first one; train with "
            "--set validation_images=256"
        )
    column = lambda name: np.array([_number(record[name]) for record in validations])  # noqa: E731
    quarters = lambda name: np.stack([column(f"{name}_q{k}") for k in range(1, 5)], axis=1)  # noqa: E731
    return Curves(
        images_seen=column("images_seen").astype(np.int64),
        validation=column("validation_loss"),
        training=column("train_loss"),
        validation_quarters=quarters("validation_loss"),
        training_quarters=quarters("train_loss"),
        planned=int(lines[-1]["total_images"]),
    )


def advice(curves: Curves) -> str:
    """When to stop, in one sentence, from the curve."""
    seen, loss, best = curves.images_seen, curves.validation, curves.best
    if len(seen) < LEAST:
        return f"{len(seen)} validations are too few to say when to stop: at least {LEAST} are needed"
    if curves.rise > max(RISE, RISE_SCATTERS * curves.scatter):
        risen = f"the validation loss rose by {100 * (loss[-1] / loss[best] - 1):.1f} %{_training_since(curves)}"
        if curves.training[-1] > curves.training[best]:
            return (
                f"something is wrong since about {seen[best]:,} images: {risen}, so this is no overfitting; try a "
                "smaller optimiser.lr, and keep the earlier model"
            )
        return (
            f"stop at about {seen[best]:,} images: since then {risen}, so the model fits its training images at the "
            f"cost of others{_worst_quarter(curves)}; more images, a smaller network or dropout would help"
        )
    before = int(np.searchsorted(seen, 0.75 * seen[-1], side="right")) - 1
    fall = float(1 - loss[-1] / loss[max(before, 0)])
    if seen[-1] < curves.planned:
        return (
            f"continue: at {seen[-1]:,} of {curves.planned:,} images the validation loss is still at its lowest or "
            f"within its scatter, and changed by {-100 * fall:+.1f} % over the last quarter"
        )
    if fall > max(FALL, FALL_SCATTERS * curves.scatter):
        return (
            f"train longer: the validation loss fell by {100 * fall:.1f} % over the last quarter of {seen[-1]:,} "
            "images (a part of which the falling learning rate gave), so twice the images should still improve "
            f"it{_gap_now(curves)}"
        )
    return (
        f"this is enough: over the last quarter of {seen[-1]:,} images the validation loss changed by "
        f"{-100 * fall:+.1f} %, so more of the same brings little{_gap_now(curves)}; a larger network or more data may"
    )


def _training_since(curves: Curves) -> str:
    now, then = curves.training[-1], curves.training[curves.best]
    return (
        f" while that of training images changed by {100 * (now / then - 1):+.1f} %" if np.isfinite(now / then) else ""
    )


def _gap_now(curves: Curves) -> str:
    gap = float(curves.gap[-1])
    return f"; held-out images cost {100 * gap:+.1f} % against training images" if np.isfinite(gap) else ""


def _worst_quarter(curves: Curves) -> str:
    """The quarter of t in which the validation loss rose most, as a clause."""
    rises = curves.validation_quarters[-1] / curves.validation_quarters[curves.best] - 1
    return (
        f", most in the quarter of times with the {QUARTERS[int(np.argmax(rises))]} noise"
        if np.isfinite(rises).all()
        else ""
    )


def _parsed(line: str) -> dict | None:
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        return None
    return record if isinstance(record, dict) and "images_seen" in record else None


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
