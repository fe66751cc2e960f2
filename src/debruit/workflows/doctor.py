"""`debruit data doctor`: what is in a data source, what is broken, and what training on it costs."""

from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from debruit import events
from debruit.conditioning.from_data import default_names
from debruit.data.doctor.doctor import examine
from debruit.data.find import Sources, find_source, source_texts
from debruit.device import choose_device
from debruit.errors import InputError
from debruit.planning import conditions, recommend
from debruit.planning.plan import plan
from debruit.planning.recommend import Budget
from debruit.planning.split import planned_split
from debruit.ranges import LARGEST_SIDE
from debruit.text.wordpiece import reads_captions
from debruit.workflows.public import public
from debruit.workflows.request import Request
from debruit.workflows.train_source import sized


@dataclass(frozen=True)
class DoctorRequest(Request):
    """Examine `source`, one or several files or folders of one kind, or a built-in source, for trainings of `minutes`
    at `size` pixels per side.
    """

    source: Sources
    _: KW_ONLY
    size: Annotated[int, Ge(4), Le(LARGEST_SIDE)] | None = None
    minutes: Annotated[float, Gt(0)] = 20.0
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class DoctorResult:
    """The lines about the source, and those about the training that the planner recommends for it."""

    findings: tuple[str, ...]
    plan: tuple[str, ...]


def doctor(request: DoctorRequest) -> DoctorResult:
    """Examine a source. Each line is an event as soon as it is known. InputError: no source, or nothing in it that can
    be read.
    """
    request.check("doctor")
    if not request.source:
        raise InputError(
            "name what to examine: a folder of images, Parquet files, tar shards or a built-in source "
            "(debruit list data)"
        )
    device = choose_device(request.device)
    source = sized(find_source(source_texts(request.source)), request.size)
    report = examine(source)
    findings = tuple(report.lines())
    for line in findings:
        events.say(line)
    events.check_cancelled()
    dataset = report.dataset
    names = default_names(source, dataset)
    if "text" in names and not reads_captions():
        names.remove("text")
        events.say(
            "captions are left out of the cost: the package tokenizers is not installed (pip install 'debruit[text]')"
        )
    split = planned_split(dataset, reads=conditions.items_of(names))
    conditioners = conditions.conditioners(source, dataset, names, split=split)
    budget = Budget(minutes=request.minutes, split=split)
    run = recommend.diffusion(source, dataset.spec, device, budget, conditioners=conditioners)
    lines = tuple(plan(run, device, split).summary)
    for line in lines:
        events.say(line)
    return DoctorResult(findings=findings, plan=lines)


start = public(DoctorRequest, doctor)
