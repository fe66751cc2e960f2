"""What each term of an autoencoder's loss is for: the same autoencoder, seed and number of images with each term left
out in turn.

L = L_recons + b1 L_KL + b2 L_perceptual + b3 L_adversarial;  L1 and the weights that debruit recommends, through its own training (fit)

Of every setting's model file (the best of its averaged weights, as the training chose it), on the same held-out images:
PSNR, SSIM, the perceptual distance, the Frechet distance of the reconstructions to the originals (rFD,
EfficientNet-Lite0), and the spread of the raw latents over the training images. The perceptual distance is measured by
the network that the perceptual term trains on, and rFD by other layers of it: both favour the settings that have the
term, so look at the picture as well: originals above, then one row a setting.

The discriminator enters after --begins of the images, in every setting that has one. Where images are too small for a
term, it is left out of all settings, which is said. With --minutes-each all settings get the same time in place of the
same number of images. A setting that is finished in --out is not trained again, one that was interrupted continues.

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
from debruit.planning import autoencoder
from debruit.provenance import hardware
from debruit.training.allocator import prepare
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
    """The run with all terms: that of the folder if it has one, so that an interrupted ablation goes on with the same
    architecture."""
    asked = {
        name: getattr(options, name)
        for name in ("source", "size", "images", "minutes_each", "seed", "begins", "held_out", "batch")
    }
    path = options.out / PLAN
    if path.exists():
        stored = json.loads(path.read_text())
        if stored["asked"] != asked:
            odd = [name for name in asked if stored["asked"].get(name) != asked[name]]
            raise InputError(
                f"{options.out} was begun with other settings ({', '.join(odd)}): give the same, or another --out"
            )
        run = decode(stored["run"], AutoencoderRun, where=str(path))
        if run.data.fingerprint != dataset.spec.fingerprint:
            raise InputError(
                f"the data of {run.data.name} has changed since {options.out} was begun: give another --out"
            )
        return run
    spec = dataset.spec
    run = autoencoder.recommend(
        source,
        spec,
        device,
        images=options.images,
        minutes=options.minutes_each,
        batch=options.batch,
        seed=options.seed,
    )
    criterion = autoencoder.suited_criterion(spec, max(run.images, autoencoder.ADVERSARIAL_IMAGES), run.held_out_images)
    run = replace(run, criterion=criterion, validation_images=options.held_out or run.validation_images)
    if options.minutes_each:
        run, _ = autoencoder.fitted(run, device)
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
    text = json.dumps({"asked": asked, "run": encode(run)}, indent=2)
    write_atomically(path, lambda temporary: temporary.write_text(text))
    return run


def settings(criterion: Criterion) -> dict[str, Criterion]:
    """The losses that differ, for the terms that the images allow."""
    found: dict[str, Criterion] = {}
    for name, change in SETTINGS.items():
        try:
            changed = change(criterion)
        except InputError:  # nothing would be left of the loss
            continue
        if changed not in found.values():
            found[name] = changed
    return found


def finished(folder: Path) -> bool:
    """Whether the training in a folder has reached its end, by its log."""
    try:
        last = json.loads((folder / LOG).read_text().splitlines()[-1])
    except (FileNotFoundError, IndexError, json.JSONDecodeError):
        return False
    return last["images_seen"] >= last["total_images"]


def trained(folder: Path, run: AutoencoderRun, dataset: Dataset, device: torch.device, name: str) -> None:
    """Trains a setting, unless that is done. Ends the process where it is interrupted."""
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
            sys.exit("stopped, everything is saved: the same command continues")


@dataclass(frozen=True)
class Result:
    """What a setting came to; `decoded` are its held-out images at rest, `spreads` the raw latents' standard deviation
    a channel, `noise` the encoder's own part of it; the weights are those after `kept` of `images` images."""

    decoded: Tensor
    psnr: float
    ssim: float
    perceptual: float | None
    rfd: str
    spreads: tuple[float, ...]
    noise: float
    images: int
    kept: int
    seconds: float
    watched: tuple[str, ...]


