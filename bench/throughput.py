"""Training and sampling throughput and peak memory, side by side with diffusers and denoising-diffusion-pytorch, in one run.

The task is a DDPM at 28x28x1 (linear chain of 1000, eps prediction, L_simple), fp32, batch 64. debruit and diffusers have the same architecture to the
parameter (UNet2DModel, widths 32-64-64, two blocks a level, attention at the lowest); denoising-diffusion-pytorch has its own U-Net of the same widths.
Every contender runs its full training step (noise, forward, backward, clipping, AdamW, EMA) in a process of its own, in turn, several rounds; ratios
are taken round by round, so that a machine whose speed drifts hurts both alike. Peak memory is the process's largest resident set.

    python bench/throughput.py [--rounds 5] [--seconds 8] [--width 32]
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

BATCH, SIZE, SAMPLING_STEPS = 64, 28, 10


def debruit(width: int) -> tuple[int, Callable, Callable]:
    """The product's own step, as `debruit train` runs it (process settings included)."""
    from debruit.training.machine import prepare

    prepare()
    import torch

    from debruit.data.dataset import DataSpec
    from debruit.model import Model
    from debruit.networks.unet import UNet
    from debruit.recipes.ddpm import ddpm, l_simple
    from debruit.training import ema
    from debruit.training.gradient import Gradient
    from debruit.training.planning import synthetic
    from debruit.training.run import Run
    from debruit.training.state import TrainState
    from debruit.training.step import optimise

    spec = DataSpec(name="x", channels=1, height=SIZE, width=SIZE, depth="uint8", low=0, high=255, count=1000)
    network = UNet(channels=width, multipliers=(1, 2, 2), attention=(4,), head_channels=32, groups=8)
    run = Run(source=None, model=ddpm(spec, network), objective=l_simple(), batch=BATCH)
    device = torch.device("cpu")
    state = TrainState.start(run, device)
    gradient = Gradient(run, state.backbone, device)

    def train() -> None:
        optimise(state, run, gradient, synthetic(run), 1e-4)
        ema.update(state.average, state.backbone, 0.999)

    model = Model(run.model, state.average)
    return parameters(state.backbone), train, lambda: model.generate(BATCH, sampler="ddim", steps=SAMPLING_STEPS)


def diffusers(width: int) -> tuple[int, Callable, Callable]:
    """UNet2DModel with the training step of diffusers' unconditional example."""
    import torch
    from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel
    from diffusers.training_utils import EMAModel

    model = UNet2DModel(
        sample_size=SIZE, in_channels=1, out_channels=1, layers_per_block=2, block_out_channels=(width, 2 * width, 2 * width), norm_num_groups=8,
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"), attention_head_dim=32,
    )  # fmt: skip
    average = EMAModel(model.parameters(), decay=0.9999, use_ema_warmup=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    schedule, ddim = DDPMScheduler(1000), DDIMScheduler(1000)

    def train() -> None:
        x0 = torch.randn(BATCH, 1, SIZE, SIZE).clamp(-1, 1)
        noise, t = torch.randn_like(x0), torch.randint(0, 1000, (BATCH,))
        loss = torch.nn.functional.mse_loss(model(schedule.add_noise(x0, noise, t), t).sample, noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        average.step(model.parameters())

    @torch.no_grad()
    def sample() -> None:
        ddim.set_timesteps(SAMPLING_STEPS)
        x = torch.randn(BATCH, 1, SIZE, SIZE)
        for t in ddim.timesteps:
            x = ddim.step(model(x, t).sample, t, x).prev_sample

    return parameters(model), train, sample


def lucidrains(width: int) -> tuple[int, Callable, Callable]:
    """denoising-diffusion-pytorch's Unet and GaussianDiffusion with Adam and a plain EMA, as its Trainer does."""
    import torch

    from peers import load_denoising_diffusion_pytorch

    package = load_denoising_diffusion_pytorch()
    unet = package.Unet(dim=width, dim_mults=(1, 2, 2), channels=1)
    model = package.GaussianDiffusion(
        unet,
        image_size=SIZE,
        timesteps=1000,
        sampling_timesteps=SAMPLING_STEPS,
        objective="pred_noise",
        beta_schedule="linear",
    )
    average = [p.detach().clone() for p in model.parameters()]
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.9, 0.99))

    def train() -> None:
        loss = model(torch.rand(BATCH, 1, SIZE, SIZE))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        torch._foreach_lerp_(average, list(model.parameters()), 0.005)

    @torch.no_grad()
    def sample() -> None:
        model.ddim_sample((BATCH, 1, SIZE, SIZE))

    return parameters(unet), train, sample


CONTENDERS = {"debruit": debruit, "diffusers": diffusers, "denoising-diffusion-pytorch": lucidrains}


def parameters(module) -> int:
    """Trainable values."""
    return sum(p.numel() for p in module.parameters())


def rate(action: Callable, seconds: float) -> float:
    """Images per second: the median over calls, after two that warm up."""
    action()
    action()
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return BATCH / statistics.median(times)


def contend(name: str, width: int, seconds: float) -> dict:
    """One contender in this process."""
    count, train, sample = CONTENDERS[name](width)
    trained = rate(train, seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"parameters": count, "train": trained, "sample": rate(sample, seconds / 2), "peak_mib": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        print(json.dumps(contend(options.contender, options.width, options.seconds)))
        return
    rounds: list[dict[str, dict]] = []
    for number in range(options.rounds):
        rounds.append({})
        for name in CONTENDERS:
            command = [
                sys.executable,
                __file__,
                "--contender",
                name,
                "--seconds",
                str(options.seconds),
                "--width",
                str(options.width),
            ]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{name} left out: {done.stderr.strip().splitlines()[-1]}")
                continue
            rounds[-1][name] = json.loads(done.stdout.splitlines()[-1])
        print(
            f"round {number + 1}: " + ", ".join(f"{k} {v['train']:.1f} images/s" for k, v in rounds[-1].items()),
            flush=True,
        )
    report(rounds)


def report(rounds: list[dict[str, dict]]) -> None:
    """A Markdown table: medians, and debruit's ratio to each, round by round."""
    print(
        "\n| | parameters | training images/s | debruit is | sampling images/s (10 evaluations) | debruit is | peak MiB |"
    )
    print("|-|-|-|-|-|-|-|")
    for name in rounds[0]:
        values = [r[name] for r in rounds if name in r]
        median = {key: statistics.median(v[key] for v in values) for key in values[0]}
        ratios = {
            key: statistics.median(r["debruit"][key] / r[name][key] for r in rounds if name in r)
            for key in ("train", "sample")
        }
        print(
            f"| {name} | {median['parameters'] / 1e6:.2f} M | {median['train']:.1f} | {ratios['train']:.2f} x | {median['sample']:.1f} | "
            f"{ratios['sample']:.2f} x | {median['peak_mib']:.0f} |"
        )


if __name__ == "__main__":
    main()
