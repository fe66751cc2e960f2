"""Algorithm 2, frame by frame: x_{i-1} = mu_theta(x_i, i) + sigma_i z, from x_T ~ N(0, I) to x_0.

The package's own loop and Ancestral sampler run it; this module records the estimate and the noise of the steps shown.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.diffusion.prediction import Estimate
from debruit.lecture.study import Study
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.loop import trajectory
from debruit.sampling.sampler import Denoise, level, transition

STRIP = 9  # frames of each image along the chain, the first the noise and the last the sample


@dataclass(frozen=True, kw_only=True)
class Reverse:
    """For the first image at each of K steps i, (K, C, H, W): x_i, eps_theta, x_0^, mu_theta, sigma_i z and x_{i-1}, in
    the chain's coordinates. `strip` (n, 9, C, H, W) shows every image at the steps `strip_steps`.
    """

    steps: list[int]
    x_t: Tensor
    eps_hat: Tensor
    x0_hat: Tensor
    mean: Tensor
    kick: Tensor
    x_next: Tensor
    strip: Tensor
    strip_steps: list[int]


@dataclass
class _Recorder:
    """A denoiser that records its last estimate."""

    denoiser: Denoise
    last: Estimate | None = None

    def denoise(self, x: Tensor, t: float) -> Estimate:
        self.last = self.denoiser(x, t)
        return self.last


@torch.inference_mode()
def reverse(study: Study, *, images: int | None = None) -> Reverse:
    """Run algorithm 2 on a batch of `images` (None: as in `study.detail`), with T network evaluations."""
    process, chain, scale = study.model.config.process, study.chain.chain, study.chain.scale
    times = study.chain.times.flip(0).tolist()
    job = study.job(images or study.detail.images)
    recorder = _Recorder(job.denoise)
    strip_steps = [round(chain.steps * (STRIP - 1 - k) / (STRIP - 1)) for k in range(STRIP)]
    shown, rows, strip = set(study.steps), [], []
    x = level(process, times[0]).sigma * job.noise()
    for snapshot in trajectory(recorder.denoise, process, Ancestral(variance=study.variance), x, times, job.noise):
        i = chain.steps - snapshot.step  # snapshot.x is x_i, and `x` is x_{i+1}
        if i + 1 in shown and snapshot.step:
            estimate = recorder.last
            assert estimate is not None
            x_t, x_next = x[:1], snapshot.x[:1]
            mean = transition(process, times[snapshot.step - 1], snapshot.t).posterior_mean(estimate.x0[:1], x_t)
            before, after = float(scale[i + 1]), float(scale[i])
            kick = (x_next - mean) / after
            rows.append((x_t / before, estimate.eps[:1], estimate.x0[:1], mean / after, kick, x_next / after))
        strip += [snapshot.x.cpu() / float(scale[i])] * strip_steps.count(i)
        x = snapshot.x
    columns = [torch.cat(column).float().cpu().flip(0) for column in zip(*rows, strict=True)]
    return Reverse(
        steps=study.steps,
        x_t=columns[0],
        eps_hat=columns[1],
        x0_hat=columns[2],
        mean=columns[3],
        kick=columns[4],
        x_next=columns[5],
        strip=torch.stack(strip, dim=1),
        strip_steps=strip_steps,
    )
