"""Latent diffusion: its autoencoder compared with diffusers' AutoencoderKL, and a training step on latents compared
with one on pixels.

1. Encoding, decoding and a training step (L1 + 1e-6 KL, backward, clipping, fused AdamW, EMA) at equal architecture:
   parameter counts are asserted to be equal, and a test shows that copied weights give equal outputs
   (tests/autoencoders/test_reference.py). Small: 64 pixels, widths 32-64-128, KL, factor 4. With --reference: the KL f8
   of the LDMs, 83.65 M parameters, at 256 pixels. diffusers is measured as it is built, and with its weights channels
   last in memory, as debruit's are.
2. The training that debruit recommends for labelled images at equal minutes, on pixels and on latents: the product's
   own loop (batch, forward, backward, clipping, optimiser, EMA), not compiled. The codec is the one that `debruit train
   ldm` would build, with random weights; its share of the minutes is subtracted from those on latents. The latents come
   from the cache; filling it is reported in seconds per 1,000 images.

All contenders run in one process, with debruit's process settings (apps/process.py), and take turns of one action
each; ratios are computed turn by turn, so that a machine whose speed drifts affects all alike. Each peak memory is that
of a fresh process that performs the action twice. On a CPU (Linux) it is the largest resident set minus that before the
model was built; on CUDA it is torch.cuda.max_memory_allocated.

    python bench/latent.py [--only autoencoders | diffusion] [--reference] [--rounds 15] [--threads 2]
                           [--device cuda --precision bf16]
"""

import argparse
import importlib.util
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from debruit.apps.process import prepare_process
from debruit.autoencoders import reference
from debruit.autoencoders.autoencoder import Autoencoder, AutoencoderModule, measured
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.autoencoders.losses.criterion import Criterion
from debruit.autoencoders.pixels import Pixels
from debruit.data.dataset import Dataset
from debruit.data.latents import latent_cache
from debruit.data.split import split_of
from debruit.images.spec import DataSpec
from debruit.models.config import FirstStageConfig
from debruit.planning import recommend, sizing
from debruit.planning.cost import cost
from debruit.planning.recommend import Budget
from debruit.planning.two_stage import FIRST_SHARE
from debruit.training.config import AutoencoderRun, Intervals, Optimiser, Run
from debruit.training.optim.gradient import autocast
from debruit.training.run_folder import hardware
from debruit.training.state import TrainState, seeded
from debruit.training.tasks.autoencoder import Autoencoding
from debruit.training.tasks.autoencoder_state import AutoencoderState
from debruit.training.tasks.autoencoder_step import latent_shape
from debruit.training.tasks.diffusion import Diffusion

Action = Callable[[], object]
SMALL = Autoencoder(coder=Coder(channels=32, multipliers=(1, 2, 4), blocks=2, groups=8), bottleneck=KL(channels=4))
LR, KL_WEIGHT, CLIP_NORM = 1e-4, 1e-6, 1.0
ACTIONS = {"encode": "encoding", "decode": "decoding", "train": "training"}
ENDLESS = 10**9
WARMING = 2  # turns at the start that are not counted
MEASURED_IMAGES = 256  # for shift and scale of the random codec
CLASSES = tuple(f"class {n}" for n in range(11))  # as many as OpenMoji has groups


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The settings at which the autoencoders are compared."""

    codec: Autoencoder
    size: int
    batch: int
    device: str
    precision: str

    @property
    def run(self) -> AutoencoderRun:
        """The training, with one report per step."""
        spec = DataSpec(
            name="x", channels=3, height=self.size, width=self.size, depth="uint8", low=0, high=255, count=256
        )
        return AutoencoderRun(
            source=None,
            model=FirstStageConfig(data=spec, codec=self.codec),
            batch=self.batch,
            precision=self.precision,
            images=ENDLESS,
            criterion=Criterion(kl_weight=KL_WEIGHT, perceptual=None, adversarial=None),
            every=Intervals(report_images=self.batch),
            optimiser=Optimiser(kind="adamw", lr=LR, clip_norm=CLIP_NORM),
        )

    def inputs(self) -> tuple[Tensor, Tensor]:
        """Return images in [-1, 1] and noise of the shape of their latents."""
        g = torch.Generator().manual_seed(0)
        images = torch.rand((self.batch, 3, self.size, self.size), generator=g) * 2 - 1
        eps = torch.randn((self.batch, *latent_shape(self.run)), generator=g)
        return images.to(self.device), eps.to(self.device)


class Debruit:
    """debruit's module and its training step (training/tasks/autoencoder_step.py)."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.device = setting, torch.device(setting.device)

    def count(self) -> int:
        with torch.device("meta"):
            return parameters(self.setting.codec.build(3))

    def encode(self) -> Action:
        module, (images, _) = self._module(), self.setting.inputs()
        return forward_pass(lambda: module.encode(images), self.setting)

    def decode(self) -> Action:
        module, (_, eps) = self._module(), self.setting.inputs()
        return forward_pass(lambda: module.decode(eps, (self.setting.size, self.setting.size)), self.setting)

    def train(self) -> Action:
        run = self.setting.run
        dataset, state = synthetic(run.data), AutoencoderState.start(run, self.device)
        reports = Autoencoding(run, dataset, self.device, split_of(dataset, run)).train(state, np.arange(len(dataset)))
        return lambda: next(reports)

    def _module(self) -> AutoencoderModule:
        return self.setting.codec.build(3).eval().to(self.device)


