"""The state of a training: the only object that it changes."""

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
    """The state that every kind of training has; subclasses add the rest.

    `total_images` is the length by --images (with --minutes an estimate for the display). `elapsed` is the time so far
    in seconds, of which `begun` had passed when the first step began; `share` is the fraction of `share_minutes` that
    is spent. `lr_factor` is below 1 after a roll-back. `attempt` counts roll-backs, so that the images after one get
    other noise.
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
        """Whether the loop must stop after its step: `stop_requested`, or the work was cancelled."""
        return self.stop_requested or events.cancelled()

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that resuming needs, by name; the scalars are in `numbers`."""
        raise NotImplementedError

    def numbers(self) -> dict[str, float]:
        """Return the scalars that resuming needs, by name."""
        return {key: getattr(self, key) for key in self.NUMBERS}

    def weights(self) -> dict[str, Any]:
        """Return which weights the model file holds, for its provenance."""
        return {"weights": "ema"}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Restore the state from the values of `tensors` and `numbers`."""
        for key, value in numbers.items():
            setattr(self, key, value)
        self.lost_in_a_row = 0


@dataclass(kw_only=True)
class TrainState(State):
    """The training of a diffusion model: weights, their average, the moments of the optimiser.

    `codec` is the frozen autoencoder of a latent model, None for pixels. It is not trained, so it is not saved with the
    state.
    """

    backbone: Backbone
    average: Backbone
    optimiser: torch.optim.Optimizer
    codec: CodecModule | None = None

    @classmethod
    def start(cls, run: Run, device: torch.device, codec: CodecModule | None = None) -> "TrainState":
        """Return step 0 of a run, with weights sampled on the CPU from its seed."""
        run.model.check()
        backbone = seeded(run.model.build, run.seed).to(device)
        return cls(
            backbone=backbone,
            average=averaged(backbone),
            optimiser=build_optimiser(run.optimiser, backbone, half=run.in_bfloat16(device)),
            codec=codec,
            images_seen=0,
            total_images=run.images,
        )

    @property
    def module(self) -> Backbone:
        """The trained module, by the name that every kind of state uses."""
        return self.backbone

    def tensors(self) -> dict[str, Tensor]:
        average = stored("average", self.average)
        for name in untrained(self.backbone):  # these are stored with the weights
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
    """Build a module with initial weights from the stream (purpose, seed, *where) (rng.py), sampled on the CPU.

    torch's global generator is left as it was.
    """
    with torch_generator(purpose, seed, *where):
        return build()


def averaged(module: Averaged) -> Averaged:
    """Return the initial average of a module's weights."""
    return copy.deepcopy(module).requires_grad_(False).eval()


def stored(kind: str, module: nn.Module) -> dict[str, Tensor]:
    """Return the weights of a module, by "kind/name"."""
    return {f"{kind}/{name}": value for name, value in module.state_dict().items()}


def moments(kind: str, optimiser: torch.optim.Optimizer, module: nn.Module) -> dict[str, Tensor]:
    """Return the moments of an optimiser for the parameters of a module, by "kind/moment/parameter"."""
    return {
        f"{kind}/{key}/{name}": value
        for name, parameter in module.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def below(kind: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose name begins with "kind/", without that prefix."""
    return {name.removeprefix(f"{kind}/"): value for name, value in tensors.items() if name.startswith(f"{kind}/")}


def restore_moments(optimiser: torch.optim.Optimizer, module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Restore the moments that `moments` returned, without their prefix."""
    by_parameter: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        moment, name = key.split("/")
        by_parameter.setdefault(name, {})[moment] = value
    optimiser.state.clear()
    for name, parameter in trained(module):
        optimiser.state[parameter] = {k: _laid_out_like(parameter, v) for k, v in by_parameter.get(name, {}).items()}


def build_optimiser(o: Optimiser, module: nn.Module, *, half: bool = False) -> torch.optim.Optimizer:
    """Build an optimiser, one that orthogonalises in bfloat16 if `half`. Weight decay applies to matrices and kernels
    only, not to biases, norms, embeddings and codes."""
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
    groups = [g for g in groups if g["params"]]
    return Muon(groups, lr=o.lr, betas=o.betas, eps=o.eps, momentum=o.momentum, half=half)


def trained(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Return the parameters that a training changes, by name."""
    return [(name, p) for name, p in module.named_parameters() if p.requires_grad]


def untrained(module: nn.Module) -> list[str]:
    """Return the names of the parameters that a training leaves as they are."""
    return [name for name, p in module.named_parameters() if not p.requires_grad]


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """Copy a moment to the parameter's device and memory format; a step count stays a scalar."""
    if value.shape != parameter.shape:
        return value.to(parameter.device).clone()
    return torch.empty_like(parameter, requires_grad=False).copy_(value)
