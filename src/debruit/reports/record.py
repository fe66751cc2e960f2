"""An evaluation as JSON: everything that the page shows and more, for machines. `format` is raised when a field changes its meaning."""

import json
import math
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

from debruit.config import encode
from debruit.evaluation import sampling_stage
from debruit.evaluation.loaded import LoadedModel
from debruit.evaluation.pipeline import Evaluation
from debruit.files.atomic import write_atomically
from debruit.metrics.score import Score
from debruit.provenance import provenance, versions

FORMAT = 1
REASON = "_reason"


def record(found: Evaluation, command: str) -> dict[str, Any]:
    """What `report.json` holds."""
    division = found.division
    return {
        "format": FORMAT,
        "kind": "evaluation",
        "command": command,
        "model": found.subject.about() | ({} if found.wanted is None else {"evaluations": evaluations(found)}),
        "data": encode(found.data),
        "request": asdict(found.request),
        "counts": {
            "samples": found.request.count, "floor": len(division.floor), "reference": len(division.reference),
            "training": len(division.training), "held_out": len(division.held_out),
            **{name: len(found.sides[name]) for name in ("decoded", "seen") if name in found.sides},
        },
        "conditions": _conditions(found),
        "networks": found.networks,
        "scores": [asdict(s) for s in found.scores],
        "floor": [asdict(s) for s in found.floor],
        "through": [asdict(s) for s in found.through],
        "decoded": [asdict(s) for s in found.decoded],
        "seen": [asdict(s) for s in found.seen],
        "gaps": [asdict(s) for s in found.gaps],
        "analyses": {name: {k: v for k, v in one.items() if k != "sheet"} for name, one in found.analyses.items()},
        "left_out": dict(found.left_out),
        "versions": versions_here(),
        "environment": provenance(),
        "seconds": round(found.seconds, 1),
    }  # fmt: skip


def evaluations(found: Evaluation) -> int:
    """Network evaluations for one sample, under the conditions of the evaluation, each branch of guidance counted."""
    assert isinstance(found.subject, LoadedModel), "an autoencoder draws no samples"
    assert found.wanted is not None
    model = found.subject.model
    return sampling_stage.evaluations(model, model.settings(), found.wanted)


def _conditions(found: Evaluation) -> dict[str, Any] | None:
    """Which conditions of real images the samples were drawn under; None where they were not."""
    wanted = found.wanted
    if wanted is None or wanted.fields is None:
        return None
    return {
        "fields": wanted.fields, "lacking": wanted.lacking, "images": len(wanted.images), "judged": len(found.division.judged)
    }  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    """A report.json, with its scores as `Score`."""
    data = json.loads(path.read_text())
    return data | {name: [_score(s) for s in data[name]] for name in ("scores", "floor")}


def versions_here() -> dict[str, str]:
    """Of the packages here, and the kind of machine."""
    return versions() | {"machine": platform.machine()}


def _score(kept: dict[str, Any]) -> Score:
    value = kept["value"]
    if (
        value is None
    ):  # the only number of a score that JSON lacks is an infinite one, as the PSNR of images that are equal
        value = -math.inf if "-inf" in kept.get(f"value{REASON}", "") else math.inf
    fields: dict[str, Any] = {k: v for k, v in kept.items() if not k.endswith(REASON)} | {"value": value}
    return Score(**fields)


def dump(data: dict[str, Any], path: Path) -> None:
    """Written whole. JSON has no NaN and no infinity: they become null, and NAME_reason beside it says why."""
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
        return "not a number: nothing was there to measure" if math.isnan(value) else f"infinite ({value})"
    if isinstance(value, list | tuple):
        odd = sum(isinstance(item, float) and not math.isfinite(item) for item in value)
        return f"{odd:,} of {len(value):,} are not finite: nothing was measured there" if odd else ""
    return ""
