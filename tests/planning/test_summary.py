"""The lines that are printed before a training are those of docs/training.md."""

from pathlib import Path

import torch

from debruit.data.sources.digits import Digits
from debruit.images.spec import DataSpec
from debruit.planning import heuristics
from debruit.planning.summary import summary
from debruit.planning.throughput import Speed
from debruit.training.config import Optimiser, Run

DOCUMENT = Path(__file__).parents[2] / "docs" / "training.md"
CPU = torch.device("cpu")


def test_the_document_shows_the_lines_that_are_printed():
    classes = tuple("abcdefghij")
    spec = DataSpec(
        name="fashion-mnist",
        channels=1,
        height=28,
        width=28,
        depth="uint8",
        low=0,
        high=255,
        count=60_000,
        class_names=classes,
    )
    model = heuristics.choose_model(spec, 181e6)
    run = Run(
        source=Digits(),
        model=model,
        images=217_917,
        minutes=10,
        batch=128,
        precision="bf16",
        validation_images=512,
        optimiser=Optimiser(lr=5.5e-3),
    )
    printed = "\n".join(summary(run, CPU, Speed(382.0)))
    assert f"```\n{printed}\n```" in DOCUMENT.read_text()
