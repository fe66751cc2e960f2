"""Algorithm 2 exactly as printed, and as it is mostly run, from the same noise.

    printed   x_T ~ N(0, I),  x_{t-1} = (x_t - (1 - alpha_t) / sqrt(1 - abar_t) eps_theta(x_t, t)) / sqrt(alpha_t)
                                        + sigma_t z,  z ~ N(0, I) for t > 1, else 0          Ho et al. 2020, algorithm 2
    own       x_{t-1} = mu~_t(x_t, x_0^) + sigma_t z,  with x_0^ guided and clipped to [-1, 1] first

The two means are equal where x_0^ is left as it is. The DDPM authors' code clips x_0^, which their paper does not say.
Where alpha_t = 0 (a last step without any signal) the printed mean is 0 / 0, and mu~_t(x_t, x_0^), which it equals
everywhere else, takes its role. The state has float64; the network computes in its own precision.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.conditioning.guidance_terms import guidable
from debruit.diffusion.chain import Chain
from debruit.diffusion.prediction import Estimate
from debruit.lecture.chains import respaced
from debruit.lecture.study import Study
from debruit.sampling.guidance.weights import none

LONG = 500  # steps, above which the page would take more than a minute
STRIP = 9  # frames of each image along the chain, the first the noise and the last the sample


@dataclass(frozen=True, kw_only=True)
class Frames:
    """One run. For its first image at each of K steps, (K, C, H, W), float64: x_t, eps_theta, x_0^ (clipped, where the
    run clips), the mean, sigma_t z and x_{t-1}, in the chain's coordinates. `outside` (K,): the share of the values of
    x_0^ outside [-1, 1], before any clipping, in all images. `strip` (n, 9, C, H, W): every image along the chain.
    """

    x_t: Tensor
    eps_hat: Tensor
    x0_hat: Tensor
    mean: Tensor
    kick: Tensor
    x_next: Tensor
    outside: Tensor
    strip: Tensor


@dataclass(frozen=True, kw_only=True)
class Reverse:
    """Both runs; `own` is None where the model's settings change nothing. Each starts from the same x_T and adds the
    same z.

    `steps` (K,) are the t of the frames and `before` the t that each leads to, t - 1 unless the chain was respaced;
    `chain` is the one that was run, and `indices` (K,) the steps of it. `difference` (K,) is the root mean square of
    the difference of the two x_t in all images, and `end` that of the two x_0.
    """

    chain: Chain
    steps: list[int]
    before: list[int]
    indices: list[int]
    strip_steps: list[int]
    printed: Frames
    own: Frames | None
    difference: Tensor
    end: float


@dataclass(frozen=True)
class Changes:
    """Differences of the second run from the printed algorithm: whether it clips x_0^, and whether it is guided."""

    clips: bool
    guided: bool

    @property
    def any(self) -> bool:
        return self.clips or self.guided


def own_settings(study: Study) -> Changes:
    """Return the settings of the second run: the model's guidance, and clipping if it is a model of pixels that clips
    or that has nothing else to be compared."""
    conditioners = study.model.config.conditioners
    guided = not none(study.guidance) and bool(guidable(conditioners, study.conditions(1)))
    clips = not study.latent and (study.model.config.sampling.clip or not guided)
    return Changes(clips, guided)


def samples_of(study: Study) -> int:
    """Return how many images algorithm 2 samples: those of `study.detail`, half of them on a long chain."""
    steps, images = respaced(study.chain.chain, study.detail.chain_steps)[0].steps, study.detail.images
    return images if steps <= LONG else -(-images // 2)


@torch.inference_mode()
def reverse(study: Study, *, images: int | None = None) -> Reverse:
    """Run algorithm 2 twice on `images` (None: as in `study.detail`), on as many steps as `study.detail` says.

    One network batch serves both runs, unless the second is guided.
    """
    count, settings = images or samples_of(study), own_settings(study)
    chain, chosen = respaced(study.chain.chain, study.detail.chain_steps)
    indices = [_nearest(chosen, t) for t in study.steps]
    strip_indices = [_nearest(chosen, round(chosen[-1] * (STRIP - 1 - k) / (STRIP - 1))) for k in range(STRIP)]
    ask, noise = _asker(study, count, settings), study.job(count).noise
    x = noise().double().expand(2 if settings.any else 1, -1, *[-1] * len(study.x0[0].shape)).clone()
    rows: dict[int, list[dict[str, Tensor]]] = {}
    gaps, frames = {}, {chain.steps: x}
    for j in range(chain.steps, 0, -1):
        z = noise().double() if j > 1 else torch.zeros_like(x[0])
        runs = []
        for n, estimate in enumerate(ask(x, chosen[j])):
            runs.append(_step(study, chain, x[n], j, estimate, z, clips=n == 1 and settings.clips))
        rows[j], gaps[j] = [{k: v[:1] for k, v in run.items()} for run in runs], _distance(x)
        x = torch.stack([run["x_next"] for run in runs])
        frames[j - 1] = x
        rows = {k: row for k, row in rows.items() if k in indices}
        frames = {k: frame for k, frame in frames.items() if k in strip_indices}
    strips = torch.stack([frames[j] for j in strip_indices], dim=2).cpu()  # (runs, n, 9, C, H, W)
    both = [
        Frames(**{k: torch.cat([rows[j][n][k] for j in indices]).cpu() for k in rows[indices[0]][n]}, strip=strips[n])
        for n in range(len(x))
    ]
    return Reverse(
        chain=chain,
        steps=[chosen[j] for j in indices],
        before=[chosen[j - 1] for j in indices],
        indices=indices,
        strip_steps=[chosen[j] for j in strip_indices],
        printed=both[0],
        own=both[1] if settings.any else None,
        difference=torch.tensor([gaps[j] for j in indices], dtype=torch.float64),
        end=_distance(x),
    )


def _step(
    study: Study, chain: Chain, x: Tensor, j: int, estimate: Estimate, z: Tensor, *, clips: bool
) -> dict[str, Tensor]:
    """One step of one run; x is (n, C, H, W)."""
    x0, eps = estimate.x0.double(), estimate.eps.double()
    outside = (x0.abs() > 1).double().mean().reshape(1)
    if clips:
        x0 = x0.clamp(-1, 1)
        eps = (x - chain.abar[j].sqrt() * x0) / (1 - chain.abar[j]).sqrt()
    printed = not clips and chain.alpha[j] > 0
    mean = (chain.posterior_from_eps(eps, x, j) if printed else chain.posterior(x0, x, j)).mean
    fraction = None if estimate.fraction is None else estimate.fraction.double()
    variance = chain.reverse_variance(j, x, variance=study.variance, fraction=fraction)
    kick = variance.sqrt() * z
    return {
        "x_t": x,
        "eps_hat": eps,
        "x0_hat": x0,
        "mean": mean,
        "kick": kick,
        "x_next": mean + kick,
        "outside": outside,
    }


def _asker(study: Study, count: int, settings: Changes) -> Callable[[Tensor, int], list[Estimate]]:
    """Return (x, t) -> the estimate of each run, before clipping; x is (runs, n, C, H, W) in the chain's
    coordinates."""
    times, scale, kind = study.chain.times.tolist(), study.chain.scale.tolist(), study.x0.dtype
    together = count if settings.guided or not settings.any else 2 * count
    plain = study.model.under(study.conditions(together)).denoiser()
    guided = study.job(count, clip=False).denoise if settings.guided else None

    def ask(x: Tensor, t: int) -> list[Estimate]:
        scaled = (scale[t] * x).to(kind)
        if guided is not None:
            return [plain(scaled[0], times[t]), guided(scaled[1], times[t])]
        e, runs = plain(scaled.flatten(0, 1), times[t]), len(x)
        fractions = [None] * runs if e.fraction is None else e.fraction.chunk(runs)
        return [Estimate(*parts) for parts in zip(e.x0.chunk(runs), e.eps.chunk(runs), fractions, strict=True)]

    return ask


def _distance(x: Tensor) -> float:
    """The root mean square of the difference of both runs, 0 where there is one."""
    return float((x[0] - x[-1]).square().mean().sqrt())


def _nearest(chosen: list[int], t: int) -> int:
    """Return the index in `chosen` of the step nearest to t; only t = 0 gives 0."""
    return min(range(1 if t else 0, len(chosen)), key=lambda j: abs(chosen[j] - t))
