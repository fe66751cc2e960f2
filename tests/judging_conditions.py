"""Data with masks, captions and classes, a model that is conditioned on all of them, and one that draws what it was
asked for without fault."""

from dataclasses import replace
from typing import Any

import numpy as np
import tiny
import torch

from debruit.conditioning.compatibility import FIELDS, widths
from debruit.conditioning.label import Label
from debruit.conditioning.low_res import LowRes
from debruit.conditioning.mask import Mask
from debruit.conditioning.text import Text
from debruit.data.dataset import Dataset
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.models.diffusion import Model
from debruit.networks.text_transformer import TextTransformer
from debruit.sampling.config import SamplingConfig
from debruit.text.wordpiece import WordPiece

COLOURS = ("black", "grey", "white")
PLACES = ("top", "left", "middle", "right", "bottom")
HELD_OUT, SEED = 60, 3


def shapes(count: int = 400, fingerprint: str = "shapes") -> Dataset:
    """8 x 8 pixels of noise with a bright rectangle, whose mask is known, in one of ten brightnesses; the caption says
    how bright and where."""
    rng = np.random.default_rng(0)
    masks = np.zeros((count, 8, 8), np.uint8)
    tops, lefts = rng.integers(0, 5, (2, count))
    for n, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        masks[n, top : top + 4, left : left + 4] = 1
    labels = rng.integers(0, 3, count)
    images = rng.integers(0, 30, (count, 1, 8, 8)) + (masks * (80 + 70 * labels)[:, None, None])[:, None]
    texts = [
        () if n % 10 == 9 else (f"a {COLOURS[k]} square at the {PLACES[t]} and the {PLACES[o]}", "another caption")
        for n, (k, t, o) in enumerate(zip(labels, tops, lefts, strict=True))
    ]
    spec = DataSpec(
        name="shapes",
        channels=1,
        height=8,
        width=8,
        depth="uint8",
        low=0,
        high=255,
        count=count,
        class_names=COLOURS,
        mask_names=("ground", "square"),
        palette=((0, 0, 0), (255, 255, 255)),
        fingerprint=fingerprint,
    )
    names = [f"{n}.png" for n in range(count)]
    return Dataset(spec, images.astype(np.uint8), paths=names, labels=labels, texts=texts, masks=masks)


def conditioners(dataset: Dataset, *fields: str, drop: float = 0.1) -> tuple:
    """The smallest of each kind."""
    spec = dataset.spec
    made = {
        "label": lambda: Label(channels=4, drop=drop),
        "mask": lambda: Mask(channels=len(spec.mask_names), drop=drop),
        "text": lambda: Text(
            tokenizer=WordPiece.train([t[0] for t in dataset.texts or () if t], 64),
            encoder=TextTransformer(width=8, depth=1, heads=1, length=16),
            drop=drop,
        ),
        "low-res": lambda: LowRes(),
    }
    return tuple(made[field]() for field in fields)


def model(dataset: Dataset, *fields: str, drop: float = 0.1) -> Model:
    """A model of these conditions, its weights as they are drawn and a little noise, so that every condition changes
    what it draws."""
    chosen = conditioners(dataset, *fields, drop=drop)
    wide = widths(chosen, dataset.spec, 1)
    doors: dict[str, Any] = {field: wide[door] for door, field in FIELDS.items()}
    network = replace(tiny.NETWORK, **doors, transformer_depth=1 if "text" in fields else 0)
    config = ModelConfig(data=dataset.spec, network=network, conditioners=chosen, sampling=SamplingConfig(steps=2))
    torch.manual_seed(1)
    backbone = config.build()
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    about = {
        "data": "shapes",
        "data_fingerprint": dataset.spec.fingerprint,
        "seed": SEED,
        "held_out_images": HELD_OUT,
        "images_seen": 0,
    }
    return Model(config, backbone, about)