class Diffusers:
    """AutoencoderKL with the same setting and loss, and a plain average of its weights."""

    def __init__(self, setting: Setting, *, channels_last: bool = False) -> None:
        self.setting, self.device = setting, torch.device(setting.device)
        self.layout = torch.channels_last if channels_last else torch.contiguous_format

    def count(self) -> int:
        with torch.device("meta"):
            return parameters(self._model())

    def encode(self) -> Action:
        model, (images, _) = self._placed(), self._inputs()
        return forward_pass(lambda: model.encode(images).latent_dist.std, self.setting)

    def decode(self) -> Action:
        model, (_, eps) = self._placed(), self._inputs()
        return forward_pass(lambda: model.decode(eps).sample, self.setting)

    def train(self) -> Action:
        model, (images, _) = self._placed().train(), self._inputs()
        optimiser = torch.optim.AdamW(model.parameters(), lr=LR, fused=True)
        average = [p.detach().clone() for p in model.parameters()]

        def step() -> None:
            with autocast(self.setting.run, self.device):
                latents = model.encode(images).latent_dist
                decoded = model.decode(latents.sample()).sample
                loss = (decoded - images).abs().mean() + KL_WEIGHT * latents.kl().mean() / images[0].numel()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            optimiser.step()
            optimiser.zero_grad()
            torch._foreach_lerp_(average, list(model.parameters()), 0.001)

        return step

    def _model(self) -> nn.Module:
        from diffusers import AutoencoderKL

        coder, levels = self.setting.codec.coder, len(self.setting.codec.coder.multipliers)
        return AutoencoderKL(
            block_out_channels=coder.widths,
            layers_per_block=coder.blocks,
            norm_num_groups=coder.groups,
            latent_channels=self.setting.codec.bottleneck.channels,
            mid_block_add_attention=coder.middle_attention,
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
        )

    def _placed(self) -> nn.Module:
        return self._model().eval().to(self.device, memory_format=self.layout)

    def _inputs(self) -> tuple[Tensor, ...]:
        return tuple(x.to(memory_format=self.layout) for x in self.setting.inputs())


def forward_pass(action: Action, setting: Setting) -> Action:
    """Return an action that runs without gradients, in the precision of the setting."""

    @torch.inference_mode()
    def run() -> None:
        with autocast(setting.run, torch.device(setting.device)):
            action()

    return run


CONTENDERS = {
    "debruit": Debruit,
    "diffusers `AutoencoderKL`": Diffusers,
    "the same, channels last": partial(Diffusers, channels_last=True),
}


