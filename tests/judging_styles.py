"""Things drawn in three styles and four colours, as several emoji sets are; the captions name thing, colour and style.

A thing is a pattern of 4 x 4 cells, drawn filled, as outlines, or as dots; a model of captions alone draws noise.
"""

from dataclasses import replace

import numpy as np

import judging_conditions
from debruit.data.dataset import Dataset
from debruit.data.sources.openmoji.segmentation import NAMES, PALETTE
from debruit.images.spec import DataSpec
from debruit.models.diffusion import Model

STYLES, COLOURS = ("flat", "outline", "old dots"), ("yellow", "red", "blue", "green")
WORDS = "fox owl cat dog hen bee ant cow pig bat cup pan jar box key bed car bus van jet tie hat sun fan pen map nut"
THINGS = tuple(WORDS.split())
SIDE, CELL, HELD_OUT = 16, 4, 150


class Things:
    """The table of the data: which thing each image shows."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    def columns(self) -> tuple[str, ...]:
        return ("thing",)

    def column(self, name: str) -> dict[str, str]:
        assert name == "thing"
        return {path: path.split("/")[1].split("@")[0] for path in self.paths}


def drawn(thing: int, style: str, colour: str) -> np.ndarray:
    """(3, 16, 16) uint8."""
    cells = np.random.default_rng(thing).permutation(16).reshape(4, 4) < 8
    image = np.full((SIDE, SIDE, 3), 255, np.uint8)
    shade = PALETTE[NAMES.index(colour)]
    for row, column in zip(*np.nonzero(cells), strict=True):
        block = image[row * CELL :, column * CELL :][:CELL, :CELL]
        if style == "outline":
            block[:] = 0
        inside = {"flat": block, "outline": block[1:-1, 1:-1], "old dots": block[1:-1, 1:-1]}[style]
        inside[:] = shade
    return image.transpose(2, 0, 1)


def styled(fingerprint: str = "styled", *, tables: bool = True, only: slice = slice(None)) -> Dataset:
    """All drawings in a fixed random order, or some of them."""
    every = [(s, t, c) for s in range(len(STYLES)) for t in range(len(THINGS)) for c in COLOURS]
    order = np.random.default_rng(1).permutation(len(every))[only]
    items = [every[n] for n in order]
    paths = [f"{STYLES[s]}/{THINGS[t]}@{c}" for s, t, c in items]
    spec = DataSpec(
        name="styled",
        channels=3,
        height=SIDE,
        width=SIDE,
        depth="uint8",
        low=0,
        high=255,
        count=len(items),
        class_names=STYLES,
        fingerprint=fingerprint,
    )
    dataset = Dataset(
        spec,
        np.stack([drawn(t, STYLES[s], c) for s, t, c in items]),
        paths=paths,
        labels=[s for s, _, _ in items],
        texts=[(f"{c} {THINGS[t]}, {STYLES[s]} style", f"{c} {THINGS[t]}", THINGS[t]) for s, t, c in items],
    )
    return dataset.with_tables(Things(paths)) if tables else dataset


def model(dataset: Dataset) -> Model:
    """A model of captions alone, untrained, which held out HELD_OUT images."""
    made = judging_conditions.model(dataset, "text")
    made.provenance |= {"data": dataset.spec.name, "held_out_images": HELD_OUT}
    return made


def renamed(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    """The same drawings, whose captions do not name the styles as the classes are called."""
    spec = replace(dataset.spec, class_names=names)
    return Dataset(spec, dataset.images, paths=dataset.paths, labels=dataset.labels, texts=dataset.texts)
