"""Encode a data set: images at rest -> x in [-1, 1] -> encode -> float16, in the layout of latents.py."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from debruit.data.dataset import Dataset
from debruit.errors import InputError
from debruit.files.parallel import tracked
from debruit.files.store import check_space, flush, write_meta
from debruit.text.wording import shown

if TYPE_CHECKING:  # as in dataset.py: the sources are listed without waiting for torch
    import torch

    from debruit.autoencoders.codec import CodecModule

LATENTS = "latents.bin"


class Encoding:
    """How a data set is encoded: by a frozen module, on its device, `batch` images at a time, with their mirror
    images if `flip`, in bfloat16 if `autocast`."""

    def __init__(
        self, *, dataset: Dataset, module: "CodecModule", flip: bool, device: "torch.device", batch: int, autocast: bool
    ) -> None:
        self.dataset, self.module, self.flip = dataset, module, flip
        self.device, self.batch, self.autocast = device, batch, autocast

    def __iter__(self) -> Iterator["torch.Tensor"]:
        """Yield the latents in order, (B, sides, moments, c, *s) float16."""
        import torch

        from debruit.autoencoders import bounded

        for images in self.dataset.chunks(self.batch):
            with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
                x = self.dataset.spec.to_model(torch.from_numpy(images)).to(self.device)
                sides = []
                for side in (x, x.flip(-1)) if self.flip else (x,):
                    q = bounded.encode(self.module, side)  # q(z|x)
                    moments = [q.mean] if q.std is None else [q.mean, q.std]
                    sides.append(torch.stack([moment.float() for moment in moments], dim=1))
                encoded = torch.stack(sides, dim=1).to(torch.float16).cpu()
            yield encoded


def write_latents(
    folder: Path,
    encoding: Encoding,
    *,
    shape: tuple[int, ...],
    meta: dict[str, Any],
) -> None:
    """Fill a new entry with the latents (c, *s) = `shape` of all images. InputError: some are not finite, the
    disk has no room."""
    dataset = encoding.dataset
    total, row = len(dataset), ()
    with open(folder / LATENTS, "wb") as file:
        for latents in tracked(_finite(encoding, dataset.paths), "encoding", total, count=len):
            if not row:
                row = latents.shape[1:]
                assert row[2:] == shape, (row, shape)
                check_space(f"the latents of {dataset.spec.name}", total * math.prod(row) * 2, folder)
            file.write(np.ascontiguousarray(latents.numpy()).data)
        flush(file)
    write_meta(folder, LATENTS, meta | {"shape": [total, *row]})


def _finite(encoded: Iterable["torch.Tensor"], paths: tuple[str, ...]) -> Iterator["torch.Tensor"]:
    """Yield the latents; InputError with the name of the first image whose latents are not finite."""
    first = 0
    for latents in encoded:
        finite = latents.isfinite().flatten(1).all(dim=1)
        if not finite.all():
            name = paths[first + finite.tolist().index(False)]
            raise InputError(
                f"the autoencoder's latents of {shown(name)} are not finite, or beyond the 65,504 of float16: its "
                "training has diverged, use an earlier autoencoder or train it again"
            )
        first += len(latents)
        yield latents
