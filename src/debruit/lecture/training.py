"""Algorithm 1 as printed, on one image: a few iterations, each from the model as it is.

    t ~ Uniform({1, ..., T}),  eps ~ N(0, I),  x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps
    L(theta) = ||eps - eps_theta(x_t, t)||^2,  g = grad_theta L          Ho et al. 2020, algorithm 1
    theta' = theta - eta g,  eta = 0.1 L / ||g||^2                       the step, on a copy

To first order the step removes a tenth of the loss: L(theta') ~ L - eta ||g||^2 = 0.9 L, so one rule gives a step that
can be seen for every network. Training itself uses a far smaller rate, on batches and with momentum.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.diffusion.prediction import combine, prediction, solve
from debruit.diffusion.process import expand
from debruit.lecture.study import Study
from debruit.models.config import Backbone
from debruit.rng import Purpose, stream

SHARE = 0.1  # of the loss, removed by the step to first order
LARGEST = 50_000_000  # parameters: of larger networks no gradient is computed


@dataclass(frozen=True, kw_only=True)
class Iterations:
    """N iterations of algorithm 1: the `steps` t that were drawn, eps, x_t and eps_theta, (N, C, H, W), and of each
    iteration, (N,) float64:

    `loss`, ||eps - eps_theta||^2, and `own_loss`, the mean of (y - y_theta)^2 over the values of the image for what the
    network predicts; the `gradient` norm of `loss`, the `rate` eta and the loss `after` the step, or None where
    gradients were left out.
    """

    steps: list[int]
    x0: Tensor
    eps: Tensor
    x_t: Tensor
    eps_hat: Tensor
    loss: Tensor
    own_loss: Tensor
    gradient: Tensor | None
    rate: Tensor | None
    after: Tensor | None

    @property
    def mean_loss(self) -> Tensor:
        """The loss divided by the number of values of the image, (N,)."""
        return self.loss / self.x0.numel()


def training(study: Study, *, iterations: int | None = None) -> Iterations:
    """Run algorithm 1 for `iterations` (None: as in `study.detail`). The model itself is left as it is."""
    count = iterations or study.detail.iterations
    chain, gradients = study.chain.chain, with_gradients(study)
    steps = 1 + stream(Purpose.LESSON_STEPS, study.seed).integers(chain.steps, (count,))
    eps = study.noise(count, purpose=Purpose.LESSON_NOISE)().to(study.x0.dtype)
    with torch.inference_mode(False):
        lesson = _Lesson(study, copy.deepcopy(study.model.backbone) if gradients else study.model.backbone)
        x_t = chain.q(lesson.x0.expand(eps.shape), steps.to(eps.device)).sample(eps)
        rows = [lesson.iteration(x_t[n : n + 1], eps[n : n + 1], steps[n : n + 1], gradients) for n in range(count)]
    eps_hat, *columns = zip(*rows, strict=True)
    loss, own, norm, rate, after = (torch.tensor(column, dtype=torch.float64) for column in columns)
    return Iterations(
        steps=steps.tolist(),
        x0=study.x0[0].cpu(),
        eps=eps.cpu(),
        x_t=x_t.cpu(),
        eps_hat=torch.cat(eps_hat).cpu(),
        loss=loss,
        own_loss=own,
        gradient=norm if gradients else None,
        rate=rate if gradients else None,
        after=after if gradients else None,
    )


def with_gradients(study: Study) -> bool:
    """Whether gradients are computed: if `study.detail` asks for them, and the network is not too large."""
    return study.detail.gradients and parameter_count(study) <= LARGEST


def parameter_count(study: Study) -> int:
    """The number of parameters theta."""
    return sum(p.numel() for p in study.model.backbone.parameters())


class _Lesson:
    """Iterations on a copy of the network, whose parameters are set back after each."""

    def __init__(self, study: Study, backbone: Backbone) -> None:
        self.study, self.backbone = study, backbone
        self.x0 = study.x0.clone()  # a tensor made in inference mode has no gradients
        self.conditions = study.conditions(1)
        own = list(study.model.backbone.parameters())
        self.pairs = [(p, q) for p, q in zip(backbone.parameters(), own, strict=True) if q.requires_grad]

    def iteration(self, x_t: Tensor, eps: Tensor, i: Tensor, gradients: bool) -> tuple:
        """Return eps_theta (1, C, H, W), loss, own loss, and gradient norm, rate and the loss after the step (0 where
        there are no gradients)."""
        with torch.set_grad_enabled(gradients):
            eps_hat, loss, own = self.losses(x_t, eps, i)
        result = eps_hat.detach(), float(loss.detach()), float(own.detach())
        if not gradients:
            return *result, 0.0, 0.0, 0.0
        grads = torch.autograd.grad(loss, [p for p, _ in self.pairs], allow_unused=True)
        square = sum(float(g.double().square().sum()) for g in grads if g is not None)
        rate = SHARE * result[1] / square if square else 0.0
        with torch.no_grad():
            for (p, _), g in zip(self.pairs, grads, strict=True):
                if g is not None:
                    p.sub_(g, alpha=rate)
            after = float(self.losses(x_t, eps, i)[1])
            for p, q in self.pairs:
                p.copy_(q)
        return *result, square**0.5, rate, after

    def losses(self, x_t: Tensor, eps: Tensor, i: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return eps_theta(x_t, t), ||eps - eps_theta||^2, and the mean of (y - y_theta)^2; x_t is that of the
        chain."""
        chain, device = self.study.chain, x_t.device
        t, scale = chain.times[i].clone().to(device), chain.scale[i].clone().to(device)
        denoiser = self.backbone.denoiser()
        c, predict = denoiser.coefficients(t), prediction(denoiser.predicts)
        scaled = expand(scale, x_t) * x_t
        y, _ = denoiser.raw(scaled, t, self.backbone.cond(self.conditions.values, self.conditions.keep))
        eps_hat = solve(predict, c, y, scaled).eps
        own = (y - combine(predict, c, self.x0, eps)).double().square().mean()
        return eps_hat, (eps - eps_hat).double().square().sum(), own
