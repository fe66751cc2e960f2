"""An evaluation as JSON: all that the page shows and more. `format` is raised when a field changes its meaning."""

import json
import math
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

from debruit.config import encode
from debruit.evaluation import sampling_stage
from debruit.evaluation.image_set import (
    HELDOUT_RECONSTRUCTION,
    REAL_BASELINE,
    RECONSTRUCTED_BASELINE,
    SAMPLES,
    TRAIN_RECONSTRUCTION,
)
from debruit.evaluation.result import Evaluation
from debruit.files.atomic import write_atomically
from debruit.provenance import provenance, versions

FORMAT = 2
REASON = "_reason"


def record(evaluation: Evaluation, command: str) -> dict[str, Any]:
    """The content of report.json."""
    split, sets = evaluation.split, evaluation.sets
    columns = {
        "scores": evaluation.scores,
        REAL_BASELINE: evaluation.real_baseline,
        RECONSTRUCTED_BASELINE: evaluation.reconstructed_baseline,
        HELDOUT_RECONSTRUCTION: evaluation.heldout_reconstruction,
        TRAIN_RECONSTRUCTION: evaluation.train_reconstruction,
        "gaps": evaluation.gaps,
    }
    return {
        "format": FORMAT,
        "kind": "evaluation",
        "command": command,
        "model": evaluation.loaded.about()
        | ({} if evaluation.conditions is None else {"evaluations": evaluations(evaluation)}),
        "data": encode(evaluation.data),
        "request": asdict(evaluation.request),
        "counts": {
            SAMPLES: evaluation.request.count,
            REAL_BASELINE: len(split.baseline),
            "reference": len(split.reference),
            "training": len(split.training),
            "held_out": len(split.held_out),
            **{n: len(sets[n]) for n in (HELDOUT_RECONSTRUCTION, TRAIN_RECONSTRUCTION) if n in sets},
        },
        "conditions": _conditions(evaluation),
        "networks": evaluation.networks,
        **{name: [asdict(s) for s in scores] for name, scores in columns.items()},
        "analyses": {name: {k: v for k, v in one.items() if k != "sheet"} for name, one in evaluation.analyses.items()},
        "left_out": dict(evaluation.left_out),
        "versions": versions_here(),
        "environment": provenance(),
        "seconds": round(evaluation.seconds, 1),
    }


def evaluations(evaluation: Evaluation) -> int:
    """Network evaluations per sample with the conditions of the evaluation, each branch of guidance counted."""
    assert evaluation.conditions is not None
    return sampling_stage.evaluations(evaluation.model, evaluation.model.settings(), evaluation.conditions)


def _conditions(evaluation: Evaluation) -> dict[str, Any] | None:
    """The conditions of real images that the samples have; None without such conditions."""
    conditions = evaluation.conditions
    if conditions is None or conditions.fields is None:
        return None
    return {
        "fields": conditions.fields,
        "missing": conditions.missing,
        "left_out": conditions.left_out,
        "images": len(conditions.images),
        "scored": len(evaluation.split.scored),
    }


def versions_here() -> dict[str, str]:
    """Versions of the installed packages, and the kind of machine."""
    return versions() | {"machine": platform.machine()}


def dump(data: dict[str, Any], path: Path) -> None:
    """Write atomically. JSON has no NaN and no infinity: they become null, and the field NAME_reason says why."""
    text = json.dumps(_finite(data), indent=1, allow_nan=False)
    write_atomically(path, lambda temporary: temporary.write_text(text + "\n"))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        reasons = {f"{key}{REASON}": _reason(item) for key, item in value.items() if _reason(item)}
        return {key: _finite(item) for key, item in value.items()} | reasons
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _reason(value: Any) -> str:
    """Why a number is null, or some of a list of numbers are; "" where all are finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return "not a number: nothing to measure" if math.isnan(value) else f"infinite ({value})"
    if isinstance(value, list | tuple):
        odd = sum(isinstance(item, float) and not math.isfinite(item) for item in value)
        return f"{odd:,} of {len(value):,} are not finite: nothing to measure" if odd else ""
    return ""
