"""Options of the verbs that compare samples with data: `evaluate`, `compare`, `sweep-samplers`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le

from debruit.data.find import Sources
from debruit.ranges import LARGEST_BATCH, MOST_SAMPLES, Seed
from debruit.workflows.request import Request

Count = Annotated[int, Ge(2), Le(MOST_SAMPLES)]


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions(Request):
    """`data` is what samples are compared with, one or several files or folders of one kind or a built-in source, by
    default the training data; `training_data` is that, if neither the run folder nor the model file says where it lies:
    the networks that score samples are trained on it.

    `n` samples are generated from the noise of `seed`, `batch` at a time, and compared with at most `reference` images
    (None: 5,000) in the features of the network `features`: efficientnet, classifier, or a file .onnx, .safetensors or
    .pth. Scores of different `n` and `reference` cannot be compared. The report goes to the folder `out`. `command` is
    the command line that the report names; by default that of this request.
    """

    data: Sources | None = None
    training_data: Sources | None = None
    n: Count = 2000
    features: str = "efficientnet"
    reference: Count | None = None
    seed: Seed = 0
    out: str | Path | None = None
    batch: Annotated[int, Ge(1), Le(LARGEST_BATCH)] = 64
    device: str = "auto"
    command: str = ""


def names(given: str | Sequence[str] | None) -> str | None:
    """Names, of metrics say, as they are on the command line: "frechet,kid"."""
    return given if given is None or isinstance(given, str) else ",".join(given)