@torch.no_grad()
def measured(folder: Path, images: Tensor, real: np.ndarray, extractor: Extractor, device: torch.device) -> Result:
    """Of the model in a folder, on held-out images (N, C, H, W) at rest with features `real`."""
    stage = FirstStage.load(folder, str(device))
    spec, scale = stage.config.data, stage.config.codec.scale
    laws = [stage.encode(part) for part in images.split(BATCH)]
    decoded = torch.cat([stage.decode(law.mean, (images.shape[2], images.shape[3])) for law in laws])
    raw = torch.cat([law.std.square().mean(dim=(2, 3)).cpu() for law in laws]).mean(dim=0) * torch.tensor(scale) ** 2
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
        kept=stage.provenance["weights_images_seen"],
        seconds=log[-1]["elapsed"],
        watched=tuple(r["guard"] for r in log if "guard" in r),
    )


def distance(images: Tensor, decoded: Tensor, spec, device: torch.device) -> float | None:
    """The mean perceptual distance, None for images too small for it."""
    if min(spec.height, spec.width) < LEAST_SIDE:
        return None
    d = Perceptual().build(spec.channels).to(device)
    pairs = zip(images.split(BATCH), decoded.split(BATCH), strict=True)
    return float(torch.cat([d(spec.to_model(a).to(device), spec.to_model(b).to(device)) for a, b in pairs]).mean())


def table(results: dict[str, Result], count: int, label: str) -> list[str]:
    """Markdown lines; `count` held-out images."""
    lines = [
        f"| loss | images | weights after | minutes | PSNR, dB | SSIM | perceptual distance | rFD-{label} (95 %), n = "
        f"{count} "
        "| raw spread of the latents | of it noise |",
        "|-|-|-|-|-|-|-|-|-|-|",
    ]
    for name, r in results.items():
        d = "" if r.perceptual is None else f"{r.perceptual:.4f}"
        lines.append(
            f"| {name} | {r.images:,} | {r.kept:,} | {r.seconds / 60:.1f} | {r.psnr:.2f} | {r.ssim:.4f} | {d} | "
            f"{r.rfd} | "
            f"{min(r.spreads):.3g} to {max(r.spreads):.3g} | {r.noise:.2g} |"
        )
    return lines + [f"- {name}: {said}" for name, r in results.items() for said in r.watched]


def picture(rows: dict[str, Tensor], spec) -> Image.Image:
    """The same images in every row, its name before it."""
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
                "is left out everywhere"
            )
    say(
        f"{autoencoder.parameters(run.model.codec, dataset.spec.channels) / 1e6:.2f} M parameters, factor "
        f"{run.model.codec.factor}, batch {run.batch}; "
        f"{len(losses)} settings of {f'{run.minutes:g} minutes' if run.minutes else f'{run.images:,} images'} each"
    )
    chosen = {name: loss for name, loss in losses.items() if not options.only or name in options.only}
    folders = {name: options.out / name.replace(" ", "-") for name in chosen}
    for name, loss in chosen.items():
        trained(folders[name], replace(run, criterion=loss), dataset, device, name)
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
    write_atomically(options.out / "table.md", lambda temporary: temporary.write_text("\n".join(lines) + "\n"))
    some = np.linspace(0, len(held_out) - 1, min(COLUMNS, len(held_out))).round().astype(int)
    rows = {"originals": images[some]} | {name: r.decoded[some] for name, r in results.items()}
    figures.save(picture(rows, dataset.spec), options.out / "reconstructions.png")
    say(f"the picture: {options.out / 'reconstructions.png'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a folder of images, or a name from `debruit list data`")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--images", type=int, help="length of each training, in images seen; 60,000 if no length is given"
    )
    parser.add_argument("--minutes-each", type=float, help="its length in minutes instead")
    parser.add_argument("--size", type=int, help="side of the images, where the source lets one choose")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--begins", type=float, default=0.25, help="share of the images before the discriminator enters"
    )
    parser.add_argument("--held-out", type=int, help="images to score on; default as debruit's trainings")
    parser.add_argument("--only", nargs="*", choices=list(SETTINGS), help="these settings")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    if options.images and options.minutes_each:
        parser.error("--images and --minutes-each both set the length: give one of them")
    if not options.minutes_each:
        options.images = options.images or 60_000
    prepare()
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        ablation(options)
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
