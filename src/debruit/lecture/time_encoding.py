"""How the time enters a network: its sinusoidal encoding (networks/layers.py).

    gamma(tau)_j = cos(omega_j tau), gamma(tau)_{h + j} = sin(omega_j tau),  omega_j = P^(-j / h), j = 0..h - 1

with h half the channels, P the longest period divided by 2 pi, and tau = 1000 t + offset the time input of the network
(diffusion/denoiser.py). By cos(a - b) = cos a cos b + sin a sin b

    gamma(tau) . gamma(tau') = sum_j cos(omega_j (tau - tau')),  |gamma(tau)|^2 = h

so that the similarity of two times depends on their distance alone.
"""

import inspect
from dataclasses import dataclass

import torch
from torch import Tensor

from debruit.diffusion.denoiser import NOISE_SCALE
from debruit.lecture.study import Study
from debruit.networks.layers import sinusoidal
from debruit.networks.unet import UNetModule

COLUMNS = 500  # of the image over all times: 3 and more for the shortest period where T is 1000


@dataclass(frozen=True, kw_only=True)
class TimeEncoding:
    """Encodings (K, C) of the K steps of the slider, whose time inputs are `tau` (K,), float64, and `curve` (M, C) of M
    equidistant steps from the first to the last.

    `similarity` (K, K) is gamma . gamma' / h, 1 for equal times; `learned` (K, K) is the cosine of the angle between
    the embeddings that the network makes of the encodings and gives to its blocks.
    """

    steps: list[int]
    tau: Tensor
    encodings: Tensor
    curve: Tensor
    similarity: Tensor
    learned: Tensor
    channels: int
    period: float

    @property
    def half(self) -> int:
        """Number of frequencies."""
        return self.channels // 2


@torch.inference_mode()
def time_encoding(study: Study) -> TimeEncoding | None:
    """Compute the encodings, without evaluations of the whole network; None for a network with another time input."""
    config, network = study.model.config, study.model.backbone.network
    if not isinstance(network, UNetModule):
        return None
    channels, device = network.config.channels, study.x0.device
    shown = torch.linspace(study.steps[0], study.steps[-1], min(COLUMNS, study.steps[-1])).round().long()

    def inputs(steps: Tensor) -> Tensor:
        return NOISE_SCALE * study.chain.times[steps] + config.time_offset

    tau = inputs(torch.tensor(study.steps))
    encodings, curve = (sinusoidal(t.float(), channels) for t in (tau, inputs(shown)))
    embeddings = network.time(encodings.to(device)).cpu()
    return TimeEncoding(
        steps=study.steps,
        tau=tau,
        encodings=encodings,
        curve=curve,
        similarity=(encodings @ encodings.T).double() / max(channels // 2, 1),
        learned=torch.nn.functional.cosine_similarity(embeddings[:, None], embeddings[None], dim=-1).double(),
        channels=channels,
        period=inspect.signature(sinusoidal).parameters["max_period"].default,
    )
