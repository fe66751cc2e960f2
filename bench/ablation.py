"""The effect of each term of an autoencoder's loss: the same autoencoder, seed and number of images, with each term
left out in turn.

L = L_recons + b1 L_KL + b2 L_perceptual + b3 L_adversarial, with L1 and the weights that debruit recommends, trained by
debruit itself (training/supervisor.py).

Measured for the model file of each setting (the best of its averaged weights, as chosen by the training), on the same
held-out images: PSNR, SSIM, the perceptual distance, the Frechet distance of the reconstructions to the originals (rFD,
EfficientNet-Lite0), and the spread of the raw latents over the training images. The perceptual distance uses the
network of the perceptual term, and rFD other layers of it. Both favour the settings with that term, so look at the
images as well: the originals in the first row, then one row per setting.

The discriminator enters after --begins of the images, in every setting that has one. If the images are too small for a
term, it is left out of all settings, with a message. With --minutes-each all settings get the same time instead of the
same number of images. A setting that is finished in --out is not trained again, and one that was interrupted is
resumed.

    python bench/ablation.py openmoji --size 64 --images 60000 --out runs/ablation
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from debruit.apps.process import prepare_process
from debruit.autoencoders.losses.criterion import Criterion
from debruit.autoencoders.losses.perceptual import LEAST_SIDE, Perceptual
from debruit.autoencoders.losses.reconstruction import L1
from debruit.config import decode, encode
from debruit.data.dataset import Dataset
from debruit.data.split import split
from debruit.device import choose_device
from debruit.errors import InputError
from debruit.files.atomic import write_atomically
from debruit.images import figures
from debruit.images.row_sheet import row_sheet
from debruit.judges.extractor import Extractor
from debruit.judges.find import find_extractor
from debruit.metrics.frechet import frechet
from debruit.metrics.reconstruction import reconstruction
from debruit.models.autoencoder import FirstStage
from debruit.planning import autoencoder, recommend
from debruit.planning.counting import codec_parameters
from debruit.planning.plan import fitted
from debruit.planning.recommend import Budget
from debruit.provenance import hardware
from debruit.training.config import AutoencoderRun, Intervals
from debruit.training.run_folder import LOG, RUN, RunFolder
from debruit.training.supervisor import fit
from debruit.workflows.train_source import open_source

Change = Callable[[Criterion], Criterion]
SETTINGS: dict[str, Change] = {
    "all terms": lambda c: c,
    "without KL": lambda c: replace(c, kl_weight=0.0),
    "without perceptual": lambda c: replace(c, perceptual=None),
    "without adversarial": lambda c: replace(c, adversarial=None),
    "reconstruction alone": lambda c: replace(c, kl_weight=0.0, perceptual=None, adversarial=None),
    "perceptual alone": lambda c: replace(c, reconstruction=L1(weight=0.0), kl_weight=0.0, adversarial=None),
}
PLAN, BATCH, COLUMNS, LABEL = "plan.json", 64, 12, 130


def planned(options: argparse.Namespace, source, dataset: Dataset, device: torch.device) -> AutoencoderRun:
    """Return the run with all terms: that of the folder if it has one, so that an interrupted ablation resumes with the
    same architecture.

    Raise InputError if the folder was begun with other options or other data.
    """
    requested = {
        name: getattr(options, name)
        for name in ("source", "size", "images", "minutes_each", "seed", "begins", "held_out", "batch")
    }
    path = options.out / PLAN
    if path.exists():
        return stored_run(path, requested, dataset)
    run = new_run(options, source, dataset, device)
    text = json.dumps({"requested": requested, "run": encode(run)}, indent=2)
    write_atomically(path, lambda temporary: temporary.write_text(text))
    return run


def stored_run(path: Path, requested: dict, dataset: Dataset) -> AutoencoderRun:
    """Return the run in a plan file; InputError if it is of other options or other data."""
    stored = json.loads(path.read_text())
    if stored["requested"] != requested:
        odd = [name for name in requested if stored["requested"].get(name) != requested[name]]
        raise InputError(
            f"{path.parent} was begun with other settings ({', '.join(odd)}): give the same, or another --out"
        )
    run = decode(stored["run"], AutoencoderRun, where=str(path))
    if run.data.fingerprint != dataset.spec.fingerprint:
        raise InputError(f"the data of {run.data.name} has changed since {path.parent} was begun: give another --out")
    return run


def new_run(options: argparse.Namespace, source, dataset: Dataset, device: torch.device) -> AutoencoderRun:
    """Return the run that debruit recommends, with all terms and the length of the options."""
    spec = dataset.spec
    budget = Budget(images=options.images, minutes=options.minutes_each, batch=options.batch, seed=options.seed)
    run = recommend.autoencoder(source, spec, device, budget)
    criterion = autoencoder.usual_criterion(spec, max(run.images, autoencoder.ADVERSARIAL_IMAGES), run.held_out_images)
    run = replace(run, criterion=criterion, validation_images=options.held_out or run.validation_images)
    if options.minutes_each:
        run, _ = fitted(run, device)
    else:
        n = run.images
        run = replace(
            run,
            every=Intervals(
                report_images=max(n // 50, 1),
                validate_images=max(n // 10, 1),
                preview_images=n,
                save_images=max(n // 4, 1),
            ),
        )
    if criterion.adversarial:
        begins, ramp = int(options.begins * run.images), run.images // 20
        adversarial = replace(criterion.adversarial, begins_images=begins, ramp_images=ramp)
        run = replace(run, criterion=replace(criterion, adversarial=adversarial))
    return run


def settings(criterion: Criterion) -> dict[str, Criterion]:
    """Return the distinct losses, for the terms that the images allow."""
    losses: dict[str, Criterion] = {}
    for name, change in SETTINGS.items():
        try:
            changed = change(criterion)
        except InputError:  # nothing would be left of the loss
            continue
        if changed not in losses.values():
            losses[name] = changed
    return losses


def finished(folder: Path) -> bool:
    """Whether the training in a folder has reached its end, according to its log."""
    try:
        last = json.loads((folder / LOG).read_text().splitlines()[-1])
    except (FileNotFoundError, IndexError, json.JSONDecodeError):
        return False
    return last["images_seen"] >= last["total_images"]


def trained(folder: Path, run: AutoencoderRun, dataset: Dataset, device: torch.device, name: str) -> None:
    """Train a setting unless that is done. Exit if it is interrupted."""
    if finished(folder):
        say(f"{name}: finished before, {folder}")
        return
    resume = (folder / RUN).exists()
    run_folder = RunFolder.open(folder) if resume else RunFolder.create(folder, run)
    for p in fit(run_folder, dataset, device, resume=resume):
        if p.validation:
            seen, psnr = p.report.images_seen, p.validation.parts["psnr"]
            say(f"{name}: {seen:,}/{p.total_images:,} images, PSNR {psnr:.2f} dB, {p.images_per_second:.0f} images/s")
        if p.guard:
            say(f"{name}: {p.guard}")
        if p.interrupted:
            sys.exit("interrupted, everything is saved: run the same command again to continue")


@dataclass(frozen=True)
class Result:
    """Measurements of one setting.

    `decoded` are its held-out images at rest, `spreads` the standard deviation of the raw latents per channel, `noise`
    the part of it that the encoder adds. The weights are those after `weights_images` of `images` images. `guard` are
    the sentences of the discriminator guard.
    """

    decoded: Tensor
    psnr: float
    ssim: float
    perceptual: float | None
    rfd: str
    spreads: tuple[float, ...]
    noise: float
    images: int
    weights_images: int
    seconds: float
    guard: tuple[str, ...]


@torch.no_grad()
def measured(folder: Path, images: Tensor, real: np.ndarray, extractor: Extractor, device: torch.device) -> Result:
    """Measure the model in a folder on held-out images (N, C, H, W) at rest with features `real`."""
    stage = FirstStage.load(folder, str(device))
    spec, scale = stage.config.data, stage.config.codec.scale
    latents = [stage.encode(part) for part in images.split(BATCH)]
    decoded = torch.cat([stage.decode(z.mean, (images.shape[2], images.shape[3])) for z in latents])
    raw = torch.cat([z.std.square().mean(dim=(2, 3)).cpu() for z in latents]).mean(dim=0) * torch.tensor(scale) ** 2
    psnr, ssim = reconstruction(images, decoded, spec)
    score = frechet(extractor(decoded, spec), real, network=extractor.label, name="rfd", prefix="rFD")
    log = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    return Result(
        decoded=decoded,
        psnr=psnr.value,
        ssim=ssim.value,
        perceptual=distance(images, decoded, spec, device),
        rfd=f"{score.value:.3g} ({score.low:.3g} to {score.high:.3g})",
        spreads=scale,
        noise=float(raw.mean().sqrt()),
        images=log[-1]["images_seen"],
        weights_images=stage.provenance["weights_images_seen"],
        seconds=log[-1]["elapsed"],
        guard=tuple(r["guard"] for r in log if "guard" in r),
    )


def distance(images: Tensor, decoded: Tensor, spec, device: torch.device) -> float | None:
    """Return the mean perceptual distance, None for images that are too small for it."""
    if min(spec.height, spec.width) < LEAST_SIDE:
        return None
    d = Perceptual().build(spec.channels).to(device)
    pairs = zip(images.split(BATCH), decoded.split(BATCH), strict=True)
    return float(torch.cat([d(spec.to_model(a).to(device), spec.to_model(b).to(device)) for a, b in pairs]).mean())


def table(results: dict[str, Result], count: int, label: str) -> list[str]:
    """Return Markdown lines; `count` is the number of held-out images."""
    lines = [
        "| loss | images | weights after | minutes | PSNR, dB | SSIM | perceptual distance "
        f"| rFD-{label} (95 %), n = {count} | raw spread of the latents | of it noise |",
        "|-|-|-|-|-|-|-|-|-|-|",
    ]
    for name, r in results.items():
        d = "" if r.perceptual is None else f"{r.perceptual:.4f}"
        lines.append(
            f"| {name} | {r.images:,} | {r.weights_images:,} | {r.seconds / 60:.1f} | {r.psnr:.2f} | {r.ssim:.4f} "
            f"| {d} | {r.rfd} | {min(r.spreads):.3g} to {max(r.spreads):.3g} | {r.noise:.2g} |"
        )
    return lines + [f"- {name}: {sentence}" for name, r in results.items() for sentence in r.guard]


def figure(rows: dict[str, Tensor], spec) -> Image.Image:
    """Return a figure with the same images in every row, labelled with the name of the setting."""
    named = [(name, figures.displayable(images, spec)) for name, images in rows.items()]
    return row_sheet(named, scale=max(1, round(64 / max(spec.sizes))), margin=LABEL)


def say(line: str) -> None:
    print(line, flush=True)


def ablation(options: argparse.Namespace) -> None:
    device = choose_device(options.device)
    source, dataset = open_source(options.source, (), size=options.size, condition=None)
    run = planned(options, source, dataset, device)
    _, held_out = split(len(dataset), run.held_out_images, run.seed)
    if len(held_out) < 2:
        raise InputError(
            f"{run.held_out_images} images are held out and at least 2 are needed to score: give --held-out, or more "
            "images"
        )
    losses = settings(run.criterion)
    for name in ("perceptual", "adversarial"):
        if getattr(run.criterion, name) is None:
            say(
                f"images of {dataset.spec.height} x {dataset.spec.width} pixels are too small for the {name} term: it "
                "is left out of all settings"
            )
    parameters = codec_parameters(run.model.codec, dataset.spec.channels)
    length = f"{run.minutes:g} minutes" if run.minutes else f"{run.images:,} images"
    say(
        f"{parameters / 1e6:.2f} M parameters, factor {run.model.codec.factor}, batch {run.batch}; {len(losses)} "
        f"settings of {length} each"
    )
    chosen = {name: loss for name, loss in losses.items() if not options.only or name in options.only}
    folders = {name: options.out / name.replace(" ", "-") for name in chosen}
    for name, loss in chosen.items():
        trained(folders[name], replace(run, criterion=loss), dataset, device, name)
    report(folders, run, dataset, held_out, device, out=options.out)


def report(
    folders: dict[str, Path], run: AutoencoderRun, dataset: Dataset, held_out: np.ndarray, device: torch.device, *, out
) -> None:
    """Measure the models of all settings, print and write the table, and write the figure."""
    extractor = find_extractor("efficientnet", device=str(device))
    images = dataset.images_of(held_out)
    real = extractor(images, dataset.spec)
    results = {name: measured(folder, images, real, extractor, device) for name, folder in folders.items()}
    lines = [
        f"{dataset.spec.name}, {hardware()}, torch {torch.__version__}, seed {run.seed}",
        "",
        *table(results, len(held_out), extractor.label),
    ]
    print("\n" + "\n".join(lines))
    write_atomically(out / "table.md", lambda temporary: temporary.write_text("\n".join(lines) + "\n"))
    some = np.linspace(0, len(held_out) - 1, min(COLUMNS, len(held_out))).round().astype(int)
    rows = {"originals": images[some]} | {name: r.decoded[some] for name, r in results.items()}
    figures.save(figure(rows, dataset.spec), out / "reconstructions.png")
    say(f"figure: {out / 'reconstructions.png'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a folder of images, or a name from `debruit list data`")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--images", type=int, help="length of each training, in images seen; 60,000 if no length is given"
    )
    parser.add_argument("--minutes-each", type=float, help="length of each training in minutes instead")
    parser.add_argument("--size", type=int, help="side of the images in pixels, if the source has a choice")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--begins", type=float, default=0.25, help="share of the images before the discriminator enters"
    )
    parser.add_argument(
        "--held-out", type=int, help="number of images to score on; default: that of debruit's trainings"
    )
    parser.add_argument("--only", nargs="*", choices=list(SETTINGS), help="train only these settings")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    if options.images and options.minutes_each:
        parser.error("--images and --minutes-each both set the length: give one of them")
    if not options.minutes_each:
        options.images = options.images or 60_000
    prepare_process(options.threads)
    try:
        ablation(options)
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
