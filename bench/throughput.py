"""Training and sampling throughput and peak memory, compared with diffusers and denoising-diffusion-pytorch, in one
run.

The first task is a DDPM at 28x28x1 (linear chain of 1000, eps prediction, L_simple), batch 64. debruit and diffusers
have the same architecture to the parameter (UNet2DModel, widths 32-64-64, two blocks a level, attention at the lowest);
denoising-diffusion-pytorch has its own U-Net of the same widths. Each makes its complete training step (noise, forward,
backward, clipping, AdamW, EMA). The second is guided sampling of 16 latents of 4x16x16 under 24 tokens by DPM-Solver++
2M: debruit's U-Net with cross-attention and diffusers' UNet2DConditionModel with DPMSolverMultistep, of the same widths
and blocks; the table has the parameters of both.

Every contender runs in a separate process, in float32 and in bfloat16 (autocast). Turns are single steps and ratios are
computed turn by turn, so that a machine whose speed drifts affects all alike; on a busy machine the ratio of CPU times
says more than that of the durations. Peak memory is the largest resident set of the process.

    python bench/throughput.py [--rounds 15] [--width 32] [--precision fp32 bf16]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

BATCH, SIZE, SAMPLING_STEPS = 64, 28, 10
GUIDED, TOKENS, TOKEN_WIDTH, WEIGHT = 16, 24, 128, 2.0  # of the second task: images, and tokens of each


Actions = dict[str, Callable[[], object]]


def debruit(width: int, half: bool) -> tuple[int, Actions]:
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
        source=None,
        model=ddpm(spec, network, clip=True),
        objective=l_simple(),
        batch=BATCH,
        optimiser=Optimiser(kind="adamw"),
        precision="bf16" if half else "fp32",
    )
    device = torch.device("cpu")
    state = TrainState.start(run, device)
    gradient = Gradient(run, state.backbone, device)

    def train() -> None:
        optimise(state, run, gradient, synthetic(run), 1e-4)
        ema.update(state.average, state.backbone, 0.999)

    def sample() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            Model(run.model, state.average).generate(BATCH, sampler="ddim", steps=SAMPLING_STEPS)

    return parameters(state.backbone), {"train": train, "sample": sample, "guided": debruit_guided(width, half)}


def debruit_guided(width: int, half: bool) -> Callable[[], object]:
    """Guided sampling by DPM-Solver++ 2M of a U-Net with cross-attention."""
    import torch

    from debruit.diffusion.denoiser import Denoiser
    from debruit.networks.cond import Cond
    from debruit.networks.unet import UNet
    from debruit.recipes.ddpm import ddpm
    from debruit.sampling.dpmpp_2m import DPMpp2M
    from debruit.sampling.grids import UniformTime
    from debruit.sampling.guidance.classifier_free import classifier_free
    from debruit.sampling.loop import trajectory

    config = UNet(
        channels=2 * width,
        multipliers=(1, 2),
        blocks=1,
        attention=(2,),
        head_channels=32,
        groups=8,
        transformer_depth=1,
        token_channels=TOKEN_WIDTH,
    )
    network = config.build(4, 4).eval()
    process = ddpm(None, config, clip=False).process
    denoiser = Denoiser(network, process, "eps")
    tokens, none = torch.randn(GUIDED, TOKENS, TOKEN_WIDTH), torch.randn(1, TOKENS, TOKEN_WIDTH)
    branches = [(1 - WEIGHT, Cond(tokens=none.expand(GUIDED, -1, -1))), (WEIGHT, Cond(tokens=tokens))]
    guided = classifier_free(denoiser, branches)
    times = list(UniformTime().times(process, SAMPLING_STEPS))

    @torch.inference_mode()
    def sample() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            x = torch.randn(GUIDED, 4, 16, 16)
            for _ in trajectory(lambda x, t: guided(x, t)[0], process, DPMpp2M(), x, times, lambda: x):
                pass

    sample.parameters = parameters(network)
    return sample


def diffusers(width: int, half: bool) -> tuple[int, Actions]:
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
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            predicted = model(schedule.add_noise(x0, noise, t), t).sample
        torch.nn.functional.mse_loss(predicted.float(), noise).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        average.step(model.parameters())

    @torch.no_grad()
    def sample() -> None:
        ddim.set_timesteps(SAMPLING_STEPS)
        x = torch.randn(BATCH, 1, SIZE, SIZE)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            for t in ddim.timesteps:
                x = ddim.step(model(x, t).sample, t, x).prev_sample

    return parameters(model), {"train": train, "sample": sample, "guided": diffusers_guided(width, half)}


def diffusers_guided(width: int, half: bool) -> Callable[[], object]:
    """UNet2DConditionModel and DPMSolverMultistepScheduler, guided as its pipelines do: both branches in one batch."""
    import torch
    from diffusers import DPMSolverMultistepScheduler, UNet2DConditionModel

    model = UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(2 * width, 4 * width),
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TOKEN_WIDTH,
        attention_head_dim=(2 * width // 32, 4 * width // 32),
        use_linear_projection=True,
    ).eval()
    solver = DPMSolverMultistepScheduler(1000)
    tokens = torch.randn(2 * GUIDED, TOKENS, TOKEN_WIDTH)

    @torch.inference_mode()
    def sample() -> None:
        solver.set_timesteps(SAMPLING_STEPS)
        x = torch.randn(GUIDED, 4, 16, 16)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            for t in solver.timesteps:
                none, given = model(torch.cat([x, x]), t, encoder_hidden_states=tokens).sample.chunk(2)
                x = solver.step(none + WEIGHT * (given - none), t, x).prev_sample

    sample.parameters = parameters(model)
    return sample


def lucidrains(width: int, half: bool) -> tuple[int, Actions]:
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
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = model(torch.rand(BATCH, 1, SIZE, SIZE))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        torch._foreach_lerp_(average, list(model.parameters()), 0.005)

    @torch.no_grad()
    def sample() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            model.ddim_sample((BATCH, 1, SIZE, SIZE))

    return parameters(unet), {"train": train, "sample": sample}


CONTENDERS = {"debruit": debruit, "diffusers": diffusers, "denoising-diffusion-pytorch": lucidrains}


def parameters(module) -> int:
    """Return the number of trainable values."""
    return sum(p.numel() for p in module.parameters())


def serve(name: str, width: int, half: bool) -> None:
    """Run one contender in this process: print a JSON line at the start, then one for each action that is read."""
    count, actions = CONTENDERS[name](width, half)
    guided = getattr(actions.get("guided"), "parameters", 0)
    print(json.dumps({"parameters": count, "guided": guided, "actions": list(actions)}), flush=True)
    for line in sys.stdin:
        begin, busy = time.perf_counter(), time.process_time()
        actions[line.strip()]()
        seconds, busy = time.perf_counter() - begin, time.process_time() - busy
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "busy": busy, "peak_mib": peak}), flush=True)


class Contender:
    """A process that runs one contender when it is its turn."""

    def __init__(self, name: str, width: int, precision: str) -> None:
        command = [sys.executable, __file__, "--contender", name, "--width", str(width), "--precision", precision]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.turns: dict[str, list[dict]] = {}
        start = self._read()
        self.actions, self.parameters = start["actions"], {"guided": start["guided"]}
        self.parameters |= dict.fromkeys(("train", "sample"), start["parameters"])

    def turn(self, action: str, *, counts: bool) -> str:
        """Return the duration of one turn, and its CPU time, as text."""
        assert self.process.stdin is not None
        self.process.stdin.write(action + "\n")
        self.process.stdin.flush()
        turn = self._read()
        if counts:
            self.turns.setdefault(action, []).append(turn)
        return f"{turn['seconds']:.2f} s (CPU {turn['busy']:.2f} s)"

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
    parser.add_argument("--precision", nargs="+", choices=("fp32", "bf16"), default=["fp32", "bf16"])
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        serve(options.contender, options.width, options.precision == ["bf16"])
        return
    for precision in options.precision:
        contenders: dict[str, Contender] = {}
        for name in options.only:
            try:
                contenders[name] = Contender(name, options.width, precision)
            except EOFError:
                print(f"{name} is left out: it did not start (see its message above)", flush=True)
        rounds = {"train": options.rounds, "sample": options.sampling_rounds, "guided": options.sampling_rounds}
        for action, count in rounds.items():
            for number in range(-1, count):
                taking = {name: c for name, c in contenders.items() if action in c.actions}
                turns = [f"{name} {c.turn(action, counts=number >= 0)}" for name, c in taking.items()]
                print(f"{precision}, {action} {number + 1}: {', '.join(turns)}", file=sys.stderr, flush=True)
        report(precision, contenders)
        for contender in contenders.values():
            contender.process.kill()


def report(precision: str, contenders: dict[str, Contender]) -> None:
    """Print a Markdown table: medians, and median with quartiles of debruit's ratio to each contender, turn by turn."""
    print(f"\n{precision}, load {os.getloadavg()[0]:.1f}\n")
    print("| task | | parameters | images/s | debruit is | by CPU time | peak memory, MiB |\n|-|-|-|-|-|-|-|")
    for action, images in (("train", BATCH), ("sample", BATCH), ("guided", GUIDED)):
        for name, c in contenders.items():
            if action in c.turns:
                speed = images / statistics.median(turn["seconds"] for turn in c.turns[action])
                cells = [
                    ratio(contenders["debruit"].turns[action], c.turns[action], key) for key in ("seconds", "busy")
                ]
                peak = c.turns[action][-1]["peak_mib"]
                print(
                    f"| {action} | {name} | {c.parameters[action]:,} | {speed:.1f} | {' | '.join(cells)} | {peak:.0f} |"
                )


def ratio(ours: list[dict], theirs: list[dict], key: str) -> str:
    """Return the median of their durations over ours, with quartiles."""
    ratios = [other[key] / own[key] for own, other in zip(ours, theirs, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} x ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
