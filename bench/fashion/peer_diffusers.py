"""A model to compare with: diffusers' `UNet2DModel` trained from scratch on Fashion-MNIST by diffusers' own recipe.

Step, optimiser, schedule and EMA follow diffusers' `examples/unconditional_image_generation/train_unconditional.py`:
DDPMScheduler (1000 steps, linear), mean squared error of epsilon, AdamW (lr 1e-4, betas 0.95 and 0.999, weight decay
1e-6), 500 warm-up steps and a cosine over the budget, gradient norm 1, EMAModel (warm-up, inverse gamma 1, power 3/4,
at most 0.9999). Departures, all in favour of diffusers: class-conditional, images held in memory, no checkpoints within
the budget. `--lr 1e-3 --warmup 50` suits ten CPU minutes better, since the warm-up of the example alone takes longer.

    python bench/fashion/peer_diffusers.py --minutes 10 --seed 0 --out runs/peer
    python bench/fashion/peer_diffusers.py --out runs/peer --sample-only --sampler dpm --steps 25
"""

from __future__ import annotations

import argparse
import json
import math
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, UNet2DModel
from diffusers.training_utils import EMAModel
from fashion_data import balanced_labels, load, save_grid
from safetensors.torch import load_file, save_file
from torch import Tensor

# name: scheduler from a config, options of its step. Only those marked "clips" keep x0 in [-1, 1] throughout.
SAMPLERS = {
    "ddpm": (DDPMScheduler.from_config, {}),  # clips; the example's own sampler, respaced
    "ddim": (DDIMScheduler.from_config, {}),  # clips x0, keeps the unclipped epsilon
    "ddim-clipped": (DDIMScheduler.from_config, {"use_clipped_model_output": True}),  # clips
    "dpm": (DPMSolverMultistepScheduler.from_config, {}),
    # clips
    "dpm-clipped": (partial(DPMSolverMultistepScheduler.from_config, thresholding=True, sample_max_value=1.0), {}),
}


def build(channels: tuple[int, ...] = (32, 64, 64)) -> UNet2DModel:
    """Return a class-conditional U-Net for 1x28x28: two blocks a level, attention in the last level."""
    last = len(channels) - 1
    return UNet2DModel(
        sample_size=28,
        in_channels=1,
        out_channels=1,
        layers_per_block=2,
        block_out_channels=channels,
        down_block_types=("DownBlock2D",) * last + ("AttnDownBlock2D",),
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * last,
        norm_num_groups=8,
        num_class_embeds=10,
    )


class Rate:
    """Factor of the learning rate: linear for `warmup` steps, then half a cosine over the rest of the budget, ending at
    0."""

    def __init__(self, warmup: int) -> None:
        self.warmup, self.warm_at = warmup, 0.0

    def __call__(self, step: int, progress: float) -> float:
        """`progress` in [0, 1] is the share of the budget that is spent before this step."""
        if step < self.warmup:
            self.warm_at = progress
            return (step + 1) / self.warmup
        return 0.5 * (1 + math.cos(math.pi * (progress - self.warm_at) / (1 - self.warm_at)))


