"""The nearest training images of every sample, by pixels, and by features if those of all training images are known."""

import base64
import io
from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import ClassVar

from debruit.evaluation.analyses.analysis import Analysis, AnalysisTask, Result
from debruit.evaluation.image_set import HELD_OUT, SAMPLES, TRAINING
from debruit.evaluation.memorisation.report import THRESHOLD, Features, Memorisation, contact_sheet, memorisation
from debruit.evaluation.progress import Cost
from debruit.evaluation.requirements import Requirement, diffusion, own_data
from debruit.evaluation.splits import EvalSplit

PRODUCTS_PER_SECOND = 1.5e10  # multiplications, in distances of all pairs


@dataclass(frozen=True)
class MemorisationAnalysis(Analysis):
    """Whether samples are copies of training images."""

    name: ClassVar[str] = "memorisation"
    requires: ClassVar[tuple[Requirement, ...]] = (diffusion, own_data)
    networks: ClassVar[tuple[str, ...]] = ("features",)
    all_training: ClassVar[bool] = True
    position: ClassVar[float] = 40

    def cost(self, images: int, samples: int, split: EvalSplit) -> Cost | float:
        return 2.0 + len(split.training) * (samples + len(split.held_out)) * 1024 / PRODUCTS_PER_SECOND

    def run(self, task: AnalysisTask) -> Generator[float, None, Result]:
        sets, features = task.sets, []
        if TRAINING in sets and len(sets[TRAINING].features):
            names = {"samples": SAMPLES, "training": TRAINING, "held_out": HELD_OUT}
            arrays = {field: sets[name].features for field, name in names.items()}
            features = [Features(label=sets[SAMPLES].network, **arrays)]
        key = [task.key, [f.label for f in features]]
        result = task.store.get_or_make("memorisation", key, lambda: _result(task, _measure(task, features)))
        yield 1
        return result


def _measure(task: AnalysisTask, features: list[Features]) -> Memorisation:
    return memorisation(
        task.sets[SAMPLES].images,
        task.dataset,
        training=task.split.training,
        held_out=task.split.held_out,
        features=features,
        mirrored=bool(task.loaded.provenance.get("flip", False)),
    )


def _result(task: AnalysisTask, outcome: Memorisation) -> Result:
    """The result for the report; `sheet` is a PNG in base64."""
    buffer = io.BytesIO()
    contact_sheet(task.sets[SAMPLES].images, task.dataset, outcome).save(buffer, format="PNG")
    worst = []
    for n in outcome.worst():
        view = min(outcome.views, key=lambda view: view.samples.ratio[n])
        nearest = task.dataset.paths[int(view.samples.indices[n, 0])]
        worst.append({"sample": n, "ratio": float(view.samples.ratio[n]), "by": view.label, "nearest": nearest})
    return {
        "scores": [asdict(s) for s in outcome.scores()],
        "verdict": outcome.verdict,
        "level": outcome.level,
        "threshold": THRESHOLD,
        "ratios": {
            v.label: {"samples": v.samples.ratio.tolist(), "held_out": v.held_out.ratio.tolist()} for v in outcome.views
        },
        "worst": worst,
        "sheet": base64.b64encode(buffer.getvalue()).decode(),
    }
