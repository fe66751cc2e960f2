"""Statistics of an autoencoder's latents: whether every part carries information, and whether they are as diffusion
expects.

    mean and spread of each channel of z ~ q(z|x), x among the images, positions included: 0 and 1 where they are like
    the training images
    KL(q(z|x) || N(0, I))     nats an image, of the raw latents                                              (a Gaussian
    bottleneck)
    active units              the share of raw latents u with Var_x E[u|x] > 0.01       Burda et al. 2016, section 5.2
    perplexity                exp of the entropy of the codes' use over images and positions                      (a
    codebook)
    codes unused              the share of codes that are nowhere the nearest;  dead codes: by the running average of
    the training (vq.py)

Statistics of the whole set have intervals by the jackknife over groups of images.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from debruit.autoencoders.autoencoder import AutoencoderModule
from debruit.autoencoders.codec import CodecModule, Moments
from debruit.autoencoders.kl import divergence
from debruit.autoencoders.vq import VQModule, nearest
from debruit.metrics.interval import around, jackknife
from debruit.metrics.score import Score
from debruit.training.tasks.autoencoder import ACTIVE

GROUPS = 10
LEAST = 2 * GROUPS  # images for an interval
CHANNEL = "channel-"  # what the names of scores of one channel begin with


@dataclass(frozen=True)
class Sums:
    """Sums over the images of each group, float64 on the CPU: their number (G, 1), first and second moments of z over
    positions (G, c), of the raw means of each unit (G, c h w), and how often each code was the nearest, (G, codes),
    without columns where there is no codebook."""

    images: Tensor
    first: Tensor
    second: Tensor
    unit_first: Tensor
    unit_second: Tensor
    codes: Tensor

    def plus(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def without(self, group: int) -> "Sums":
        others = [g for g in range(GROUPS) if g != group]
        return Sums(*(getattr(self, f.name)[others] for f in fields(self)))

    @property
    def count(self) -> int:
        return int(self.images.sum())

    @property
    def positions(self) -> int:
        """Spatial positions of an image's latent."""
        return self.unit_first.shape[1] // self.first.shape[1]


@torch.no_grad()
def latent_scores(codec: CodecModule, batches: Iterable[Tensor]) -> list[Score]:
    """Scores of a codec over batches of images (B, C, H, W) in [-1, 1], on its device; at least one image."""
    bottleneck = getattr(codec, "bottleneck", None)
    codebook = bottleneck if isinstance(bottleneck, VQModule) else None
    sums, nats, seen = None, [], 0
    for images in batches:
        z = codec.encode(images)
        raw = _raw(codec, z)
        batch = _sums(z, raw, codebook, first=seen)
        sums, seen = batch if sums is None else sums.plus(batch), seen + len(images)
        if raw.std is not None:
            nats.append(divergence(raw).double().cpu())
    assert sums is not None
    rows = _gaussian(sums, torch.cat(nats)) if nats else []
    return rows + (_codebook(sums, codebook) if codebook is not None else []) + _channels(sums)


def _sums(z: Moments, raw: Moments, codebook: VQModule | None, *, first: int) -> Sums:
    """The sums of one batch; image `first` + n is of group (first + n) mod GROUPS."""
    mean, units = z.mean.double(), raw.mean.double().flatten(1)
    square = mean.square() + (0 if z.std is None else z.std.double().square())
    codes = units[:, :0]
    if codebook is not None:
        nearest_codes = nearest(raw.mean, codebook.codebook.weight).flatten(1)
        codes = torch.stack([torch.bincount(f, minlength=codebook.config.codes) for f in nearest_codes]).double()
    into = (first + torch.arange(len(mean), device=mean.device)) % GROUPS
    rows = (torch.ones_like(mean[:, :1, 0, 0]), mean.sum((2, 3)), square.sum((2, 3)), units, units.square(), codes)
    return Sums(*(r.new_zeros(GROUPS, r.shape[1]).index_add_(0, into, r).cpu() for r in rows))


