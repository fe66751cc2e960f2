"""The models that come with debruit: how they are made, and their figures in the documents.

debruit train autoencoder openmoji --size 64 --images 45_000 --out runs/ae
debruit train openmoji-text-mask-64 --autoencoder runs/ae --out runs/o
debruit train ddpm-fashion-mnist-28 --images 500_000 --out runs/ddpm
python bench/shipped.py export runs/o openmoji-64       # -> src/debruit/models/weights/, in half precision
python bench/shipped.py export runs/ddpm ddpm-fashion
python bench/shipped.py figures                         # -> docs/prompts.png, docs/masks.png: held-out names
python bench/shipped.py held-out                        # prints the names that openmoji-64 was not trained on
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from debruit import load
from debruit.apps.process import prepare_process
from debruit.conditioning.text import Text
from debruit.data.dataset import Dataset
from debruit.data.split import split
from debruit.evaluation.memorisation.nearest import nearest
from debruit.images import figures
from debruit.images.row_sheet import row_sheet
from debruit.judges.find import find_extractor
from debruit.models.config import ModelConfig, named
from debruit.models.diffusion import Model
from debruit.models.model_file import save
from debruit.networks.text_transformer import TextTransformer
from debruit.recipes import recipes
from debruit.text.wordpiece import MARKS

NAME, RECIPE = "openmoji-64", "openmoji-text-mask-64"
DDPM = "ddpm-fashion"
MOST_BYTES = {NAME: 25_000_000, DDPM: 2_000_000}
PIECES = 14_000  # of BERT's 30,522, so that the file stays below its MOST_BYTES
ROOT = Path(__file__).parents[1]
SHOWN = 10  # held-out names in the figures of the documents
LONGEST = 32
SAMPLES = 4


def export(run: Path, name: str) -> None:
    """Write the model of a run folder as one that comes with debruit."""
    model = load(run, "cpu")
    about = {k: v for k, v in model.provenance.items() if k not in ("argv", "hardware")}
    target = ROOT / "src/debruit/models/weights" / f"{name}.safetensors"
    config, weights = model.config, named(model.backbone, model.codec)
    if name == DDPM:  # algorithm 2 as printed; the run of the present file began before its recipe said so
        config = replace(config, sampling=replace(config.sampling, clip=False))
    if any(isinstance(c, Text) for c in config.conditioners):
        config, weights = shortened(config, weights)
    save(target, config, weights, about, half=True)
    size = target.stat().st_size
    assert size <= MOST_BYTES[name], f"{size:,} bytes"
    print(f"{target.name}: {size / 1e6:.1f} MB, {about.get('images_seen', 0):,} images seen")


def shortened(config: ModelConfig, weights: dict[str, torch.Tensor]) -> tuple[ModelConfig, dict[str, torch.Tensor]]:
    """Return the model with a vocabulary of PIECES pieces.

    These are the pieces in the names of the data, all pieces of one character, of which any word can be made, and the
    most frequent of the rest, which come first in BERT's list.
    """
    text = next(c for c in config.conditioners if isinstance(c, Text))
    assert isinstance(text.encoder, TextTransformer)
    assert text.encoder.words == "minilm"
    pieces = text.tokenizer.vocabulary
    names = [name for of in recipes()[RECIPE]().source.build().texts or () for name in of]
    used = {pieces[n] for n in text.tokenizer.encode(names, text.length).unique().tolist()}
    needed = {piece for piece in pieces if piece in used or piece in MARKS or len(piece.removeprefix("##")) == 1}
    rest = [piece for piece in pieces if piece not in needed and piece.isascii() and not piece.startswith("[")]
    chosen = needed.union(rest[: max(PIECES - len(needed), 0)])
    rows = [n for n, piece in enumerate(pieces) if piece in chosen]
    short = replace(text, tokenizer=replace(text.tokenizer, vocabulary=tuple(pieces[n] for n in rows)))
    assert pieces_of(short, names) == pieces_of(text, names), "every name is read as before"
    table = "conditioners.text.encoder.word_embedding.weight"
    conditioners = tuple(short if c is text else c for c in config.conditioners)
    return replace(config, conditioners=conditioners), weights | {table: weights[table][rows]}


def pieces_of(text: Text, names: list[str]) -> list[list[str]]:
    """Return the pieces that a tokenizer makes of each name."""
    return [[text.tokenizer.vocabulary[n] for n in row] for row in text.tokenizer.encode(names, text.length)]


def opened() -> tuple[Model, Dataset, np.ndarray, np.ndarray]:
    """Return the shipped model, its data, and the indices of the images trained on and of those held out."""
    model = load(NAME, "cpu")
    dataset = recipes()[RECIPE]().source.build()
    about = model.provenance
    assert dataset.spec.fingerprint == about["data_fingerprint"], "other data than it was trained on"
    return model, dataset, *split(len(dataset), int(about["held_out_images"]), int(about["seed"]))


def shown(dataset: Dataset, held_out: np.ndarray) -> list[int]:
    """Return the held-out images of the figures: a fixed step through those with short names, not hand-picked."""
    short = [int(n) for n in held_out if dataset.texts[n] and len(dataset.texts[n][0]) <= LONGEST]
    return short[:: max(len(short) // SHOWN, 1)][:SHOWN]


def write_figures() -> None:
    """Write docs/prompts.png and docs/masks.png."""
    model, dataset, training, held_out = opened()
    chosen = shown(dataset, held_out)
    extractor = find_extractor("efficientnet", dataset, device="cpu")
    seen = np.concatenate([extractor(dataset.images_of(part), dataset.spec) for part in np.array_split(training, 20)])

    def row(n: int, images: torch.Tensor, first: torch.Tensor) -> np.ndarray:
        near = nearest(extractor(images[:1], dataset.spec), [seen], 1)
        neighbour = dataset.images_of(training[near.indices[:, 0]])
        return figures.displayable(torch.cat([first, images, neighbour]), dataset.spec)

    palette = torch.tensor(dataset.spec.palette, dtype=torch.uint8)
    prompts, masks = [], []
    for n in chosen:
        caption, real = dataset.texts[n][0], dataset.images_of([n])
        prompts.append((caption, row(n, model.generate(SAMPLES, prompt=caption, seed=0), real)))
        mask = dataset.conditions([n])["mask"]
        images = model.generate(SAMPLES, prompt=caption, mask=mask[0].numpy(), seed=0)
        masks.append((caption, row(n, images, palette[mask.long()].permute(0, 3, 1, 2))))
    samples = ["sample"] + [""] * (SAMPLES - 1)
    figures.save(row_sheet(prompts, heads=["held out", *samples, "nearest"]), ROOT / "docs/prompts.png")
    figures.save(row_sheet(masks, heads=["mask", *samples, "nearest"]), ROOT / "docs/masks.png")


def names() -> None:
    """Print the held-out names."""
    _, dataset, _, held_out = opened()
    for n in held_out:
        print(dataset.paths[n], " / ".join(dataset.texts[n]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    exported = verbs.add_parser("export")
    exported.add_argument("run", type=Path)
    exported.add_argument("name", choices=sorted(MOST_BYTES))
    verbs.add_parser("figures")
    verbs.add_parser("held-out")
    options = parser.parse_args()
    prepare_process()
    if options.verb == "export":
        export(options.run, options.name)
    elif options.verb == "figures":
        write_figures()
    else:
        names()


if __name__ == "__main__":
    main()
