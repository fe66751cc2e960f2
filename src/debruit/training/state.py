"""The only mutable object of a training."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.model import Backbone
from debruit.sampling.noise import generator
from debruit.training.muon import NARROWEST, Muon
from debruit.training.run import Optimiser, Run

INIT = 1  # keys the random stream of the initial weights apart from the others


@dataclass
class TrainState:
    """Weights, their average, the optimiser's moments, and where the training is.

    `total_images` is the plan (fixed by --images; with --minutes the clock moves it), `elapsed` the seconds trained so far, `lr_factor` is below 1
    after a roll-back, and `attempt` counts roll-backs, so that the images after one meet other noise.
    """

    backbone: Backbone
    average: Backbone
    optimiser: torch.optim.Optimizer
    images_seen: int
    total_images: int
    elapsed: float = 0.0
    lr_factor: float = 1.0
    attempt: int = 0
    lost_in_a_row: int = 0  # steps without a finite gradient, up to now
    interrupted: bool = False  # somebody asked the loop to stop after its step

    @classmethod
    def start(cls, run: Run, device: torch.device) -> "TrainState":
        """Step 0 of a run: weights from its seed, drawn on the CPU."""
        run.model.check()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator(run.seed, INIT).initial_seed())
            backbone = run.model.build()
        backbone = backbone.to(device)
        average = copy.deepcopy(backbone).requires_grad_(False).eval()
        return cls(backbone, average, build_optimiser(run.optimiser, backbone), images_seen=0, total_images=run.images)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that resuming needs, by name; the scalars are `numbers`."""
        found = {f"weights/{name}": p for name, p in self.backbone.state_dict().items()}
        found |= {f"average/{name}": p for name, p in self.average.state_dict().items()}
        for name, parameter in self.backbone.named_parameters():
            moments = self.optimiser.state.get(parameter, {})
            found |= {f"optimiser/{key}/{name}": value for key, value in moments.items()}
        return found

    def numbers(self) -> dict[str, float]:
        return {key: getattr(self, key) for key in ("images_seen", "total_images", "elapsed", "lr_factor", "attempt")}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, float]) -> None:
        """Takes over what `tensors` and `numbers` gave."""
        moments: dict[str, dict[str, Tensor]] = {}
        weights: dict[str, dict[str, Tensor]] = {"weights": {}, "average": {}}
        for key, value in tensors.items():
            kind, *rest = key.split("/")
            if kind == "optimiser":
                moments.setdefault(rest[1], {})[rest[0]] = value
            else:
                weights[kind][rest[0]] = value
        self.backbone.load_state_dict(weights["weights"])
        self.average.load_state_dict(weights["average"])
        self.optimiser.state.clear()
        for name, parameter in self.backbone.named_parameters():
            self.optimiser.state[parameter] = {
                k: _laid_out_like(parameter, v) for k, v in moments.get(name, {}).items()
            }
        for key, value in numbers.items():
            setattr(self, key, value)
        self.lost_in_a_row = 0


def build_optimiser(o: Optimiser, backbone: Backbone) -> torch.optim.Optimizer:
    """Weight decay on matrices and kernels only, neither on biases and norms nor on tables of embeddings."""
    matrices, decayed, plain = [], [], []
    for name, p in backbone.named_parameters():
        if p.ndim == 1 or "embedding" in name:
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


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """A copy of an optimiser's moment on the parameter's device and in its memory format; a step count stays a scalar."""
    if value.shape != parameter.shape:
        return value.to(parameter.device).clone()
    return torch.empty_like(parameter, requires_grad=False).copy_(value)
