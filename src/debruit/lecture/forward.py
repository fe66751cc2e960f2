"""The forward chain on one image and one noise, and the predictions of the network at every step.

x_i = sqrt(abar_i) x_0 + sqrt(1 - abar_i) eps          Chain.q
eps_theta(x_i, i), x_0^ = (x_i - sqrt(1 - abar_i) eps_theta) / sqrt(abar_i)          Denoiser
mu~_i(x_i, x_0), mu_theta = mu~_i(x_i, x_0^)           Chain.posterior, Chain.reverse
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.lecture.study import BATCH, Study


@dataclass(frozen=True, kw_only=True)
class Forward:
    """K steps of the chain; images are (C, H, W), rows of them (K, C, H, W), float32 on the CPU.

    `posterior` is mu~, `mean` mu_theta; their variances are `posterior_variance` (K,) and `variance`, (K, 1, 1, 1) or,
    where it was learned, (K, C, H, W).
    """

    steps: list[int]
    x0: Tensor
    eps: Tensor
    x_t: Tensor
    eps_hat: Tensor
    x0_hat: Tensor
    posterior: Tensor
    mean: Tensor
    posterior_variance: Tensor
    variance: Tensor

    @property
    def simple_loss(self) -> Tensor:
        """Mean of (eps - eps_theta)^2 over the values of the image, (K,): the loss of algorithm 1."""
        return ((self.eps - self.eps_hat) ** 2).flatten(1).mean(1)


@torch.inference_mode()
def forward(study: Study) -> Forward:
    """Compute the panel, with one network evaluation for each step shown."""
    chain, x0 = study.chain.chain, study.x0
    eps = study.noise()()
    rows: dict[str, list[Tensor]] = {}
    for start in range(0, len(study.steps), BATCH):
        i = torch.tensor(study.steps[start : start + BATCH], device=x0.device)
        clean, noise = x0.expand(len(i), *x0.shape[1:]), eps.expand(len(i), *eps.shape[1:])
        x_t = chain.q(clean, i).sample(noise)
        estimate = study.estimate(x_t, i)
        p = study.p(estimate, x_t, i)
        row = {
            "x_t": x_t,
            "eps_hat": estimate.eps,
            "x0_hat": estimate.x0,
            "posterior": chain.posterior(clean, x_t, i).mean,
            "mean": p.mean,
            "variance": p.variance,
        }
        for name, value in row.items():
            rows.setdefault(name, []).append(value.float().cpu())
    return Forward(
        steps=study.steps,
        x0=x0[0].cpu(),
        eps=eps[0].cpu(),
        posterior_variance=chain.posterior_beta[study.steps],
        **{name: torch.cat(parts) for name, parts in rows.items()},
    )