def _raw(codec: CodecModule, z: Moments) -> Moments:
    """The latents as the bottleneck has them, before shift and scale."""
    if not isinstance(codec, AutoencoderModule):
        return z
    of = lambda values, other: z.mean.new_tensor(values)[:, None, None] if values else other  # noqa: E731
    scale, shift = of(codec.config.scale, 1.0), of(codec.config.shift, 0.0)
    return Moments(z.mean * scale + shift, None if z.std is None else z.std * scale)


def _gaussian(sums: Sums, nats: Tensor) -> list[Score]:
    """Scores of a Gaussian bottleneck: KL divergence and active units."""
    value, error = float(nats.mean()), float(nats.std()) / len(nats) ** 0.5 if len(nats) > 1 else None
    low, high = (None, None) if error is None else around(value, error)
    rate = "what a latent tells of its image beyond the prior: the rate of the bottleneck, not a figure of merit"
    count = sums.unit_first.shape[1]
    units = f"units whose mean varies by more than {ACTIVE:g} over the images, of {count:,} (Burda et al. 2016)"
    return [
        Score(
            name="kl", label="KL to N(0, I), nats an image", value=value, low=low, high=high, count=len(nats), note=rate
        ),
        _score(sums, _active, name="active-units", label="active units", better="high", unit="share", note=units),
    ]


def _codebook(sums: Sums, codebook: VQModule) -> list[Score]:
    """Scores of a codebook: how evenly its codes are used, by these images and at the end of the training."""
    codes = codebook.config.codes
    seen = f"over {sums.count * sums.positions:,} positions, of {codes:,} codes"
    varied, unused = f"{seen}; as many codes, used evenly, would be as varied", f"{seen}; fewer images use fewer"
    late = "codes hardly used any more at the end of the training, by its running average"
    return [
        _score(sums, _perplexity, name="perplexity", label="codebook perplexity", better="high", note=varied),
        _score(sums, _unused, name="codes-unused", label="codes unused", better="low", unit="share", note=unused),
        Score(
            name="dead-codes",
            label="dead codes",
            value=float(codebook.dead.sum()),
            count=codes,
            better="low",
            note=late,
        ),
    ]


def _channels(sums: Sums) -> list[Score]:
    """Mean and spread of each channel of z."""
    rows = []
    for c in range(sums.first.shape[1]):
        for what, statistic in (("mean", _mean), ("spread", _spread)):
            of_channel = lambda s, f=statistic, c=c: f(s)[c]  # noqa: E731
            rows.append(_score(sums, of_channel, name=f"{CHANNEL}{c}-{what}", label=f"channel {c}: {what}"))
    return rows


def _mean(s: Sums) -> Tensor:
    return s.first.sum(0) / (s.count * s.positions)


def _spread(s: Sums) -> Tensor:
    return (s.second.sum(0) / (s.count * s.positions) - _mean(s).square()).clamp(min=0).sqrt()


def _active(s: Sums) -> Tensor:
    variance = s.unit_second.sum(0) / s.count - (s.unit_first.sum(0) / s.count).square()
    return (variance * s.count / max(s.count - 1, 1) > ACTIVE).double().mean()


def _perplexity(s: Sums) -> Tensor:
    used = s.codes.sum(0)
    return torch.special.entr(used / used.sum()).sum().exp()


def _unused(s: Sums) -> Tensor:
    return (s.codes.sum(0) == 0).double().mean()


def _score(sums: Sums, statistic: Callable[[Sums], Tensor], *, name: str, label: str, **about: Any) -> Score:
    """With the interval of the jackknife over groups, where there are images enough; that of a share stays within 0 and
    1."""
    value = float(statistic(sums))
    low = high = None
    if sums.count >= LEAST:
        low, high = jackknife(value, np.array([float(statistic(sums.without(g))) for g in range(GROUPS)]))
        if about.get("unit") == "share":
            low, high = max(low, 0.0), min(high, 1.0)
    return Score(name=name, label=label, value=value, low=low, high=high, count=sums.count, **about)
