"""Numbers and images of an autoencoder's page as JSON."""

import torch

from debruit.lecture.autoencoder import wording
from debruit.lecture.autoencoder.panels import (
    Ablation,
    Channels,
    Interpolation,
    Reconstruction,
    ablation,
    channels,
    interpolation,
    reconstruction,
)
from debruit.lecture.autoencoder.study import CodecStudy
from debruit.lecture.numbers import LATENT_SPAN, Json, as_list, vocabulary
from debruit.lecture.sprites import sheet, shown


def numbers(study: CodecStudy) -> Json:
    """Return everything that the page's script draws. `steps` are the positions of the slider."""
    line = interpolation(study)
    return {
        **vocabulary(wording.SCRIPT, wording.SYMBOLS),
        "steps": list(range(len(line.weights))),
        "reconstruction": _reconstruction(reconstruction(study)),
        "channels": _channels(channels(study)),
        "ablation": _ablation(ablation(study)),
        "interpolation": _interpolation(line, study),
    }


def _reconstruction(p: Reconstruction) -> Json:
    rows = [shown(image[None], 1.0) for image in (p.x, p.decoded, p.difference)]
    height, width = rows[0].shape[1:3]
    return {
        "sheet": sheet(rows),
        "height": height,
        "width": width,
        "psnr": as_list(torch.tensor(p.psnr))[0],
        "ssim": p.ssim,
    }


def _channels(c: Channels) -> Json:
    rows = [shown(c.mean[:, None], LATENT_SPAN)]
    if c.std is not None:
        rows.append(shown(c.std[:, None] * 2 - 1, 1.0))
    height, width = rows[0].shape[1:3]
    return {
        "sheet": sheet(rows),
        "height": height,
        "width": width,
        "count": len(c.mean),
        "level": as_list(c.level),
        "spread": as_list(c.spread),
        "std": None if c.std is None else as_list(c.std.flatten(1).mean(1)),
    }


def _ablation(a: Ablation) -> Json:
    return {"sheet": sheet([shown(a.decoded, 1.0)]), "change": as_list(a.change)}


def _interpolation(b: Interpolation, study: CodecStudy) -> Json:
    ends = torch.cat([study.x, study.stage.config.data.to_model(study.other.image)])
    return {
        "sheet": sheet([shown(b.decoded, 1.0), shown(b.mixed, 1.0)]),
        "ends": sheet([shown(ends, 1.0)]),
        "weights": as_list(b.weights),
    }