def loss_of(model: UNet2DModel, scheduler: DDPMScheduler, x0: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of the example: || eps - model(x_t, t) ||^2, t uniform over the steps of the chain."""
    noise = torch.randn_like(x0)
    t = torch.randint(0, scheduler.config.num_train_timesteps, (len(x0),))
    x_t = scheduler.add_noise(x0, noise, t)
    return torch.nn.functional.mse_loss(model(x_t, t, class_labels=labels).sample, noise)


def train(args: argparse.Namespace) -> dict:
    """Train until the minutes (or, with --images, the images) are spent; save both sets of weights; return facts."""
    start, cpu_start = time.perf_counter(), time.process_time()
    torch.manual_seed(args.seed)
    pixels, classes = load("train")
    images = (torch.from_numpy(pixels.copy())[:, None].float() / 127.5 - 1).contiguous()
    labels = torch.from_numpy(classes.astype(np.int64))
    model, scheduler = build(), DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear")
    ema = EMAModel(model.parameters(), decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=0.75)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.95, 0.999), weight_decay=1e-6, eps=1e-8)
    rate = Rate(args.warmup)
    step, progress, order, running = 0, 0.0, torch.empty(0, dtype=torch.long), 0.0
    while progress < 1:
        if len(order) < args.batch:
            order = torch.randperm(len(images))
        index, order = order[: args.batch], order[args.batch :]
        optimizer.param_groups[0]["lr"] = args.lr * rate(step, progress)
        loss = loss_of(model, scheduler, images[index], labels[index])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        ema.step(model.parameters())
        step += 1
        running += (loss.item() - running) * max(0.02, 1 / step)
        elapsed = time.perf_counter() - start
        progress = step * args.batch / args.images if args.images else elapsed / (60 * args.minutes)
        if step % 50 == 0:
            print(
                f"step {step:6d}  loss {running:.4f}  {step * args.batch / elapsed:6.1f} images/s  {elapsed:6.0f} s",
                flush=True,
            )
    save(model, ema, args.out)
    facts = {key: value for key, value in vars(args).items() if key in ("seed", "lr", "warmup", "batch")}
    return facts | {
        "parameters": sum(p.numel() for p in model.parameters()),
        "images": step * args.batch,
        "seconds": round(elapsed, 1),
        "images_per_second": round(step * args.batch / elapsed, 1),
        # far below the number of threads if the machine was shared
        "cpus_busy": round((time.process_time() - cpu_start) / elapsed, 2),
        "threads": torch.get_num_threads(),
        "loss": round(running, 4),
    }


def save(model: UNet2DModel, ema: EMAModel, out: Path) -> None:
    """Write `raw.safetensors` and `ema.safetensors`; the model then has the EMA weights."""
    save_file(model.state_dict(), out / "raw.safetensors")
    ema.copy_to(model.parameters())
    save_file(model.state_dict(), out / "ema.safetensors")


@torch.inference_mode()
def sample(
    model: UNet2DModel, labels: np.ndarray, *, sampler: str, steps: int, seed: int, batch: int = 250
) -> np.ndarray:
    """Return uint8 images (N, 28, 28), one for each label, without guidance."""
    generator = torch.Generator().manual_seed(seed)
    create, options = SAMPLERS[sampler]
    scheduler = create(DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear").config)
    done = []
    for y in torch.from_numpy(labels).split(batch):
        scheduler.set_timesteps(steps)
        x = torch.randn(len(y), 1, 28, 28, generator=generator)
        for t in scheduler.timesteps:
            eps = model(scheduler.scale_model_input(x, t), t, class_labels=y).sample
            x = scheduler.step(eps, t, x, generator=generator, **options).prev_sample
        done.append(((x[:, 0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8))
    return torch.cat(done).numpy()


def write_samples(args: argparse.Namespace) -> dict:
    """Sample from the chosen weights in `args.out`; write samples, labels and a grid there; return the facts."""
    model = build().eval()
    model.load_state_dict(load_file(args.out / f"{args.weights}.safetensors"))
    labels, start = balanced_labels(args.n), time.perf_counter()
    images = sample(model, labels, sampler=args.sampler, steps=args.steps, seed=args.seed)
    elapsed = time.perf_counter() - start
    name = f"{args.weights}-{args.sampler}{args.steps}-n{args.n}"
    np.save(args.out / f"{name}.npy", images)
    np.save(args.out / f"{name}-labels.npy", labels)
    save_grid(images, labels, args.out / f"{name}.png")
    return {"samples": name, "sampling_seconds": round(elapsed, 1), "sampled_per_second": round(args.n / elapsed, 1)}


def parse() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for weights, samples and facts")
    parser.add_argument(
        "--minutes",
        type=float,
        default=10,
        help="budget in minutes of wall-clock time, including everything but sampling",
    )
    parser.add_argument("--images", type=int, help="budget in images instead, for a machine that does other work")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--warmup", type=int, default=500, help="steps")
    parser.add_argument("-n", type=int, default=2000, help="images to sample; 0: none")
    parser.add_argument("--sampler", choices=SAMPLERS, default="ddim")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--weights", choices=("ema", "raw"), default="ema")
    parser.add_argument("--sample-only", action="store_true", help="use the weights that --out already holds")
    return parser.parse_args()


def main() -> None:
    """Train, then sample; one JSON line of facts for each, in `facts.jsonl` too."""
    args = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    jobs = ([] if args.sample_only else [train]) + ([write_samples] if args.n else [])
    for job in jobs:
        line = json.dumps(job(args))
        print(line, flush=True)
        with (args.out / "facts.jsonl").open("a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()
