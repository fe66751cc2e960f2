"""debruit distill"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.apps.cli import command
from debruit.apps.cli.numbers import Batch, Images, Minutes, StudentEvaluations, Threads
from debruit.apps.cli.sources import Sources, check_no_models
from debruit.apps.cli.train import show
from debruit.apps.process import prepare_process


def distill(
    model: str,
    /,
    *,
    evaluations: StudentEvaluations = 4,
    out: Path | None = None,
    minutes: Minutes | None = None,
    images: Images | None = None,
    data: Sources = None,
    prompts: Path | None = None,
    batch: Batch | None = None,
    device: str = "auto",
    threads: Threads = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Distil a model into a student that makes images with a few network evaluations.

    The student learns the trajectories of the model's own sampler from noise to image, with its guidance, which then
    costs nothing. It is an ordinary model: `debruit sample`, `edit`, `evaluate` and `explain` take it, with its few
    steps by default. Ctrl-C saves; `debruit train --resume DIR` continues exactly.

    Parameters
    ----------
    model
        The teacher: a run folder, a .safetensors file, or a model from `debruit list models`.
    evaluations
        Network evaluations of the student for one image, which are its steps.
    out
        The run folder to make.
    minutes
        Length of the distillation, in minutes of wall-clock, everything included. Default without --images: 20.
    images
        Length of the distillation, in examples seen.
    data
        Where the data of the model lies now, if its file does not say; or own-samples: no data at all, see --prompts.
    prompts
        With --data own-samples: a text file with one prompt a line. Models of classes take these in turn.
    batch
        Examples per optimiser step.
    device
        auto, cpu or cuda.
    threads
        CPU threads; by default as many as this process has cores.
    set_
        Change one setting: KEY=VALUE, as in run.json, for example optimiser.lr=3e-4 or reuse=2. May be repeated.
    dry_run
        Print the settings, the memory and the time, and stop.
    """
    from debruit.workflows.distill import distill as run
    from debruit.workflows.distill_request import DistillRequest

    prepare_process(threads)
    check_no_models("--data", data)
    result = run(
        DistillRequest(
            model,
            evaluations=evaluations,
            out=out,
            minutes=minutes,
            images=images,
            data=data,
            prompts=prompts,
            batch=batch,
            device=device,
            set=set_ or (),
            dry_run=dry_run,
            started=command.started(),
        )
    )
    return show(result)
