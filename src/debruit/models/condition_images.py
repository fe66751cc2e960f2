"""Which samples were drawn under which condition, as groups of a sheet: masks in their palette with a legend, images, prompts as captions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from debruit.conditioning.batch import ConditionBatch
from debruit.images import pictures
from debruit.images.contact_sheet import Group, Sheet, sheet
from debruit.models.config import ModelConfig

Legend = list[tuple[str, tuple[int, int, int]]]


def shown(images: Tensor, config: ModelConfig, asked: ConditionBatch, *, captions: Sequence[str] = ()) -> Sheet | None:
    """Images at rest, (N, C, H, W), beside the conditions of `asked` that they keep; caption n mod their number belongs to image n. None where there is
    neither a mask nor an image nor a caption: a plain grid shows as much."""
    samples = pictures.displayable(images, config.data)
    drawn = [_drawn(config, asked, n) for n in range(len(samples))]
    words = [captions[n % len(captions)] if captions else "" for n in range(len(samples))]
    if not any(words) and all(picture is None for picture in drawn):
        return None
    members: dict[Any, list[int]] = {}
    for n, (word, picture) in enumerate(zip(words, drawn, strict=True)):
        members.setdefault((word, None if picture is None else picture.tobytes()), []).append(n)
    groups = [
        Group(samples=samples[numbers], numbers=tuple(numbers), caption=words[numbers[0]], condition=drawn[numbers[0]])
        for numbers in members.values()
    ]
    return sheet(groups, legend=_legend(config, asked))


def _drawn(config: ModelConfig, asked: ConditionBatch, n: int) -> np.ndarray | None:
    """The picture of image n's condition, (H, W, 3) uint8: its mask in the palette, or the image that it starts from."""
    conditioners: Mapping[str, Any] = dict((c.field, c) for c in config.conditioners)  # noqa: C402
    if "mask" in conditioners and bool(asked.keep["mask"][n]):
        palette = np.array(conditioners["mask"].palette, np.uint8)
        return palette[asked.values["mask"][n].cpu().numpy()]
    if "image" in conditioners and bool(asked.keep["image"][n]):
        value = asked.values["image"][n].cpu()  # (C, h, w) in [-1, 1]
        value = value[:3] if len(value) >= 3 else value[:1].expand(3, -1, -1)
        return ((value + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return None


def _legend(config: ModelConfig, asked: ConditionBatch) -> Legend:
    """The classes that the masks hold, in the order of their numbers, with their colours."""
    mask: Any = next((c for c in config.conditioners if c.field == "mask"), None)
    if mask is None or not bool(asked.keep["mask"].any()):
        return []
    held = np.unique(asked.values["mask"][asked.keep["mask"]].cpu().numpy())
    return [(mask.names[k], tuple(mask.palette[k])) for k in held if k < len(mask.names)]
