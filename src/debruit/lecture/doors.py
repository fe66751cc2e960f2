"""How conditions enter a network, by its doors (networks/cond.py): those of the study's model, and those of the
lecture's three examples.

    vector   (B, D)      h = h + W (time embedding + U y)         added to the time embedding
    tokens   (B, L, D)   attention of h to y: Q = W_Q h, K = W_K y, V = W_V y
    spatial  (B, C, *S)  concatenated to x_t: the network's first convolution has as many channels more
"""

from dataclasses import dataclass
from typing import Any

import torch

from debruit.lecture.chapter import Both
from debruit.lecture.study import Study

ITEMS: dict[str, Both] = {
    "label": ("class", "classe"),
    "text": ("text", "texte"),
    "mask": ("mask", "masque"),
    "image": ("image", "image"),
    "first": ("first frame", "première image"),
}


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """A condition of the model: its `item` of the data and its `door`, the shapes of the value and of its encoding for
    one image, whether this image keeps it, and how often training dropped it. `pooled`: the mean of its tokens is added
    to the time embedding besides. `parameters` are those of its encoder.
    """

    name: str
    item: str
    door: str
    value: tuple[int, ...]
    encoded: tuple[int, ...]
    given: bool
    drop: float
    pooled: bool
    parameters: int


@torch.no_grad()
def doors(study: Study) -> list[Entrance]:
    """Return the conditions of the model in its own order, without network evaluations."""
    config, conditions = study.model.config, study.conditions(1)
    network: Any = config.network
    entrances = []
    for c in config.conditioners:
        module = study.model.backbone.conditioners[c.name]
        encoded = module(conditions.values[c.name], conditions.keep[c.name])
        entrances.append(
            Entrance(
                name=c.name,
                item=c.item,
                door=c.door,
                value=tuple(conditions.values[c.name].shape[1:]),
                encoded=tuple(encoded.shape[1:]),
                given=bool(conditions.keep[c.name][0]),
                drop=float(c.drop),
                pooled=c.door == "tokens" and bool(getattr(network, "pooled_tokens", False)),
                parameters=sum(p.numel() for p in module.parameters()),
            )
        )
    return entrances


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One of the lecture's conditional models: the data, debruit's recipes for it, the door with the shape of what
    enters, and the parameters of U-Net and encoder, millions. A test compares it with the recipes.
    """

    data: str
    recipes: tuple[str, ...]
    door: str
    encoded: tuple[int, ...]
    unet: tuple[float, ...]
    encoder: float


LECTURE = {
    "label": Sample(
        data="ImageNet",
        recipes=("ldm-imagenet-f8-256", "ldm-imagenet-f4-256"),
        door="tokens",
        encoded=(1, 512),
        unet=(394.98, 400.92),
        encoder=0.51,
    ),
    "mask": Sample(
        data="Flickr-landscapes",
        recipes=("ldm-landscapes-256",),
        door="spatial",
        encoded=(3, 64, 64),
        unet=(215.23,),
        encoder=0.0,
    ),
    "text": Sample(
        data="LAION-400M",
        recipes=("ldm-text-256",),
        door="tokens",
        encoded=(77, 1280),
        unet=(872.3,),
        encoder=581.99,
    ),
}
