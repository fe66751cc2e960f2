"""The conditions that a student learns under: those of the data that its teacher was trained on, or prompts and classes
alone.
"""

from typing import Any

from debruit.conditioning.base import keyword
from debruit.data.dataset import Dataset
from debruit.data.find import source_texts
from debruit.data.source import Source
from debruit.data.sources.moved import moved
from debruit.data.sources.own_samples import OwnSamples
from debruit.data.split import SplitConfig
from debruit.errors import InputError
from debruit.models.config import ModelConfig
from debruit.models.loaded import LoadedModel
from debruit.planning.split import held_out
from debruit.workflows.distill_request import OWN_SAMPLES, DistillRequest

FROM_TEACHER = ("held_out_images", "seed", "group", "own_parts", "source")  # facts about the teacher's training data


def conditions_for(
    request: DistillRequest, teacher: LoadedModel
) -> tuple[Source, Dataset, dict[str, Any], dict[str, Any]]:
    """Return the source of the conditions, its data, the settings of the split, and what the student's provenance keeps
    of the teacher's.

    InputError: data that is not available, or conditions that cannot be had without it.
    """
    facts = teacher.provenance
    if request.own_samples:
        source = own_samples(teacher, request.texts)
        dataset = source.build()
        split = {"validation_images": held_out(len(dataset)), "seed": int(facts.get("seed", 0))}
        return source, dataset, split, {name: facts[name] for name in FROM_TEACHER if name in facts}
    source, dataset = training_data(request, teacher)
    config = SplitConfig.of_provenance(facts)
    return source, dataset, vars(config), {}


def own_samples(teacher: LoadedModel, prompts: tuple[str, ...]) -> OwnSamples:
    """Return the source of a model for requests of prompts, of classes in turn, or of nothing.

    InputError: prompts that the model cannot read, or a condition that it always needs and that is none of these.
    """
    config: ModelConfig = teacher.model.config
    items = {c.item: c for c in config.conditioners}
    if prompts and "text" not in items:
        raise InputError(f"--prompts: {teacher.name} reads no prompt; leave the flag out")
    if "text" in items and not prompts:
        raise InputError(
            f"{teacher.name} draws what a prompt says: give --prompts FILE with one a line, the more and the more "
            "varied the better"
        )
    for c in config.conditioners:
        if c.drop == 0 and c.item not in ("text", "label"):
            raise InputError(
                f"{teacher.name} always needs its {keyword(c)}, which comes from images: give the data it was trained "
                f"on ({teacher.data.name}) with --data SOURCE instead of {OWN_SAMPLES}"
            )
    return OwnSamples(spec=config.data, prompts=prompts)


def training_data(request: DistillRequest, teacher: LoadedModel) -> tuple[Source, Dataset]:
    """Return the source that the teacher was trained on, and its data. InputError: it is not available."""
    fingerprint = teacher.data.fingerprint
    source = teacher.source()
    if request.data is not None:
        if isinstance(request.data, Source):
            source, dataset = request.data, request.data.build()
        else:
            source, dataset = moved(source or teacher.recorded(), source_texts(request.data), fingerprint)
    elif source is None:
        raise InputError(needed(teacher, "the file of the model does not say where it lies"))
    else:
        try:
            dataset = source.build()
        except InputError as error:
            raise InputError(needed(teacher, str(error))) from None
    if dataset.spec.fingerprint != fingerprint:
        raise InputError(needed(teacher, f"{dataset.spec.name} has other images now"))
    return source, dataset


def needed(teacher: LoadedModel, why: str) -> str:
    """Return what a distillation needs whose data is not available, and what can be done without it."""
    conditions = [keyword(c) for c in teacher.model.config.conditioners]
    read = f"the conditions of {teacher.data.name} ({', '.join(conditions)})" if conditions else "its held-out images"
    prompts = " --prompts FILE" if "prompt" in conditions else ""
    return (
        f"the data that {teacher.name} was trained on, {teacher.data.name}, is not available: {why}. A distillation "
        f"reads {read}: give --data SOURCE, where it lies now, or distil from the model's own samples, without any "
        f"data, with --data {OWN_SAMPLES}{prompts}"
    )