def autoencoders(setting: Setting, rounds: int, fresh: "Fresh") -> None:
    """Print part 1 as a Markdown table."""
    names = [name for name in CONTENDERS if name == "debruit" or has_diffusers()]
    if len(names) == 1:
        print("diffusers is not installed: it is left out", flush=True)
    counts = {name: CONTENDERS[name](setting).count() for name in names}
    assert len(set(counts.values())) == 1, counts
    speeds, peaks = {}, {}
    for action in ACTIONS:
        builds = {name: partial(action_of, name, setting, action) for name in names}
        peaks |= {(name, action): fresh.peak(build) for name, build in builds.items()}
        built = {name: build() for name, build in builds.items()}
        speeds[action] = turns(built, dict.fromkeys(names, setting.batch), rounds, setting.device, action)
    latent = " x ".join(map(str, latent_shape(setting.run)))
    size = f"{counts['debruit'] / 1e6:.2f} M parameters"
    print(f"\nKL autoencoder of {size}, {setting.size} pixels -> {latent}, batch {setting.batch}\n")
    print("|" + "".join(f" | {name} images/s | debruit is | peak, MiB" for name in ACTIONS.values()) + " |")
    print("|-" * (1 + 3 * len(ACTIONS)) + "|")
    for name in names:
        cells = [
            f"{statistics.median(s[name]):.3g} | {ratio(s['debruit'], s[name])} | {peaks[name, action]:,.0f}"
            for action, s in speeds.items()
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def action_of(name: str, setting: Setting, action: str) -> Action:
    """Return one action of a contender."""
    return getattr(CONTENDERS[name](setting), action)()


def synthetic(spec: DataSpec) -> Dataset:
    """Return noise in the shape of a labelled data set."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (spec.count, *spec.shape), dtype=np.uint8)
    return Dataset(
        spec, images, paths=[f"{n}" for n in range(spec.count)], labels=rng.integers(0, len(CLASSES), spec.count)
    )


def diffusion(options: argparse.Namespace, fresh: "Fresh") -> None:
    """Print part 2 as a Markdown table."""
    device = torch.device(options.device)
    spec = DataSpec(
        name="synthetic",
        channels=3,
        height=options.size,
        width=options.size,
        depth="uint8",
        low=0,
        high=255,
        count=options.count,
        class_names=CLASSES,
        lettered=True,
        fingerprint="synthetic",
    )
    dataset, share = synthetic(spec), options.minutes * FIRST_SHARE
    codec = recommend.autoencoder(None, spec, device, Budget(minutes=share)).model.codec
    images = spec.to_model(dataset.images_of(np.arange(min(MEASURED_IMAGES, spec.count)))).to(device)
    codec = measured(codec, codec_module(codec, device), images.split(32))
    runs = {
        "pixels": recommend.diffusion(None, spec, device, Budget(minutes=options.minutes)),
        "latents": recommend.diffusion(None, spec, device, Budget(minutes=options.minutes - share), codec=codec),
    }
    runs = {
        name: sizing.with_microbatch(replace(run, precision=options.precision), device) for name, run in runs.items()
    }
    module = codec_module(codec, device)
    begin = time.perf_counter()
    latents = latent_cache(dataset, codec, module, flip=False, device=device, autocast=False)
    seconds = time.perf_counter() - begin
    peaks = {name: fresh.peak(partial(training, run, options.device)) for name, run in runs.items()}
    steps = {name: training(run, options.device) for name, run in runs.items()}
    speeds = turns(steps, {name: run.batch for name, run in runs.items()}, options.rounds, options.device, "train")
    print(
        f"\n{options.size} pixels, {spec.count:,} images, {options.minutes:g} minutes. The codec: "
        f"{parameters(module) / 1e6:.2f} M parameters, "
        f"factor {codec.factor}, latents {' x '.join(map(str, latents.latents.shape[-3:]))}. Encoding takes "
        f"{1000 * seconds / spec.count:.2f} s "
        f"per 1,000 images, once, in fp32 ({latents.latents.nbytes / 1e6:.0f} MB on the disk).\n"
    )
    report_diffusion(
        runs, speeds, peaks, {"pixels": 60 * options.minutes, "latents": 60 * (options.minutes - share) - seconds}
    )


def report_diffusion(
    runs: dict[str, Run], speeds: dict[str, list[float]], peaks: dict[str, float], left: dict[str, float]
) -> None:
    """Print a Markdown table; `left` are the seconds that the budget leaves for training the diffusion model."""
    print(
        "| training on | U-Net | parameters | MFLOP an image | batch | images/s | latents are | peak, MiB | images in "
        "the budget |"
    )
    print("|-|-|-|-|-|-|-|-|-|")
    for name, run in runs.items():
        speed, c = statistics.median(speeds[name]), cost(run.model)
        print(
            f"| {name} | {described(run)} | {c.parameters / 1e6:.2f} M | {c.forward_flops / 1e6:,.0f} | {run.batch} | "
            f"{speed:.4g} | "
            f"{ratio(speeds['latents'], speeds[name])} | {peaks[name]:,.0f} | {speed * max(left[name], 0):,.0f} |"
        )
    print(
        f"\nOf the budget of latents, {FIRST_SHARE:.0%} are for training their autoencoder, and some seconds for "
        "encoding."
    )


def training(run: Run, device: str) -> Action:
    """Return an action that makes one step of the product's loop."""
    target, dataset, codec = torch.device(device), synthetic(run.model.data), run.model.codec
    latents = None
    if not isinstance(codec, Pixels):
        latents = latent_cache(dataset, codec, codec_module(codec, target), flip=run.flip, device=target)
    each = replace(run, minutes=None, images=ENDLESS, every=Intervals(report_images=run.batch))
    state = TrainState.start(each, target)
    task = Diffusion(each, dataset, target, split_of(dataset, each), latents=latents)
    reports = task.train(state, np.arange(len(dataset)))
    return lambda: next(reports)


def codec_module(codec: Autoencoder, device: torch.device):
    """Return an autoencoder with random weights that are equal in every process."""
    return seeded(lambda: codec.build(3), 0).eval().to(device)


def described(run: Run) -> str:
    network = run.model.network
    levels = "-".join(str(network.channels * m) for m in network.multipliers)
    return f"{levels}, {network.blocks} a level, patch {network.patch}, predicts {run.model.predicts}"


class Fresh:
    """Fresh processes, one for each measurement of memory."""

    def __init__(self, device: str, threads: int | None) -> None:
        self.device, self.threads = device, threads

    def peak(self, build: Callable[[], Action]) -> float:
        """Return the peak memory in MiB of building an action and running it twice."""
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn, initializer=begin_process, initargs=(self.threads,)) as pool:
            return pool.submit(peak, build, self.device).result()


