"""Numbers and images of an autoencoder's chapters as JSON."""

import torch

from debruit.lecture.autoencoder import panels
from debruit.lecture.autoencoder.study import CodecStudy
from debruit.lecture.chapter import Json
from debruit.lecture.sprites import LATENT_SPAN, as_list, sheet, shown


def reconstruction(study: CodecStudy) -> Json:
    """Return the image, its reconstruction and their difference as one sheet, with the fidelity."""
    p = panels.reconstruction(study)
    rows = [shown(image[None], 1.0) for image in (p.x, p.decoded, p.difference)]
    height, width = rows[0].shape[1:3]
    return {
        "sheet": sheet(rows),
        "height": height,
        "width": width,
        "psnr": as_list(torch.tensor(p.psnr))[0],
        "ssim": p.ssim,
    }


def channels(study: CodecStudy) -> Json:
    """Return the channels of the latent as one sheet, with their statistics."""
    c = panels.channels(study)
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


def ablation(study: CodecStudy) -> Json:
    """Return the image without each channel as one sheet, and the changes."""
    a = panels.ablation(study)
    return {"sheet": sheet([shown(a.decoded, 1.0)]), "change": as_list(a.change)}


def interpolation(study: CodecStudy) -> Json:
    """Return both mixtures along the line as one sheet, and its ends."""
    b = panels.interpolation(study)
    ends = torch.cat([study.x, study.stage.config.data.to_model(study.other.image)])
    return {
        "sheet": sheet([shown(b.decoded, 1.0), shown(b.mixed, 1.0)]),
        "ends": sheet([shown(ends, 1.0)]),
        "weights": as_list(b.weights),
    }
