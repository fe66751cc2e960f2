"""What has its own part of the report: the likelihood, memorisation, and the loss by timestep. Each is a generator of the units done that
returns its findings as what JSON can hold, finished parts kept."""

import base64
import io
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from debruit.data.dataset import Dataset
from debruit.errors import InputError
from debruit.evaluation.image_set import EvalSplit, ImageSet
from debruit.evaluation.likelihood import Bits, Likelihoods, Method, measure
from debruit.evaluation.loaded import LoadedAutoencoder, LoadedModel
from debruit.evaluation.nll import curve
from debruit.evaluation.nll import scores as likelihood_scores
from debruit.evaluation.part_store import Parts
from debruit.evaluation.protocol import HELD_OUT, SAMPLES, TRAINING
from debruit.evaluation.reconstruction import at_a_time
from debruit.sampling.noise import generator

Findings = dict[str, Any]
Work = tuple[float, Generator[float, None, Findings]]  # units in all, and the work

LIKELIHOOD_BATCH = 8  # images a part: seconds of work
ODE_STEPS, STRATA = 20, 64
ODE_COST = 3 * (6 * ODE_STEPS + 1)  # in evaluations of the network: each comes with a gradient
CHOICE = 9  # key of the random stream


@dataclass(frozen=True)
class Task:
    """What an analysis may look at. `images` is how many of each set the likelihood is measured on, `key` what determines the samples and
    what the networks see in them; `through` are the indices of the images that go through the autoencoder."""

    subject: LoadedModel | LoadedAutoencoder
    dataset: Dataset
    division: EvalSplit
    images: int
    seed: int
    parts: Parts
    sides: dict[str, ImageSet]
    key: list[Any]
    say: Callable[[str], None]
    through: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))


def bound(task: Task) -> Work:
    return _likelihood(task, "bound")


def latent_bound(task: Task) -> Work:
    return _likelihood(task, "latent-bound")


def likelihood(task: Task) -> Work:
    return _likelihood(task, "likelihood")


def _likelihood(task: Task, method: Method) -> Work:
    training = _some(task.division.training, task.images, task.seed)
    held_out = _some(task.division.held_out, task.images, task.seed)
    return len(training) + len(held_out), _measured(task, method, training, held_out)


def _measured(
    task: Task, method: Method, training: np.ndarray, held_out: np.ndarray
) -> Generator[float, None, Findings]:
    """In batches of training and held-out images in turn, each batch a part; joined at the end."""
    found: list[Likelihoods] = []
    for start in range(0, max(len(training), len(held_out)), LIKELIHOOD_BATCH):
        seen, unseen = (side[start : start + LIKELIHOOD_BATCH] for side in (training, held_out))
        key = [
            task.subject.digest, task.dataset.spec.fingerprint, method, task.seed, ODE_STEPS, STRATA, seen.tolist(), unseen.tolist()
        ]  # fmt: skip
        kept = task.parts.find("likelihood", key)
        if kept is None:
            kept = task.parts.keep("likelihood", key, _packed(_batch(task, method, seen, unseen)))
        found.append(_unpacked(kept))
        yield sum(part.done for part in found)
    whole = replace(_joined(found), own=task.division.own)
    return {
        "scores": [asdict(s) for s in likelihood_scores(whole)],
        "condition": whole.condition,
        "unit": whole.unit,
        "images": {name: 0 if bits is None else len(bits) for name, bits in (("train", whole.train), ("held_out", whole.held_out))},
        "curves": {name: _curve(whole, name) for name in ("train", "held_out")},
    }  # fmt: skip


def _batch(task: Task, method: Method, training: np.ndarray, held_out: np.ndarray) -> Likelihoods:
    last = None
    assert isinstance(task.subject, LoadedModel)
    for last in measure(
        task.subject.model, task.dataset, training=training, held_out=held_out, method=method, count=LIKELIHOOD_BATCH,
        batch=LIKELIHOOD_BATCH, seed=task.seed, steps=ODE_STEPS, strata=STRATA,
    ):  # fmt: skip
        pass
    assert last is not None
    return last


def _curve(found: Likelihoods, side: Any) -> dict[str, list[float]] | None:
    points = curve(found, side)
    return None if points is None else {name: np.asarray(values).tolist() for name, values in asdict(points).items()}


def _packed(found: Likelihoods) -> dict[str, Any]:
    """As JSON, exactly: a float's shortest decimal reads back as the same float."""
    pack = lambda bits: None if bits is None else {k: np.asarray(v).tolist() for k, v in asdict(bits).items()}  # noqa: E731
    return {
        "train": pack(found.train), "held_out": pack(found.held_out), "done": found.done, "total": found.total, "method": found.method,
        "condition": found.condition, "unit": found.unit, "strata": [[s.start, s.stop] for s in found.strata],
    }  # fmt: skip


