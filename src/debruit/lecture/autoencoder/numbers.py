"""The numbers and pictures of an autoencoder's page as JSON."""

import torch

from debruit.lecture.autoencoder import wording
from debruit.lecture.autoencoder.panels import (
    Between,
    Channels,
    Passage,
    Silenced,
    between,
    channels,
    passage,
    silenced,
)
from debruit.lecture.autoencoder.study import CodecStudy
from debruit.lecture.maths import mathml, prose
from debruit.lecture.numbers import LATENT_SPAN, Json, as_list
from debruit.lecture.sprites import sheet, shown


def numbers(study: CodecStudy) -> Json:
    """All that the page's script draws. `steps` are the positions of the slider."""
    line = between(study)
    return {
        "strings": {key: [prose(text) for text in texts] for key, texts in wording.SCRIPT.items()},
        "symbols": {key: mathml(tex) for key, tex in wording.SYMBOLS.items()}, "steps": list(range(len(line.weights))),
        "passage": _passage(passage(study)), "channels": _channels(channels(study)), "silenced": _silenced(silenced(study)),
        "between": _between(line, study),
    }  # fmt: skip


def _passage(p: Passage) -> Json:
    rows = [shown(image[None], span) for image, span in ((p.x, 1.0), (p.decoded, 1.0), (p.difference, 1.0))]
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
        "sheet": sheet(rows), "height": height, "width": width, "count": len(c.mean), "level": as_list(c.level), "spread": as_list(c.spread),
        "std": None if c.std is None else as_list(c.std.flatten(1).mean(1)),
    }  # fmt: skip


def _silenced(s: Silenced) -> Json:
    rows = [shown(s.decoded, 1.0)]
    return {"sheet": sheet(rows), "change": as_list(s.change)}


def _between(b: Between, study: CodecStudy) -> Json:
    ends = torch.cat([study.x, study.stage.config.data.to_model(study.other.image)])
    return {
        "sheet": sheet([shown(b.decoded, 1.0), shown(b.mixed, 1.0)]),
        "ends": sheet([shown(ends, 1.0)]),
        "weights": as_list(b.weights),
    }
