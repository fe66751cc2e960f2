"""Algorithm 2, frame by frame: x_{i-1} = mu_theta(x_i, i) + sigma_i z, from x_T ~ N(0, I) to x_0.

The package's own loop and its Ancestral sampler do it; here the estimate and the noise of the shown steps are kept.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.diffusion.prediction import Estimate
from debruit.lecture.study import Study
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.loop import trajectory
from debruit.sampling.sampler import Denoise, Noise, level, transition

IMAGES = 4
PICTURES = 9  # of each image along the chain, the first the noise and the last the sample


@dataclass(frozen=True, kw_only=True)
class Reverse:
    """For the first image at each of K steps i, (K, C, H, W): x_i, eps_theta, x_0^, mu_theta, sigma_i z and x_{i-1}, in the chain's
    coordinates. `strip` (n, 9, C, H, W) is every image along the way, at the steps `places`."""

    steps: list[int]
    x_t: Tensor
    eps_hat: Tensor
    x0_hat: Tensor
    mean: Tensor
    kick: Tensor
    x_next: Tensor
    strip: Tensor
    places: list[int]


@dataclass
class _Kept:
    """A denoiser and a noise that remember what they gave last."""

    denoiser: Denoise
    source: Noise
    found: Estimate | None = None

    def denoise(self, x: Tensor, t: float) -> Estimate:
        self.found = self.denoiser(x, t)
        return self.found

    def noise(self) -> Tensor:
        return self.source()


@torch.inference_mode()
def reverse(study: Study, *, images: int = IMAGES) -> Reverse:
    """T network evaluations of a batch of `images`."""
    process, chain, scale = study.model.config.process, study.chain.chain, study.chain.scale
    times = study.chain.times.flip(0).tolist()
    drawing = study.drawing(images)
    kept = _Kept(drawing.denoise, drawing.noise)
    places = [round(chain.steps * (PICTURES - 1 - k) / (PICTURES - 1)) for k in range(PICTURES)]
    shown, rows, strip = set(study.steps), [], []
    x = level(process, times[0]).sigma * kept.noise()
    for snapshot in trajectory(kept.denoise, process, Ancestral(variance=study.variance), x, times, kept.noise):
        i = chain.steps - snapshot.step  # the step that x now lies at; x_{i+1} is `x`
        if i + 1 in shown and snapshot.step:
            found = kept.found
            assert found is not None
            mean = transition(process, times[snapshot.step - 1], snapshot.t).posterior_mean(found.x0[:1], x[:1])
            before, after = float(scale[i + 1]), float(scale[i])
            rows.append(
                (x[:1] / before, found.eps[:1], found.x0[:1], mean / after, (snapshot.x[:1] - mean) / after, snapshot.x[:1] / after)
            )  # fmt: skip
        strip += [snapshot.x.cpu() / float(scale[i])] * places.count(i)
        x = snapshot.x
    columns = [torch.cat(column).float().cpu().flip(0) for column in zip(*rows, strict=True)]
    return Reverse(
        steps=study.steps, x_t=columns[0], eps_hat=columns[1], x0_hat=columns[2], mean=columns[3], kick=columns[4], x_next=columns[5],
        strip=torch.stack(strip, dim=1), places=places,
    )  # fmt: skip
