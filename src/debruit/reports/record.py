"""An evaluation as JSON: everything that the page shows and more. `format` is raised when a field changes its meaning."""

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


def record(found: Evaluation, command: str) -> dict[str, Any]:
    """The content of report.json."""
    split, sets = found.split, found.sets
    columns = {
        "scores": found.scores,
        REAL_BASELINE: found.real_baseline,
        RECONSTRUCTED_BASELINE: found.reconstructed_baseline,
        HELDOUT_RECONSTRUCTION: found.heldout_reconstruction,
        TRAIN_RECONSTRUCTION: found.train_reconstruction,
        "gaps": found.gaps,
    }
    return {
        "format": FORMAT,
        "kind": "evaluation",
        "command": command,
        "model": found.loaded.about() | ({} if found.conditions is None else {"evaluations": evaluations(found)}),
        "data": encode(found.data),
        "request": asdict(found.request),
        "counts": {
            SAMPLES: found.request.count,
            REAL_BASELINE: len(split.baseline),
            "reference": len(split.reference),
            "training": len(split.training),
            "held_out": len(split.held_out),
            **{n: len(sets[n]) for n in (HELDOUT_RECONSTRUCTION, TRAIN_RECONSTRUCTION) if n in sets},
        },
        "conditions": _conditions(found),
        "networks": found.networks,
        **{name: [asdict(s) for s in scores] for name, scores in columns.items()},
        "analyses": {name: {k: v for k, v in one.items() if k != "sheet"} for name, one in found.analyses.items()},
        "left_out": dict(found.left_out),
        "versions": versions_here(),
        "environment": provenance(),
        "seconds": round(found.seconds, 1),
    }


def evaluations(found: Evaluation) -> int:
    """Network evaluations per sample with the conditions of the evaluation, each branch of guidance counted."""
    assert found.conditions is not None
    return sampling_stage.evaluations(found.model, found.model.settings(), found.conditions)


def _conditions(found: Evaluation) -> dict[str, Any] | None:
    """The conditions of real images that the samples have; None without such conditions."""
    conditions = found.conditions
    if conditions is None or conditions.fields is None:
        return None
    return {
        "fields": conditions.fields,
        "missing": conditions.missing,
        "images": len(conditions.images),
        "scored": len(found.split.scored),
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
