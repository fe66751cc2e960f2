"""Training and sampling throughput and peak memory, compared with diffusers and denoising-diffusion-pytorch, in one
run.

The task is a DDPM at 28x28x1 (linear chain of 1000, eps prediction, L_simple), fp32, batch 64. debruit and diffusers
have the same architecture to the parameter (UNet2DModel, widths 32-64-64, two blocks a level, attention at the lowest);
denoising-diffusion-pytorch has its own U-Net of the same widths. Every contender runs in a separate process and makes
its complete training step (noise, forward, backward, clipping, AdamW, EMA) in its turn. Turns are single steps and
ratios are computed turn by turn, so that a machine whose speed drifts affects all alike. Peak memory is the largest
resident set of the process.

    python bench/throughput.py [--rounds 15] [--width 32]
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
    """debruit's own step, as `debruit train` runs it (process settings included)."""
    from debruit.apps.process import prepare_process

    prepare_process()
    import torch

    from debruit.images.spec import DataSpec
    from debruit.models.diffusion import Model
    from debruit.networks.unet import UNet
    from debruit.planning.measure import synthetic
    from debruit.recipes.ddpm import ddpm, l_simple
    from debruit.training.config import Optimiser, Run
    from debruit.training.optim import ema
    from debruit.training.optim.gradient import Gradient
    from debruit.training.state import TrainState
    from debruit.training.tasks.diffusion import optimise

    spec = DataSpec(name="x", channels=1, height=SIZE, width=SIZE, depth="uint8", low=0, high=255, count=1000)
    network = UNet(channels=width, multipliers=(1, 2, 2), attention=(4,), head_channels=32, groups=8)
    run = Run(
        source=None, model=ddpm(spec, network), objective=l_simple(), batch=BATCH, optimiser=Optimiser(kind="adamw")
    )
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
        sample_size=SIZE,
        in_channels=1,
        out_channels=1,
        layers_per_block=2,
        block_out_channels=(width, 2 * width, 2 * width),
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        attention_head_dim=32,
    )
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
    """Return the number of trainable values."""
    return sum(p.numel() for p in module.parameters())


def serve(name: str, width: int) -> None:
    """Run one contender in this process: print a JSON line at the start, then one for each "train" or "sample" that is
    read."""
    count, train, sample = CONTENDERS[name](width)
    actions = {"train": train, "sample": sample}
    print(json.dumps({"parameters": count}), flush=True)
    for line in sys.stdin:
        begin = time.perf_counter()
        actions[line.strip()]()
        seconds = time.perf_counter() - begin
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"images_per_second": BATCH / seconds, "peak_mib": peak}), flush=True)


class Contender:
    """A process that runs one contender when it is its turn."""

    def __init__(self, name: str, width: int) -> None:
        command = [sys.executable, __file__, "--contender", name, "--width", str(width)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.speeds: dict[str, list[float]] = {"train": [], "sample": []}
        self.parameters = self._read()["parameters"]
        self.peak_mib: dict[str, float] = {}

    def turn(self, action: str, *, counts: bool) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write(action + "\n")
        self.process.stdin.flush()
        turn = self._read()
        self.peak_mib[action] = turn["peak_mib"]
        if counts:
            self.speeds[action].append(turn["images_per_second"])
        return turn["images_per_second"]

    def _read(self) -> dict:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise EOFError
        return json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="turns of one training step each")
    parser.add_argument("--sampling-rounds", type=int, default=4)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        serve(options.contender, options.width)
        return
    contenders: dict[str, Contender] = {}
    for name in CONTENDERS:
        try:
            contenders[name] = Contender(name, options.width)
        except EOFError:
            print(f"{name} is left out: it did not start (see its message above)", flush=True)
    for action, rounds, warming in (("train", options.rounds, 2), ("sample", options.sampling_rounds, 1)):
        for number in range(-warming, rounds):
            speeds = [f"{name} {c.turn(action, counts=number >= 0):.1f}" for name, c in contenders.items()]
            print(f"{action} {number + 1}: {', '.join(speeds)} images/s", flush=True)
    report(contenders)


def report(contenders: dict[str, Contender]) -> None:
    """Print a Markdown table: medians, and median with quartiles of debruit's ratio to each contender, turn by turn."""
    print(
        "\n| | parameters | training images/s | debruit is | sampling images/s (10 evaluations) | debruit is "
        "| peak of training, MiB |"
    )
    print("|-|-|-|-|-|-|-|")
    ours = contenders["debruit"].speeds
    for name, c in contenders.items():
        cells = []
        for action, speeds in c.speeds.items():
            ratios = [own / other for own, other in zip(ours[action], speeds, strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            cells += [f"{statistics.median(speeds):.1f}", f"{middle:.2f} x ({low:.2f} to {high:.2f})"]
        print(f"| {name} | {c.parameters / 1e6:.2f} M | {' | '.join(cells)} | {c.peak_mib['train']:.0f} |")


if __name__ == "__main__":
    main()
