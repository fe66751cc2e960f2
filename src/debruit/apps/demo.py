"""make demo: samples the model that comes with debruit from some prompts, then trains a small latent diffusion model on
OpenMoji's faces for a few minutes and samples it.

Writes demo/prompts.png, demo/samples.png, demo/denoising.png (the same noise, step by step), demo/reconstruction.png
(held-out images next to their reconstructions) and demo/loss.png; the run itself is in demo/run.
"""

import argparse
import itertools
import json
import time
from pathlib import Path

import numpy as np
import torch

from debruit.apps import cli
from debruit.apps.console import complain, installed, say
from debruit.apps.process import prepare_process
from debruit.data.sources.openmoji.openmoji import OpenMoji
from debruit.data.split import split_of_model
from debruit.errors import InputError
from debruit.files.outputs import check_folder
from debruit.images import figures
from debruit.images.row_sheet import row_sheet
from debruit.models.autoencoder import FirstStage
from debruit.models.diffusion import Model, load
from debruit.planning import two_stage
from debruit.training.run_folder import LOG, RunFolder

SOURCE, SIZE = "openmoji/faces", 64
SHIPPED = "openmoji-64"
PROMPTS = ("grinning face", "crying face", "smiling cat with heart-eyes", "tiger face", "woman", "flag: Norway")
MASKS = {
    "1F697": "automobile",
    "1F9C7": "waffle",
    "1F45A": "woman’s clothes",
}  # drawings that the shipped model never saw
PROMPT_SAMPLES = 4


def main(arguments: list[str] | None = None) -> None:
    """Train, sample, plot, and report what to try next."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=4.0, help="length of the training")
    parser.add_argument("--out", type=Path, default=Path("demo"))
    parser.add_argument("--source", help=f"{SOURCE} at {SIZE} pixels, if not given")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    with installed():
        try:
            run_demo(parser.parse_args(arguments))
        except InputError as error:
            complain(str(error))
            raise SystemExit(2) from None


def run_demo(options: argparse.Namespace) -> None:
    prepare_process()
    check_folder(options.out, files=("prompts.png", "samples.png", "denoising.png", "reconstruction.png", "loss.png"))
    draw_prompts(options.out / "prompts.png")
    source, size = (options.source, None) if options.source else (SOURCE, SIZE)
    run = train(source, size, options.out / "run", options.minutes, options.set)
    model = load(run)
    draw_samples(model, options.out / "samples.png")
    draw_denoising(model, options.out / "denoising.png")
    draw_reconstruction(run, options.out / "reconstruction.png")
    draw_loss(run / LOG, options.out / "loss.png")
    count = model.config.data.count
    say(f"""
Look at prompts.png, samples.png, denoising.png, reconstruction.png and loss.png in {options.out}.
The model just trained saw {count} drawings many times over in minutes, so expect some near copies of them. Try next:
  .venv/bin/debruit sample {SHIPPED} --prompt "smiling cat" -n 4 --out cat.png    # your own prompts
  .venv/bin/debruit sample {run} -n 64 --seed 7 --out more.png         # other images of the same model
  .venv/bin/debruit sample {run} -n 16 --sampler dpmpp_2m_sde --steps 20 --out sde.png
  .venv/bin/debruit train --resume {run} --minutes 30                  # the same training, prolonged
  .venv/bin/debruit train ./my_photos --out runs/mine --minutes 20     # your own images""")


def train(source: str, size: int | None, out: Path, minutes: float, changes: list[str]) -> Path:
    """Train a latent model, both stages within `minutes`; return its new run folder. An older run is left alone, since
    it may have been prolonged.
    """
    names = itertools.chain([out.name], (f"{out.name}-{n}" for n in itertools.count(2)))
    folder = next(out.with_name(name) for name in names if not out.with_name(name).exists())
    command = ["train", "ldm", source, "--out", str(folder), "--minutes", f"{minutes:g}"]
    command += ["--size", str(size)] if size else []
    code = cli.main([*command, *(part for change in changes for part in ("--set", change))])
    if code:
        raise SystemExit(code)
    return folder


def draw_prompts(path: Path) -> None:
    """Sample the shipped model: a row for each prompt, then a row for each mask, next to the mask and with its name."""
    began, model = time.monotonic(), load(SHIPPED)
    spec, rows = model.config.data, []
    for prompt in PROMPTS:
        images = model.generate(PROMPT_SAMPLES, prompt=prompt, seed=0)
        rows.append((prompt, figures.displayable(images, spec)))
    drawings, palette = OpenMoji(size=spec.height, masks=True), np.array(spec.palette, np.uint8)
    for item, name in MASKS.items():
        mask = drawings.areas(item)
        images = figures.displayable(model.generate(PROMPT_SAMPLES - 1, prompt=name, mask=mask, seed=0), spec)
        rows.append((f"{name}, in this mask", np.concatenate([palette[mask][None], images])))
    figures.save(row_sheet(rows), path)
    say(
        f"{path}: {SHIPPED}, which comes with debruit, with {len(rows)} conditions, in {time.monotonic() - began:.0f} s"
    )


def draw_samples(model: Model, path: Path) -> None:
    """Sample 64 images, the classes in turn."""
    images = model.generate(64, seed=1)
    figures.save(figures.grid(figures.displayable(images, model.config.data), scale=2), path)


def draw_denoising(model: Model, path: Path, count: int = 6, columns: int = 9) -> None:
    """Sample rows of one image each, from pure noise to the end."""
    snapshots = list(model.trajectory(count, seed=1))
    shown = [snapshots[round(k * (len(snapshots) - 1) / (columns - 1))] for k in range(columns)]
    frames = torch.stack([model.images(s.x) for s in shown], dim=1).flatten(0, 1)
    figures.save(figures.grid(figures.displayable(frames, model.config.data), columns=columns, scale=2), path)


def draw_reconstruction(run: Path, path: Path, count: int = 16) -> None:
    """Show held-out images, each next to its reconstruction by the autoencoder."""
    stage, first = FirstStage.load(run / two_stage.FOLDER, "cpu"), RunFolder.open(run / two_stage.FOLDER).run
    dataset = first.source.build()
    split = split_of_model(dataset, stage.provenance)
    images = dataset.images_of((split.validation if len(split.validation) else split.train)[:count])
    both = torch.stack([images, stage.reconstruct(images)], dim=1).flatten(0, 1)
    figures.save(figures.grid(figures.displayable(both, first.data), columns=8), path)


def draw_loss(log: Path, path: Path) -> None:
    """Plot training and validation loss against the images seen."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    axes.plot([x["images_seen"] for x in lines], [x["loss"] for x in lines], label="training", color="#88aacc")
    validated = [x for x in lines if "validation_loss" in x]
    axes.plot(
        [x["images_seen"] for x in validated],
        [x["validation_loss"] for x in validated],
        "o-",
        label="validation (EMA weights)",
    )
    axes.set(xlabel="images seen", ylabel="loss", yscale="log")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
