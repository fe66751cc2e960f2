"""A model: process + prediction + network + conditioners + codec. This is the only constructor, for training, evaluation, the command
line and servers alike.

A model is one .safetensors file (model_files.py): the EMA weights, those of its autoencoder, and a ModelConfig. Nothing else is needed to sample.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from debruit.autoencoders import bounded
from debruit.autoencoders.codec import Codec, CodecModule
from debruit.autoencoders.pixels import Pixels
from debruit.conditioning.asked import Asked, ask, dropped
from debruit.conditioning.cond import Cond, Conditioner
from debruit.config import choose
from debruit.data.dataset import DataSpec
from debruit.diffusion.bound import BoundTerms, bound
from debruit.diffusion.chain import Variance
from debruit.diffusion.denoiser import Denoiser
from debruit.diffusion.prediction import prediction
from debruit.diffusion.process import Process
from debruit.diffusion.processes.flow import Flow
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.drawing import Drawing
from debruit.errors import InputError
from debruit.model_files import decoded, fill, model_file, read, save
from debruit.networks.network import Network
from debruit.networks.unet import UNet
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.grids import ChainSteps
from debruit.sampling.guidance.classifier_free import classifier_free
from debruit.sampling.guidance.clip import clip
from debruit.sampling.loop import Snapshot
from debruit.sampling.noise import ImageNoise
from debruit.sampling.sampler import Denoise, Sampler
from debruit.sampling.settings import Settings

CODEC = "codec."  # what the names of the autoencoder's weights begin with, in a model's file


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Everything about a model but its weights. `data_std` is the standard deviation of the latents, which scales the network's input."""

    data: DataSpec
    process: Process = field(default_factory=Flow)
    predicts: str = "velocity"
    network: Network = field(default_factory=UNet)
    conditioners: tuple[Conditioner, ...] = ()
    codec: Codec = field(default_factory=Pixels)
    data_std: float = 0.5
    learned_variance: bool = False
    sampling: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        prediction(self.predicts)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of what the network sees."""
        return (
            self.codec.latent_channels(self.data.channels),
            *self.codec.latent_size(self.data.height, self.data.width),
        )

    def check(self) -> None:
        """InputError if the prediction says nothing at pure noise, where sampling starts."""
        ends_in_noise = float(self.process.alpha(torch.ones((), dtype=torch.float64))) == 0
        if ends_in_noise and self.predicts in ("eps", "score"):
            raise InputError(
                f"at t = 1 {type(self.process).__name__} leaves no signal, and there a prediction of {self.predicts} says nothing about the "
                "image: set predicts=v, velocity or x0, or a process whose chain does not end in pure noise"
            )

    def build(self) -> "Backbone":
        """The trainable modules, freshly initialised from torch's global generator; InputError where a condition has no door."""
        for door in ("vector", "tokens", "spatial"):
            given = [c for c in self.conditioners if c.door == door]
            wanted = sum(c.channels for c in given) if door != "tokens" else max((c.channels for c in given), default=0)
            have = getattr(self.network, f"{door}_channels", 0)
            if wanted != have:
                names = ", ".join(type(c).__name__ for c in given) or "no conditioner"
                raise InputError(
                    f"{names} gives {wanted} channels through the door '{door}' but {type(self.network).__name__} expects "
                    f"{have}: set model.network.{door}_channels={wanted}"
                )
        return Backbone(self)


class Backbone(nn.Module):
    """What is trained: the network and its conditioners."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels = config.latent_shape[0]
        self.config = config
        self.network = config.network.build(channels, channels * (2 if config.learned_variance else 1))
        self.conditioners = nn.ModuleDict({c.field: c.build() for c in config.conditioners})

    def cond(self, values: Mapping[str, Tensor], keep: Mapping[str, Tensor]) -> Cond:
        """The conditions of a batch. `values` holds each conditioner's field, `keep` (B,) bool which images keep it."""
        cond = Cond()
        for conditioner in self.config.conditioners:
            name = conditioner.field
            encoded = self.conditioners[name](values[name], keep[name])
            cond = cond.beside(Cond(**{conditioner.door: encoded}))
        return cond

    def forward(self, x: Tensor, noise_level: Tensor, cond: Cond | None = None) -> Tensor:
        return self.network(x, noise_level, cond)

    def denoiser(self, network=None) -> Denoiser:
        """This backbone as a denoiser; `network` stands in for it, compiled say."""
        c = self.config
        return Denoiser(self if network is None else network, c.process, c.predicts, c.data_std, c.learned_variance)


