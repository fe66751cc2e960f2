"""What guidance does: the two guesses that it goes between, how far apart they are, and one noise at several weights.

The guesses are of the forward chain's x_t, without guidance; the pictures are drawn as the model samples by itself, but for the weight.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.conditioning.guidance_terms import guidable
from debruit.lecture.study import BATCH, Study

WEIGHTS = (0.0, 1.0, 2.0, 4.0, 8.0)
IMAGES = 3


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """At each of K steps x_0^ under the condition and without it, and eps_theta likewise, (K, C, H, W). `images` (W, N, C, H, W) at rest are N noises
    drawn at each of the `weights`, which cost so many network `evaluations`."""

    steps: list[int]
    conditional: Tensor
    unconditional: Tensor
    eps_conditional: Tensor
    eps_unconditional: Tensor
    weights: tuple[float, ...]
    evaluations: tuple[int, ...]
    images: Tensor

    @property
    def clean_gap(self) -> Tensor:
        """Root mean square of c - u in x_0^, (K,)."""
        return (self.conditional - self.unconditional).square().flatten(1).mean(1).sqrt()

    @property
    def noise_gap(self) -> Tensor:
        """The same in eps_theta."""
        return (self.eps_conditional - self.eps_unconditional).square().flatten(1).mean(1).sqrt()


def guidance(study: Study, *, weights: tuple[float, ...] = WEIGHTS, images: int = IMAGES) -> Guidance | None:
    """Two evaluations for each step shown, and the pictures' own. None where nothing can be guided: no condition, or one that was never dropped."""
    if not guidable(study.model.config.conditioners, study.asked(1)):
        return None
    kept, dropped = _guesses(study, True), _guesses(study, False)
    drawn = [_drawn(study, weight, images) for weight in weights]
    return Guidance(
        steps=study.steps, conditional=kept[0], unconditional=dropped[0], eps_conditional=kept[1], eps_unconditional=dropped[1],
        weights=weights, evaluations=tuple(cost for _, cost in drawn), images=torch.stack([found for found, _ in drawn]),
    )  # fmt: skip


@torch.inference_mode()
def _guesses(study: Study, keep: bool) -> tuple[Tensor, Tensor]:
    """x_0^ and eps_theta of the x_t of the forward chain, with or without the condition."""
    chain, x0, eps = study.chain.chain, study.x0, study.noise()()
    found = []
    for start in range(0, len(study.steps), BATCH):
        i = torch.tensor(study.steps[start : start + BATCH], device=x0.device)
        x_t = chain.q(x0.expand(len(i), *x0.shape[1:]), i).sample(eps.expand(len(i), *eps.shape[1:]))
        found.append(study.estimate(x_t, i, keep=keep))
    return torch.cat([f.x0 for f in found]).float().cpu(), torch.cat([f.eps for f in found]).float().cpu()


def _drawn(study: Study, weight: float, count: int) -> tuple[Tensor, int]:
    """Images (N, C, H, W) at rest of the model's own sampler at this weight, and their network evaluations each."""
    drawing, last = study.drawing(count, guidance=weight), None
    for last in drawing.run():
        pass
    assert last is not None
    return study.model.images(last.x), drawing.evaluations
