"""The image of the lecture: the user's file, else a held-out image of the training data, else a sample of the model."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from debruit import events
from debruit.conditioning.base import keyword
from debruit.config import decode
from debruit.data.dataset import Dataset
from debruit.data.find import find_source
from debruit.data.source import findable, of_record
from debruit.data.sources.moved import moved
from debruit.data.split import split_of_model
from debruit.errors import InputError
from debruit.images.grids import image_file
from debruit.images.pixels import FULL, WHITE, Target, named, read_header
from debruit.images.pixels import decode as read_pixels
from debruit.images.spec import DataSpec
from debruit.models.autoencoder import FirstStage
from debruit.models.diffusion import Model
from debruit.sampling.dpmpp_2m import DPMpp2M
from debruit.sampling.grids import UniformTime
from debruit.training.config import AnyRun
from debruit.training.run_folder import RUN

SLOW, QUICK_STEPS = 100, 25  # network evaluations of the model's own sampler; steps in its stead


@dataclass(frozen=True, kw_only=True)
class Example:
    """An image, (1, C, H, W), in the dtype and range of the model's data.

    `origin` describes in (English, French) its source and how it was converted. `conditions` are its class, caption,
    mask and first frame where known, as returned by `Dataset.conditions`.
    """

    image: Tensor
    origin: tuple[str, str]
    conditions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def items(self) -> Mapping[str, Any]:
        """The conditions and the image, as read by conditioners. An image of no known clip is its own first frame."""
        return {"image": self.image, "first": self.image, **self.conditions}


def find_example(
    model: Model,
    image: Path | None,
    *,
    path: Path | None = None,
    data: str | Sequence[str] | None = None,
    seed: int = 0,
) -> Example:
    """Return the file `image`, else a held-out image (chosen by `seed`) if the training data of the model in `path` is
    on this machine, else a sample. InputError: a file that is missing or is no image.
    """
    if image is not None:
        return from_file(image, model.config.data)
    return held_out(model, path, data=data, seed=seed) or from_model(model, seed)


def held_out(
    model: Model | FirstStage,
    path: Path | None,
    *,
    data: str | Sequence[str] | None = None,
    seed: int,
) -> Example | None:
    """Return a held-out image of the training data, chosen by `seed`; None where there is none."""
    dataset = training_data(model, path, data)
    indices = () if dataset is None else split_of_model(dataset, model.provenance).test
    if dataset is None or not len(indices):
        return None
    n = int(indices[seed % len(indices)])
    firsts = {c.item for c in model.config.conditioners} & {"first"} if isinstance(model, Model) else ()
    batch = dataset.batch([n]) | dataset.conditions([n], fields=firsts)
    name = f"{dataset.spec.name}, {dataset.paths[n]}"
    return Example(
        image=batch.pop("image"),
        conditions=batch,
        origin=(
            f"a held-out image of the training data ({name})",
            f"une image mise de côté, absente de l'entraînement ({name})",
        ),
    )


def from_file(path: Path, spec: DataSpec) -> Example:
    """Read the user's file as an image of the model's data: centre crop, size, channels and depth are adapted.

    InputError: the model's images are neither grey nor colour, or the file is missing or is no image.
    """
    if spec.channels not in (1, 3):
        raise InputError(
            f"--image {path}: the model's images have {spec.channels} channels, and image files are read as grey or "
            "colour: leave --image out"
        )
    file = image_file(path)
    with named(f"--image {path}", "give a PNG, JPEG, WebP, TIFF, BMP or GIF file"):
        header = read_header(file, name=path.name)
        pixels = read_pixels(
            file,
            Target(height=spec.height, width=spec.width, channels=spec.channels, depth=header.depth, background=WHITE),
        )
    english, french = [f"the file {path.name}"], [f"le fichier {path.name}"]
    if (header.height, header.width) != (spec.height, spec.width):
        sizes = f"{header.width} x {header.height}", f"{spec.width} x {spec.height}"
        english.append(f"its central part resized from {sizes[0]} to the model's {sizes[1]} pixels")
        french.append(f"sa partie centrale ramenée de {sizes[0]} à {sizes[1]} pixels, taille du modèle")
    if header.channels != spec.channels:
        english.append("colour made grey" if spec.channels == 1 else "grey made colour")
        french.append("la couleur convertie en gris" if spec.channels == 1 else "le gris converti en couleur")
    if header.profile is not None and header.profile.problem:
        english.append(f"its colour profile, which cannot be used ({header.profile.problem}), left aside")
        french.append("son profil de couleurs, inutilisable, laissé de côté")
    elif header.profile is not None:
        english.append(f"its colours converted from {header.profile.name} to sRGB")
        french.append(f"ses couleurs converties de {header.profile.name} en sRGB")
    values = torch.from_numpy(pixels.astype(np.float32))[None]
    if header.depth == spec.depth:
        at_rest = values.clamp(spec.low, spec.high).to(getattr(torch, spec.depth))
    else:
        english.append(f"{header.depth} values scaled to the range of the model's {spec.depth}")
        french.append(f"les valeurs {header.depth} ramenées à l'étendue de celles du modèle ({spec.depth})")
        at_rest = spec.from_model(values / FULL[header.depth] * 2 - 1)
    return Example(image=at_rest, origin=(", ".join(english), ", ".join(french)))


def from_model(model: Model, seed: int) -> Example:
    """Return a sample of the model, of its first class if it has classes. InputError: it needs a condition.

    A model whose own sampler is slow is sampled with DPM-Solver++ in QUICK_STEPS steps.
    """
    for c in model.config.conditioners:
        if c.drop == 0 and c.in_turn(range(1), model.config.data) is None:
            raise InputError(
                f"this model was never trained without its {keyword(c)}, and its training data, which has them, "
                "is not available: install the data, or give its path with --data"
            )
    if model.evaluations(model.settings()) > SLOW:
        image = model.generate(1, seed=seed, sampler=DPMpp2M(), grid=UniformTime(), steps=QUICK_STEPS)
    else:
        image = model.generate(1, seed=seed)
    return Example(
        image=image,
        conditions={"label": torch.tensor([0])} if any(c.item == "label" for c in model.config.conditioners) else {},
        origin=(
            "a sample of the model itself, since its training data is not available: give --image for another image",
            "un échantillon du modèle lui-même, car ses données d'entraînement ne sont pas disponibles : donnez une "
            "autre image avec --image",
        ),
    )


def training_data(
    model: Model | FirstStage,
    path: Path | None,
    data: str | Sequence[str] | None = None,
) -> Dataset | None:
    """Return the training data of the model, found by its run folder or its name, if it is on this machine and
    unchanged.

    `data` gives its present path instead. InputError: the data there has another content.
    """
    fingerprint = model.provenance.get("data_fingerprint")
    if data is not None:
        source = _source(model, path, of_record(model.provenance))
        return moved(source, data, fingerprint or "")[1]
    if not fingerprint:
        return None
    try:
        dataset = _source(model, path).build()
    except InputError as reason:
        events.say(f"the training data is not available: {reason}")
        return None
    if dataset.spec.shape != model.config.data.shape or dataset.spec.fingerprint != fingerprint:
        name = dataset.spec.name
        events.say(f"{name} has changed since the model was trained: no held-out image is taken from it")
        return None
    return dataset


def _source(model: Model | FirstStage, path: Path | None, recorded: Any = None):
    """Return the source of run.json next to the model, else `recorded`, else that of the model file, else by name."""
    folder = path if path is None or path.is_dir() else path.parent
    if folder is not None and (folder / RUN).exists():
        try:
            return decode(json.loads((folder / RUN).read_text()), AnyRun, where=str(folder / RUN)).source
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{folder / RUN} is damaged ({error})") from None
    if recorded is not None:
        return recorded
    source = of_record(model.provenance)
    return source if findable(source) else find_source(model.config.data.name)