class Model:
    """A trained model: `generate` images, or follow their `trajectory`."""

    def __init__(
        self,
        config: ModelConfig,
        backbone: Backbone,
        provenance: Mapping[str, Any] | None = None,
        *,
        codec: CodecModule | None = None,
    ) -> None:
        """`codec` is the trained autoencoder of a latent model; pixels need none."""
        config.check()
        self.config, self.backbone, self.provenance = config, backbone.eval(), dict(provenance or {})
        assert codec is not None or isinstance(config.codec, Pixels), "a latent model comes with its autoencoder"
        self.codec = (codec or config.codec.build(config.data.channels)).eval()

    @property
    def device(self) -> torch.device:
        return next(self.backbone.parameters()).device

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> "Model":
        """From a model file or a run folder. InputError says what is wrong with a file that is none, damaged, newer, or an autoencoder."""
        path = model_file(path)
        header, weights = read(path)
        config = decoded(header, ModelConfig, path)
        with torch.device("meta"):
            backbone, codec = config.build(), config.codec.build(config.data.channels)
        own = {name: w for name, w in weights.items() if not name.startswith(CODEC)}
        fill(backbone, own, path)
        fill(codec, {name.removeprefix(CODEC): w for name, w in weights.items() if name not in own}, path)
        place = choose_device(device)
        return cls(config, backbone.to(place), header["provenance"], codec=codec.to(place))

    def save(self, path: str | Path) -> None:
        """To one file, atomically."""
        save(path, self.config, named(self.backbone, self.codec), self.provenance)

    def settings(
        self,
        *,
        sampler=None,
        steps: int | None = None,
        guidance: float | None = None,
        grid=None,
        clip: bool | None = None,
    ) -> Settings:
        """The model's own sampling settings with what is given in their place. Ancestral sampling of a chain walks its own steps."""
        own = self.config.sampling
        if isinstance(sampler, str):
            sampler = choose(Sampler, sampler, "sampler")
        chosen = replace(
            own,
            sampler=sampler or own.sampler,
            steps=own.steps if steps is None else steps,
            guidance=own.guidance if guidance is None else guidance,
            clip=own.clip if clip is None else clip,
        )
        if grid is not None:
            return replace(chosen, grid=grid)
        if isinstance(chosen.sampler, Ancestral) and isinstance(self.config.process, Tabulated):
            return replace(chosen, grid=ChainSteps())
        return chosen

    def generate(self, n: int = 4, *, batch: int = 64, first: int = 0, **options: Any) -> Tensor:
        """n images, (n, C, H, W), in the dtype and range of the data. Options are those of `trajectory`; memory is that of `batch`."""
        _check_count(n)
        parts = []
        for start in range(0, n, batch):
            last = None
            for last in self.trajectory(min(batch, n - start), first=first + start, **options):
                pass
            assert last is not None
            parts.append(self.images(last.x))
        return torch.cat(parts)

    def trajectory(
        self,
        n: int = 4,
        *,
        seed: int = 0,
        first: int = 0,
        label=None,
        prompt=None,
        mask=None,
        image=None,
        steps: int | None = None,
        sampler: str | Sampler | None = None,
        guidance: float | None = None,
        grid=None,
        clip: bool | None = None,
    ) -> Iterator[Snapshot]:
        """Sampling step by step, from noise to images `first`..`first + n - 1` of this seed; `images(snapshot.x)` are pictures.

        Conditions: `label`, names or numbers of classes; `prompt`, texts; `mask`, files or class numbers; `image`, what an image-conditioned model
        starts from; one for all images, or several in turn. Without any of them a model takes its classes in turn (image k is of class k mod their
        number); with some of them, the others are dropped.
        InputError: n < 1, an unknown sampler or label, a condition that the model does not have, guidance it was not trained for.
        """
        settings = self.settings(sampler=sampler, steps=steps, guidance=guidance, grid=grid, clip=clip)
        return self.drawing(
            n, settings, seed=seed, first=first, label=label, prompt=prompt, mask=mask, image=image
        ).run()

    def drawing(
        self,
        n: int,
        settings: Settings,
        *,
        seed: int = 0,
        first: int = 0,
        label=None,
        prompt=None,
        mask=None,
        image=None,
    ) -> Drawing:
        """What is needed to draw images `first`..`first + n - 1` of this seed under these conditions. InputError as `trajectory`."""
        _check_count(n)
        if settings.steps < 1:
            raise InputError(f"{settings.steps} steps: at least 1 is needed")
        if getattr(settings.sampler, "variance", None) == "learned" and not self.config.learned_variance:
            raise InputError(
                "this model has not learned a variance: use the ancestral sampler with variance posterior or beta"
            )
        given = {"label": label, "text": prompt, "mask": mask, "image": image}
        indices = range(first, first + n)
        asked = ask(self.config.conditioners, indices, given, self.device)
        return Drawing(
            denoise=self._denoise(asked, settings), process=self.config.process, settings=settings,
            noise=ImageNoise(seed, indices, self.config.latent_shape, self.device), device=self.device,
        )  # fmt: skip

    def bound(
        self,
        images: Tensor,
        *,
        variance: Variance | None = None,
        seed: int = 0,
        label=None,
        prompt=None,
        mask=None,
        image=None,
    ) -> BoundTerms:
        """The variational bound of `images` (B, C, H, W), in the dtype and range of the data: nats and bits/dim, one evaluation for each step
        of the chain. A condition that is not given counts as dropped. DDPM, equation 5.

        InputError: a process without a chain, latents that are no pixels, a variance that was not learned.
        """
        process, n = self.config.process, len(images)
        if not isinstance(self.config.codec, Pixels):
            raise InputError(
                "bits/dim of a latent model is not defined by its chain alone, which ends at latents and knows no pixels: `debruit evaluate` "
                "reports that of its latents instead (latent-bound where it has a chain, and likelihood)"
            )
        if not isinstance(process, Tabulated):
            raise InputError(
                f"the bound is a sum over the steps of a chain, and this model's process is {type(process).__name__}: train one by "
                "the recipe ddpm-fashion-mnist-28 or with --set model.process=Tabulated, or measure the likelihood of the probability-flow ODE, "
                "which every process has (`debruit evaluate`)"
            )
        if self.config.data.depth != "uint8":
            raise InputError(
                f"the bound counts the bits of 8-bit pixels, and this model's are {self.config.data.depth}"
            )
        if variance == "learned" and not self.config.learned_variance:
            raise InputError("this model has not learned a variance: ask for posterior or beta")
        given = {"label": label, "text": prompt, "mask": mask, "image": image}
        asked = ask(self.config.conditioners, range(n), given, self.device)
        denoiser = self.backbone.denoiser()
        x0 = self.config.data.to_model(images).to(self.device)
        with torch.inference_mode():
            if not any(value is not None for value in given.values()):
                asked = dropped(self.config.conditioners, asked)
            cond = self.backbone.cond(asked.values, asked.keep)
            return bound(
                lambda x, t: denoiser(x, t, cond), process.chain, x0, ImageNoise(seed, range(n), x0.shape[1:], self.device),
                variance=variance or ("learned" if self.config.learned_variance else "beta"),
            )  # fmt: skip

    @torch.no_grad()
    def images(self, x: Tensor) -> Tensor:
        """Latents, (B, C, H, W), as images in the dtype and range of the data, on the CPU."""
        data = self.config.data
        return data.from_model(bounded.decode(self.codec, x, (data.height, data.width)).float().cpu())

    @torch.no_grad()
    def latents(self, images: Tensor) -> Tensor:
        """Images in the dtype and range of the data, (B, C, H, W), as what the diffusion sees, on the model's device: the mean of the encoder."""
        return bounded.encode(self.codec, self.config.data.to_model(images).to(self.device)).mean

    def _denoise(self, asked: Asked, settings: Settings) -> Denoise:
        """The denoiser of one batch under its conditions, guided and clipped as the settings say."""
        self._check_guidance(settings.guidance)
        denoiser = self.backbone.denoiser()
        weight = settings.guidance if asked.any else 1.0
        with torch.inference_mode():
            kept = self.backbone.cond(asked.values, asked.keep)
            none = dropped(self.config.conditioners, asked)
            guided = classifier_free(denoiser, kept, self.backbone.cond(none.values, none.keep), weight)
        return clip(guided, self.config.process) if settings.clip and isinstance(self.config.codec, Pixels) else guided

    def _check_guidance(self, weight: float) -> None:
        if not weight >= 0:
            raise InputError(f"a guidance weight of {weight}: it must be 0 or more; 1 is no guidance")
        if weight != 1 and not self.config.conditioners:
            raise InputError("guidance needs a condition, and this model was trained without one: leave --guidance out")
        if weight != 1 and all(c.drop == 0 for c in self.config.conditioners):
            raise InputError(
                "this model was trained without dropping its condition, so guidance cannot work: leave --guidance out"
            )


def named(backbone: nn.Module, codec: nn.Module | None) -> dict[str, Tensor]:
    """The weights of both under the names of a model's file."""
    inside = codec.state_dict() if codec is not None else {}
    return backbone.state_dict() | {CODEC + name: value for name, value in inside.items()}


def load(path: str | Path, device: str = "auto") -> Model:
    """A model from a run folder or a .safetensors file, ready to `generate`. device: "auto", "cpu", "cuda"."""
    return Model.load(path, device)


def choose_device(name: str = "auto") -> torch.device:
    """ "auto" is the GPU where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.partition(":")[0] == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: no usable CUDA device is on this machine; use --device cpu or auto")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not (number.isdecimal() and kind == "cuda")):
        raise InputError(f"--device {name}: allowed are auto, cpu, cuda, and cuda:0 and so on")
    if number and int(number) >= torch.cuda.device_count():
        raise InputError(f"--device {name}: this machine has {torch.cuda.device_count()} CUDA devices, counted from 0")
    return torch.device(name)


def _check_count(n: int) -> None:
    if n < 1:
        raise InputError(f"{n} images were asked for: give -n 1 or more")