def begin_process(threads: int | None) -> None:
    """Configure the process as for the timings; import libraries before anything is measured."""
    prepare_process(threads)
    if has_diffusers():
        from diffusers import AutoencoderKL  # noqa: F401


def peak(build: Callable[[], Action], device: str) -> float:
    """Return the peak memory of an action in this process, in MiB."""
    on_cpu = torch.device(device).type == "cpu"
    if on_cpu:
        Path("/proc/self/clear_refs").write_text("5")  # the largest resident set counts from here
        before = resident("VmRSS")
    action = build()
    for _ in range(2):
        action()
    synchronise(device)
    return resident("VmHWM") - before if on_cpu else torch.cuda.max_memory_allocated(device) / 2**20


def resident(field: str) -> float:
    """Return the resident set in MiB as the kernel counts it: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def turns(
    actions: dict[str, Action], batches: dict[str, int], rounds: int, device: str, what: str
) -> dict[str, list[float]]:
    """Return the images per second of each turn, by name."""
    speeds: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(-WARMING, rounds):
        for name, action in actions.items():
            begin = time.perf_counter()
            action()
            synchronise(device)
            if number >= 0:
                speeds[name].append(batches[name] / (time.perf_counter() - begin))
        if number >= 0:
            speeds_now = [f"{name} {values[-1]:.3g}" for name, values in speeds.items()]
            print(f"{what} {number + 1}: {', '.join(speeds_now)} images/s", flush=True)
    return speeds


def ratio(ours: list[float], theirs: list[float]) -> str:
    """Return median and quartiles of the ratio, turn by turn."""
    if ours is theirs:
        return "1"
    low, middle, high = statistics.quantiles([own / other for own, other in zip(ours, theirs, strict=True)], n=4)
    return f"{middle:.2f} x ({low:.2f} to {high:.2f})"


def synchronise(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def parameters(module: nn.Module) -> int:
    """Return the number of trainable values."""
    return sum(p.numel() for p in module.parameters())


def has_diffusers() -> bool:
    return importlib.util.find_spec("diffusers") is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("autoencoders", "diffusion"))
    parser.add_argument("--reference", action="store_true", help="the KL f8 at 256 pixels instead of the small one")
    parser.add_argument("--batch", type=int, help="images per action of the autoencoders; default 16, reference 1")
    parser.add_argument("--size", type=int, default=64, help="side of the images of the diffusion part, in pixels")
    parser.add_argument("--count", type=int, default=2465, help="number of them; OpenMoji has as many")
    parser.add_argument("--minutes", type=float, default=10, help="budget that the diffusion part is sized for")
    parser.add_argument("--rounds", type=int, default=15, help="turns of one action each, at least 2")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("quartiles need --rounds 2 or more")
    begin_process(options.threads)
    fresh = Fresh(options.device, options.threads)
    machine = f"CPU, {torch.get_num_threads()} threads" if options.device == "cpu" else hardware()
    print(f"{machine}, torch {torch.__version__}, {options.precision}", flush=True)
    if options.only != "diffusion":
        codec, size, batch = (reference.kl_f8(), 256, 1) if options.reference else (SMALL, 64, 16)
        setting = Setting(
            codec=codec, size=size, batch=options.batch or batch, device=options.device, precision=options.precision
        )
        autoencoders(setting, options.rounds, fresh)
    if options.only != "autoencoders":
        with tempfile.TemporaryDirectory() as cache:
            os.environ["DEBRUIT_CACHE"] = cache  # for the fresh processes as well
            diffusion(options, fresh)


if __name__ == "__main__":
    main()