def _unpacked(kept: dict[str, Any]) -> Likelihoods:
    def unpack(bits: dict[str, Any] | None) -> Bits | None:
        if bits is None:
            return None
        arrays = {k: np.asarray(v, dtype=np.float64) for k, v in bits.items()}
        arrays["terms"] = arrays["terms"].reshape(len(arrays["total"]), -1)
        return Bits(**arrays)

    values: dict[str, Any] = {name: unpack(kept[name]) for name in ("train", "held_out")}
    values["strata"] = tuple(range(*pair) for pair in kept["strata"])
    return Likelihoods(**(kept | values))


def _joined(parts: list[Likelihoods]) -> Likelihoods:
    def join(name: str) -> Bits | None:
        found = [bits for part in parts if (bits := getattr(part, name)) is not None]
        if not found:
            return None
        return Bits(**{f: np.concatenate([getattr(bits, f) for bits in found]) for f in ("total", "terms", "error")})

    done = sum(part.done for part in parts)
    return replace(parts[0], train=join("train"), held_out=join("held_out"), done=done, total=done)


def _some(indices: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Up to `count` of the indices, drawn by the seed."""
    return indices[torch.randperm(len(indices), generator=generator(seed, CHOICE)).numpy()[:count]]


def memorisation(task: Task) -> Work:
    """Nearest training images of every sample, in pixels, and in features where those of all training images are there."""
    return 1, _memorised(task)


def _memorised(task: Task) -> Generator[float, None, Findings]:
    from debruit.evaluation.memorisation.report import Features
    from debruit.evaluation.memorisation.report import memorisation as find

    sides, samples = task.sides, task.sides[SAMPLES]
    features = []
    if TRAINING in sides and len(sides[TRAINING].features):
        seen = {name: sides[name].features for name in (SAMPLES, TRAINING, HELD_OUT)}
        features = [Features(label=samples.network, **seen)]
    key = [task.key, [f.label for f in features]]
    kept = task.parts.find("memorisation", key)
    if kept is None:
        found = find(
            samples.images, task.dataset, training=task.division.training, held_out=task.division.held_out, features=features,
            mirrored=bool(task.subject.provenance.get("flip", False)), say=task.say,
        )  # fmt: skip
        kept = task.parts.keep("memorisation", key, _copies(task, samples, found))
    yield 1
    return kept


def _copies(task: Task, samples: ImageSet, found: Any) -> Findings:
    """What the report says and shows of the nearest training images. `sheet` is a PNG in base64."""
    from debruit.evaluation.memorisation.report import THRESHOLD, contact_sheet

    buffer = io.BytesIO()
    contact_sheet(samples.images, task.dataset, found).save(buffer, format="PNG")
    return {
        "scores": [asdict(s) for s in found.scores()],
        "verdict": found.verdict,
        "level": found.level,
        "threshold": THRESHOLD,
        "ratios": {v.label: {"samples": v.samples.ratio.tolist(), "held_out": v.held_out.ratio.tolist()} for v in found.views},
        "worst": [
            {"sample": n, "ratio": float(v.samples.ratio[n]), "by": v.label, "nearest": task.dataset.paths[int(v.samples.indices[n, 0])]}
            for n in found.worst() for v in [min(found.views, key=lambda view: view.samples.ratio[n])]
        ],
        "sheet": base64.b64encode(buffer.getvalue()).decode(),
    }  # fmt: skip


def loss(task: Task) -> Work:
    """The loss by timestep over the training, from the run's log."""
    return 1, _curves(task)


def _curves(task: Task) -> Generator[float, None, Findings]:
    from debruit.evaluation.loss_curves import advice, read_curves

    assert task.subject.log is not None, "the catalogue asks for it"
    try:
        found = read_curves(task.subject.log)
    except InputError as error:
        return {"missing": str(error)}
    yield 1
    return {"advice": advice(found)} | {name: np.asarray(value).tolist() for name, value in asdict(found).items()}


def codec(task: Task) -> Work:
    """The health of the autoencoder's latents."""
    return len(task.through), _health(task)


def _health(task: Task) -> Generator[float, None, Findings]:
    from debruit.evaluation.latent_diagnostics import health

    key = [task.subject.digest, task.subject.device.type, task.dataset.spec.fingerprint, task.through.tolist()]

    def batches() -> Iterator[Tensor]:
        batch = at_a_time(task.dataset.spec)
        for start in range(0, len(task.through), batch):
            part = task.dataset.images_of(task.through[start : start + batch])
            yield task.subject.data.to_model(part).to(task.subject.device)

    def make() -> Findings:
        return {"scores": [asdict(s) for s in health(task.subject.codec, batches())]}

    yield 0
    return task.parts.kept("codec", key, make)


ANALYSES: dict[str, Callable[[Task], Work]] = {
    "bound": bound,
    "latent-bound": latent_bound,
    "likelihood": likelihood,
    "memorisation": memorisation,
    "loss": loss,
    "codec": codec,
}
