"""A latent diffusion model in one command: an autoencoder, then diffusion in its latent space, under one budget.

OUT/stages.json                 the plan, until the second stage begins
OUT/autoencoder/                the run of the first stage
OUT/autoencoder.safetensors     the trained autoencoder, which the second stage needs next to its own run.json
"""

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from debruit.autoencoders.codec import Codec
from debruit.conditioning.base import Conditioner
from debruit.config import decode, encode
from debruit.data.source import Source
from debruit.data.split import Split
from debruit.errors import InputError
from debruit.files.atomic import write_atomically
from debruit.images.spec import DataSpec
from debruit.models.autoencoder import FirstStage
from debruit.networks.pretrained.efficientnet import PACKAGE as PERCEPTUAL_PACKAGE
from debruit.planning import autoencoder as autoencoders
from debruit.planning import recommend, throughput
from debruit.planning.cost import BACKWARD, autoencoder_flops
from debruit.planning.recommend import Budget
from debruit.training.config import AutoencoderRun, Run
from debruit.training.run_folder import FIRST_STAGE, LOG, PLAN, RUN, RunFolder, alone, check_free

FOLDER = "autoencoder"
FIRST_SHARE = 0.3  # share of the autoencoder in the minutes or images (bench/RESULTS.md)
LEAST_SIDE, LEAST_FIRST_IMAGES = 64, 3_000
LEAST_MINUTES = 0.05  # for the second stage, if the first has used up the budget


@dataclass(frozen=True, kw_only=True)
class TwoStagePlan:
    """The plan of both stages. `minutes` or `images` is the whole budget; `batch`, `conditioners` and `assignments` are
    the user's settings of the second stage."""

    first: AutoencoderRun
    minutes: float | None = None
    images: int | None = None
    batch: int | None = None
    conditioners: tuple[Conditioner, ...] | None = None
    assignments: tuple[str, ...] = ()


def suits(spec: DataSpec, minutes: float, device: torch.device) -> bool:
    """Whether latents give better images than pixels in these minutes (bench/RESULTS.md): from LEAST_SIDE pixels on, if
    the autoencoder's share is enough for LEAST_FIRST_IMAGES with the narrowest one, and its perceptual network is
    installed."""
    if min(spec.height, spec.width) < LEAST_SIDE or importlib.util.find_spec(PERCEPTUAL_PACKAGE) is None:
        return False
    narrowest = autoencoders.narrowest(spec)
    operations = throughput.throughput(device) * 60 * minutes * FIRST_SHARE
    return operations / (BACKWARD * autoencoder_flops(narrowest, spec.shape)) >= LEAST_FIRST_IMAGES


def begin(path: Path, plan: TwoStagePlan) -> RunFolder:
    """Create the folder of the plan; return that of the first stage inside it. InputError: a folder that is in use."""
    with alone(path):
        check_free(path)
        write_atomically(path / PLAN, lambda temporary: temporary.write_text(json.dumps(encode(plan), indent=2)))
    return RunFolder.create(path / FOLDER, plan.first)


def first_folder(path: Path, plan: TwoStagePlan) -> RunFolder:
    """The folder of the first stage; it is created if the training was killed before that."""
    inside = path / FOLDER
    return RunFolder.open(inside) if (inside / RUN).exists() else RunFolder.create(inside, plan.first)


def pending(path: Path) -> TwoStagePlan | None:
    """The plan of a folder whose second stage has not begun, else None. InputError: a plan that is damaged."""
    if not (path / PLAN).exists() or (path / RUN).exists():
        return None
    try:
        return decode(json.loads((path / PLAN).read_text()), TwoStagePlan, where=str(path / PLAN))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path / PLAN} is damaged ({error}): restore it, or start a new run") from None


def second(
    plan: TwoStagePlan,
    device: torch.device,
    codec: Codec | None = None,
    taken: float | None = None,
    *,
    speed: float = 1.0,
    data_split: Split | None = None,
) -> Run:
    """The run of the second stage, with the minutes or images that the first leaves, on the latents of `codec`, whose
    training took `taken` seconds. None for both, before the first stage is trained, stands for its plan. `speed` and
    `data_split` as in recommend.Budget; the split is that of the first stage."""
    first, minutes, images = plan.first, None, None
    if plan.minutes is not None:
        used = (first.minutes or 0) if taken is None else taken / 60
        minutes = max(plan.minutes - used, LEAST_MINUTES)
    else:
        assert plan.images is not None
        images = max(plan.images - first.images, 1)
    budget = Budget(
        minutes=minutes,
        images=images,
        batch=plan.batch,
        seed=first.seed,
        flip=first.flip,
        speed=speed,
        split=data_split,
    )
    run = recommend.diffusion(
        first.source,
        first.data,
        device,
        budget,
        codec=codec or first.model.codec,
        conditioners=plan.conditioners,
    )
    return replace(run, group=first.group, own_parts=first.own_parts)


def on_latents(
    stage: FirstStage,
    source: Source,
    spec: DataSpec,
    device: torch.device,
    budget: Budget,
    *,
    conditioners: Sequence[Conditioner] | None = None,
) -> Run:
    """The run of a diffusion model on an autoencoder's latents. InputError: images that the autoencoder cannot
    encode."""
    stage.check_fits(spec)
    return recommend.diffusion(source, spec, device, budget, codec=stage.config.codec, conditioners=conditioners)


def create(path: Path, run: Run, stage: FirstStage) -> RunFolder:
    """Create the run folder of a diffusion model on latents, with its autoencoder next to run.json."""
    return RunFolder.create(path, run, write_first=lambda: stage.save(path / FIRST_STAGE))


def split(minutes: float | None, images: int | None) -> tuple[float | None, int | None]:
    """Minutes and images of the first stage."""
    return (
        None if minutes is None else minutes * FIRST_SHARE,
        None if images is None else max(int(images * FIRST_SHARE), 1),
    )


def spent(path: Path) -> float:
    """Duration of the first stage in seconds, according to its log."""
    lines = (path / FOLDER / LOG).read_text().splitlines()
    return float(json.loads(lines[-1])["elapsed"]) if lines else 0.0
