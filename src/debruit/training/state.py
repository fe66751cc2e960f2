"""The only mutable object of a training."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from debruit import events
from debruit.autoencoders.codec import CodecModule
from debruit.models.config import Backbone
from debruit.rng import Purpose, torch_generator
from debruit.training.config import Optimiser, Run
from debruit.training.optim.muon import NARROWEST, Muon

Built = TypeVar("Built", bound=nn.Module | None)
Averaged = TypeVar("Averaged", bound=nn.Module)


@dataclass(kw_only=True)
class State:
    """Where a training is. What else a kind of training changes, its subclass adds.

    `total_images` is the length by --images (with --minutes an estimate, for the display). `elapsed` are the seconds so
    far, of which `begun` had passed when the first step began; `share` is what is spent of so many `share_minutes`.
    `lr_factor` is below 1 after a roll-back, and `attempt` counts roll-backs, so that the images after one meet other
    noise.
    """

    images_seen: int
    total_images: int
    elapsed: float = 0.0
    begun: float | None = None
    share: float = 0.0
    share_minutes: float = 0.0
    lr_factor: float = 1.0
    attempt: int = 0
    lost_in_a_row: int = 0  # steps without a finite gradient, up to now
    validated: int = 0  # images seen at the last validation
    finished: bool = False  # at the last save the training had reached its length
    stop_requested: bool = False  # stops the loop after its step, as a cancelled token does

    NUMBERS: ClassVar[tuple[str, ...]] = (
        "images_seen",
        "total_images",
        "elapsed",
        "begun",
        "share",
        "share_minutes",
        "lr_factor",
        "attempt",
        "validated",
        "finished",
    )

    @property
    def interrupted(self) -> bool:
        """Whether the loop is to stop after its step: because of `stop_requested`, or because the work was cancelled."""
        return self.stop_requested or events.cancelled()

    def tensors(self) -> dict[str, Tensor]:
        """Everything that resuming needs, by name; the scalars are `numbers`."""
        raise NotImplementedError

    def numbers(self) -> dict[str, float]:
        return {key: getattr(self, key) for key in self.NUMBERS}

    def weights(self) -> dict[str, Any]:
        """For the model's provenance: which weights its file holds."""
        return {"weights": "ema"}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Takes over what `tensors` and `numbers` gave."""
        for key, value in numbers.items():
            setattr(self, key, value)
        self.lost_in_a_row = 0


@dataclass(kw_only=True)
class TrainState(State):
    """The training of a diffusion model: weights, their average, the optimiser's moments. `codec` is the frozen
    autoencoder that the latents are from, None for pixels; it is not trained, so not saved with the state."""

    backbone: Backbone
    average: Backbone
    optimiser: torch.optim.Optimizer
    codec: CodecModule | None = None

    @classmethod
    def start(cls, run: Run, device: torch.device, codec: CodecModule | None = None) -> "TrainState":
        """Step 0 of a run: weights from its seed, drawn on the CPU."""
        run.model.check()
        backbone = seeded(run.model.build, run.seed).to(device)
        return cls(
            backbone=backbone,
            average=averaged(backbone),
            optimiser=build_optimiser(run.optimiser, backbone),
            codec=codec,
            images_seen=0,
            total_images=run.images,
        )

    @property
    def module(self) -> Backbone:
        """What is trained, as every kind of state calls it."""
        return self.backbone

    def tensors(self) -> dict[str, Tensor]:
        average = stored("average", self.average)
        for name in untrained(self.backbone):  # which is in the weights already
            del average[f"average/{name}"]
        return stored("weights", self.backbone) | average | moments("optimiser", self.optimiser, self.backbone)

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        super().restore(tensors, numbers)
        weights = below("weights", tensors)
        self.backbone.load_state_dict(weights)
        fixed = {name: weights[name] for name in untrained(self.backbone)}
        self.average.load_state_dict(fixed | below("average", tensors))
        restore_moments(self.optimiser, self.backbone, below("optimiser", tensors))


def seeded(build: Callable[[], Built], seed: int, *where: int, purpose: Purpose = Purpose.WEIGHTS) -> Built:
    """A module with initial weights of this name (rng.py), sampled on the CPU; torch's global generator is left as it
    was."""
    with torch_generator(purpose, seed, *where):
        return build()


def averaged(module: Averaged) -> Averaged:
    """The average of a module's weights, at its beginning."""
    return copy.deepcopy(module).requires_grad_(False).eval()


def stored(kind: str, module: nn.Module) -> dict[str, Tensor]:
    return {f"{kind}/{name}": value for name, value in module.state_dict().items()}


def moments(kind: str, optimiser: torch.optim.Optimizer, module: nn.Module) -> dict[str, Tensor]:
    """What an optimiser remembers of the parameters of a module: "kind/moment/parameter"."""
    return {
        f"{kind}/{key}/{name}": value
        for name, parameter in module.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def below(kind: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those whose name begins with "kind/", without it."""
    return {name.removeprefix(f"{kind}/"): value for name, value in tensors.items() if name.startswith(f"{kind}/")}


def restore_moments(optimiser: torch.optim.Optimizer, module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """The inverse of `moments`."""
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        moment, name = key.split("/")
        found.setdefault(name, {})[moment] = value
    optimiser.state.clear()
    for name, parameter in trained(module):
        optimiser.state[parameter] = {k: _laid_out_like(parameter, v) for k, v in found.get(name, {}).items()}


def build_optimiser(o: Optimiser, module: nn.Module) -> torch.optim.Optimizer:
    """Weight decay on matrices and kernels only, neither on biases and norms nor on tables of embeddings and codes."""
    matrices, decayed, plain = [], [], []
    for name, p in trained(module):
        if p.ndim <= 1 or "embedding" in name or "codebook" in name:
            plain.append(p)
        elif o.kind == "muon" and min(len(p), p[0].numel()) >= NARROWEST:
            matrices.append(p)
        else:
            decayed.append(p)
    groups = [{"params": decayed, "weight_decay": o.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    if o.kind == "adamw":
        return torch.optim.AdamW([g for g in groups if g["params"]], lr=o.lr, betas=o.betas, eps=o.eps, fused=True)
    groups += [{"params": matrices, "weight_decay": o.weight_decay, "matrices": True}]
    return Muon([g for g in groups if g["params"]], lr=o.lr, betas=o.betas, eps=o.eps, momentum=o.momentum)


def trained(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The parameters that a training changes, by name."""
    return [(name, p) for name, p in module.named_parameters() if p.requires_grad]


def untrained(module: nn.Module) -> list[str]:
    """The names of those that it leaves as they are."""
    return [name for name, p in module.named_parameters() if not p.requires_grad]


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """A copy of an optimiser's moment on the parameter's device and in its memory format; a step count stays a scalar."""
    if value.shape != parameter.shape:
        return value.to(parameter.device).clone()
    return torch.empty_like(parameter, requires_grad=False).copy_(value)
