"""The enlarger against Lanczos, on held-out drawings: PSNR, SSIM and perceptual distance, each with its interval, and
the differences paired by image; the time of four images; and a figure of both.

debruit train emoji-256 --out runs/enlarger
python bench/enlarger.py runs/enlarger -n 200 --figure enlarger.png
python bench/enlarger.py runs/enlarger -n 200 --level 0.5             # of the degradation that the model is told
python bench/enlarger.py runs/enlarger --data emoji/unseen-things     # that part of the held-out drawings
python bench/enlarger.py runs/enlarger --samples openmoji-64 --prompt "smiling cat" --figure samples.png
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from debruit import load
from debruit.apps.process import prepare_process
from debruit.autoencoders.fidelity import psnr
from debruit.autoencoders.losses.perceptual import Perceptual
from debruit.conditioning.low_res import LowRes
from debruit.data.dataset import Dataset
from debruit.data.find import find_source
from debruit.data.split import split_of_model
from debruit.editing.upscaling import condition, upscale
from debruit.images import figures
from debruit.images.row_sheet import row_sheet
from debruit.metrics.reconstruction import perceptual, reconstruction
from debruit.metrics.score import Score, bootstrap
from debruit.metrics.values import unit
from debruit.models.diffusion import Model
from debruit.models.loaded import LoadedModel
from debruit.workflows.train_source import sized

BATCH, SHOWN = 8, 8


def at_level(model: Model, level: float | None) -> Model:
    """Return the model with another level of degradation that it is told in sampling."""
    if level is None:
        return model
    conditioners = tuple(replace(c, level=level) if isinstance(c, LowRes) else c for c in model.config.conditioners)
    config = replace(model.config, conditioners=conditioners)
    backbone = config.build()
    backbone.load_state_dict(model.backbone.state_dict())
    return Model(config, backbone, model.provenance, codec=model.codec)


def lanczos(small: Tensor, scale: int) -> Tensor:
    """Enlarge 8-bit images (N, 3, h, w) by Pillow's Lanczos filter."""
    pixels = (Image.fromarray(image.permute(1, 2, 0).numpy()) for image in small)
    large = [
        np.asarray(each.resize((each.width * scale, each.height * scale), Image.Resampling.LANCZOS)) for each in pixels
    ]
    return torch.from_numpy(np.stack(large)).permute(0, 3, 1, 2).contiguous()


def reduced(images: Tensor, scale: int) -> Tensor:
    """Return the means over scale x scale pixels, rounded, as training makes the small images."""
    return torch.nn.functional.avg_pool2d(images.float(), scale).round().to(images.dtype)


@torch.no_grad()
def distances(images: Tensor, others: Tensor, spec) -> tuple[np.ndarray, str]:
    """Return the perceptual distances (N,) of two lists of images, and the name of the network."""
    network = Perceptual().build(spec.channels)
    pairs = zip(images.split(BATCH), others.split(BATCH), strict=True)
    values = [network(spec.to_model(a), spec.to_model(b)).numpy() for a, b in pairs]
    return np.concatenate(values), network.label


def shown(score: Score) -> str:
    return f"{score.value:.4g} ({score.low:.4g} to {score.high:.4g}){score.unit and ' ' + score.unit}"


def compare(model: Model, dataset: Dataset, indices: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Print the table, and return the small images, Lanczos's, the model's and the originals."""
    spec, scale = dataset.spec, condition(model).scale
    large = dataset.images_of(indices)
    small = reduced(large, scale)
    began = time.monotonic()
    ours = upscale(model, small, batch=BATCH)
    took, filtered = time.monotonic() - began, lanczos(small, scale)
    rows, decibels, far = {"Lanczos": filtered, "enlarger": ours}, [], []
    print(f"{len(indices)} held-out drawings of {spec.name}, {small.shape[3]} -> {spec.width} pixels")
    for name, images in rows.items():
        distance, network = distances(large, images, spec)
        decibels.append(
            torch.cat(
                [
                    psnr(unit(a, spec), unit(b, spec), value_range=1)
                    for a, b in zip(large.split(BATCH), images.split(BATCH), strict=True)
                ]
            ).numpy()
        )
        far.append(distance)
        scores = [*reconstruction(large, images, spec), perceptual(distance, network=network)]
        print(f"{name:9}", "  ".join(f"{s.label} {shown(s)}" for s in scores))
    gain = decibels[1] - decibels[0]
    mean, ratio = lambda i: float(gain[i].mean()), lambda i: float(far[1][i].mean() / far[0][i].mean())
    every = np.arange(len(gain))
    low, high = bootstrap(mean, len(gain), value=mean(every))
    print(f"PSNR above Lanczos       {mean(every):.2f} dB ({low:.2f} to {high:.2f})       goal 3")
    low, high = bootstrap(ratio, len(gain), value=ratio(every))
    print(f"perceptual distance      {ratio(every):.3f} of Lanczos's ({low:.3f} to {high:.3f})   goal 0.5")
    print(f"{took / len(indices):.2f} s an image in batches of {BATCH}, {torch.get_num_threads()} threads")
    return small, filtered, ours, large


def write_figure(out: Path, rows: dict[str, Tensor], spec) -> None:
    """Write rows of images, each at the size of the largest."""
    side = max(images.shape[2] for images in rows.values())
    shown = {name: figures.displayable(images, spec) for name, images in rows.items()}
    repeated = [(name, a.repeat(side // a.shape[1], 1).repeat(side // a.shape[2], 2)) for name, a in shown.items()]
    row_sheet(repeated, margin=80).save(out)
    print(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--data", help="a source that no training saw, in place of the held-out part of its own")
    parser.add_argument("--level", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--samples", help="a model whose samples are enlarged, in place of held-out drawings")
    parser.add_argument("--prompt", action="append")
    args = parser.parse_args()
    prepare_process(None)
    loaded = LoadedModel.open(args.model, "cpu")
    model = at_level(loaded.model, args.level)
    if args.steps:
        model.config = replace(model.config, sampling=replace(model.config.sampling, steps=args.steps))
    spec = model.config.data
    if args.samples:
        small = load(args.samples, "cpu").generate(SHOWN, prompt=args.prompt)
        began = time.monotonic()
        ours = upscale(model, small[:4])
        print(f"four images enlarged in {time.monotonic() - began:.2f} s")
        ours = upscale(model, small, batch=BATCH)
        rows = {"small": small, "Lanczos": lanczos(small, condition(model).scale), "enlarger": ours}
    else:
        dataset = (sized(find_source(args.data), spec.height) if args.data else loaded.source()).build()
        indices = np.arange(len(dataset)) if args.data else split_of_model(dataset, model.provenance).test
        indices = indices[np.linspace(0, len(indices) - 1, min(args.n, len(indices))).astype(int)]
        small, filtered, ours, large = compare(model, dataset, indices)
        chosen = np.linspace(0, len(indices) - 1, SHOWN).astype(int)
        rows = {"small": small, "Lanczos": filtered, "enlarger": ours, "drawing": large}
        rows = {name: images[chosen] for name, images in rows.items()}
    if args.figure:
        write_figure(args.figure, rows, spec)


if __name__ == "__main__":
    main()
