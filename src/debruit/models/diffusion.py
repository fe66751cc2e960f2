"""A model: process + prediction + network + conditioners + codec. This is the only constructor, for training, evaluation, the command
line and servers alike.

A model is one .safetensors file (models/model_file.py): the EMA weights, those of its autoencoder, and a ModelConfig. Nothing else is needed to sample.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from debruit.autoencoders import bounded
from debruit.autoencoders.codec import CodecModule
from debruit.autoencoders.pixels import Pixels
from debruit.conditioning.batch import ConditionBatch, ask, dropped
from debruit.conditioning.guidance_terms import branches, check, check_given
from debruit.config import check as check_config
from debruit.device import choose_device
from debruit.diffusion.bound import BoundTerms, bound
from debruit.diffusion.chain import Variance
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.errors import InputError
from debruit.finite import check_finite
from debruit.models.config import Backbone, ModelConfig
from debruit.models.guide_model import check_pair
from debruit.models.model_file import decoded, fill, model_file, read, save
from debruit.models.onnx_export import export_onnx
from debruit.ranges import LARGEST_BATCH, MOST_DRAWN, check_seed
from debruit.rng import Purpose
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.config import SamplingConfig
from debruit.sampling.grids import ChainSteps
from debruit.sampling.guidance import weights
from debruit.sampling.guidance.autoguidance import autoguidance
from debruit.sampling.guidance.classifier_free import classifier_free
from debruit.sampling.guidance.clip import clip
from debruit.sampling.guidance.cost import evaluations
from debruit.sampling.guidance.interval import within
from debruit.sampling.guidance.rescale import rescaled
from debruit.sampling.job import SamplingJob
from debruit.sampling.loop import Snapshot
from debruit.sampling.noise import ImageNoise
from debruit.sampling.sampler import Denoise, Sampler
from debruit.seams import choose

CODEC = "codec."  # what the names of the autoencoder's weights begin with, in a model's file


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
        check_config(config, "model")
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

    def export_onnx(self, path: str | Path) -> None:
        """Write the denoising network to an ONNX file: (x_t, t, conditions) -> prediction, for any batch (models/onnx_export.py)."""
        export_onnx(self.backbone, self.conditioned(), path)

    def settings(
        self,
        *,
        sampler=None,
        steps: int | None = None,
        guidance=None,
        interval: tuple[float, float] | None = None,
        rescale: float | None = None,
        grid=None,
        clip: bool | None = None,
    ) -> SamplingConfig:
        """The model's own sampling settings with what is given in their place. Ancestral sampling of a chain walks its own steps."""
        own = self.config.sampling
        if isinstance(sampler, str):
            sampler = choose(Sampler, sampler, "sampler")
        given = {
            "sampler": sampler, "steps": steps, "guidance": None if guidance is None else weights.read(guidance), "interval": interval,
            "rescale": rescale, "grid": grid, "clip": clip,
        }  # fmt: skip
        chosen = replace(own, **{name: value for name, value in given.items() if value is not None})
        if grid is None and isinstance(chosen.sampler, Ancestral) and isinstance(self.config.process, Tabulated):
            return replace(chosen, grid=ChainSteps())
        return chosen

    def generate(self, n: int = 4, *, batch: int = 64, first: int = 0, **options: Any) -> Tensor:
        """n images, (n, C, H, W), in the dtype and range of the data. Options are those of `trajectory`; memory is that of `batch`.

        Image k of a seed is the same for every n, batch, number of threads and device up to rounding: its noise is equal to the bit, but matrix products
        and convolutions add in an order that depends on the size of the batch. In float32 on a CPU a few of 10,000 values of 8-bit images then
        differ by one level; equal calls on one machine agree to the bit. Equal batches would cost what they are padded to, so nothing is padded.
        """
        _check_count(n)
        if not 1 <= batch <= LARGEST_BATCH:
            raise InputError(f"a batch of {batch}: give 1 to {LARGEST_BATCH:,}")
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
        weaker: "Model | None" = None,
        **changes: Any,
    ) -> Iterator[Snapshot]:
        """Sampling step by step, from noise to images `first`..`first + n - 1` of this seed; `images(snapshot.x)` are pictures.

        Conditions: `label`, names of classes, or numbers, which are names where a class is called by a number;
        `prompt`, texts; `mask`, files or class numbers; `image`, what an image-conditioned model
        starts from; one for all images, or several in turn. Without any of them a model takes its classes in turn (image k is of class k mod their
        number); with some of them, the others are dropped. `weaker` is a model that guides this one (docs/guidance.md). `changes` are those of
        `settings`: sampler, steps, guidance, interval, rescale, grid, clip.
        InputError: n < 1, an unknown sampler or label, a condition that the model does not have, guidance it was not trained for.
        """
        return self.drawing(
            n, self.settings(**changes), seed=seed, first=first, label=label, prompt=prompt, mask=mask, image=image, weaker=weaker
        ).run()  # fmt: skip

    def drawing(
        self,
        n: int,
        settings: SamplingConfig,
        *,
        seed: int = 0,
        first: int = 0,
        label=None,
        prompt=None,
        mask=None,
        image=None,
        weaker: "Model | None" = None,
    ) -> SamplingJob:
        """What is needed to draw images `first`..`first + n - 1` of this seed under these conditions. InputError as `trajectory`."""
        _check_count(n)
        given = {"label": label, "text": prompt, "mask": mask, "image": image}
        indices = range(first, first + n)
        asked = ask(self.config.conditioners, indices, given, self.device)
        if weaker is None:
            return self.drawing_of(asked, settings, indices, seed=seed)
        theirs = ask(weaker.config.conditioners, indices, given, weaker.device)
        return self.drawing_of(asked, settings, indices, seed=seed, weaker=(weaker, theirs))

    def drawing_of(
        self,
        asked: ConditionBatch,
        settings: SamplingConfig,
        indices: Sequence[int],
        *,
        seed: int = 0,
        weaker: "tuple[Model, ConditionBatch] | None" = None,
    ) -> SamplingJob:
        """The same for conditions that are values already, those of the images of these numbers; a weaker model comes with its own."""
        if settings.steps < 1:
            raise InputError(f"{settings.steps} steps: at least 1 is needed")
        check_config(settings, "sampling")
        check_seed(seed)
        if getattr(settings.sampler, "variance", None) == "learned" and not self.config.learned_variance:
            raise InputError(
                "this model has not learned a variance: use the ancestral sampler with variance posterior or beta"
            )
        denoise, count = self._guided(asked, settings, weaker)
        return SamplingJob(
            denoise=denoise, process=self.config.process, settings=settings, branches=count, device=self.device,
            noise=ImageNoise(seed, indices, self.config.latent_shape, self.device),
        )  # fmt: skip

    def evaluations(self, settings: SamplingConfig, asked: ConditionBatch | None = None) -> int:
        """Network evaluations for one image under these conditions, each branch of guidance counted; without them, when nothing is asked for. The
        one count that every command and report shows."""
        conditioners = self.config.conditioners
        asked = ask(conditioners, range(1), {}, self.device) if asked is None else asked
        return evaluations(self.config.process, settings, len(branches(conditioners, asked, settings.guidance)))

    def conditioned(self) -> ConditionBatch:
        """One image that keeps every condition of the model, of no particular value: for counting what guidance costs."""
        conditioners, one = self.config.conditioners, torch.ones(1, dtype=torch.bool)
        return ConditionBatch({c.field: c.blank(1) for c in conditioners}, {c.field: one for c in conditioners})

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
                lambda x, t: denoiser(x, t, cond), process.chain, x0, ImageNoise(seed, range(n), x0.shape[1:], self.device, purpose=Purpose.LIKELIHOOD_NOISE),
                variance=variance or ("learned" if self.config.learned_variance else "beta"),
            )  # fmt: skip

    @torch.no_grad()
    def images(self, x: Tensor) -> Tensor:
        """Latents, (B, C, H, W), as images in the dtype and range of the data, on the CPU. InputError: they are not finite."""
        data = self.config.data
        decoded = bounded.decode(self.codec, x, (data.height, data.width)).float().cpu()
        check_finite(
            decoded,
            "the images are not finite",
            "try the model's own sampling settings, a smaller guidance or more steps",
        )
        return data.from_model(decoded)

    @torch.no_grad()
    def latents(self, images: Tensor) -> Tensor:
        """Images in the dtype and range of the data, (B, C, H, W), as what the diffusion sees, on the model's device: the mean of the encoder."""
        check_finite(images, "the images to encode", "replace these values, or leave the images out")
        latents = bounded.encode(self.codec, self.config.data.to_model(images).to(self.device)).mean
        check_finite(latents, "the latents are not finite", "look at the images and at the autoencoder that made them")
        return latents

    def _guided(
        self, asked: ConditionBatch, settings: SamplingConfig, weaker: "tuple[Model, ConditionBatch] | None"
    ) -> tuple[Denoise, int]:
        """The denoiser of one batch under its conditions, guided and clipped as the settings say, and how many branches its guidance has."""
        config, plain = self.config, self._under(asked)
        if weaker is None:
            if settings.guidance != config.sampling.guidance:  # the model's own serve whatever is asked of it
                check(config.conditioners, settings.guidance)
                check_given(config.conditioners, asked, settings.guidance)
            parts = branches(config.conditioners, asked, settings.guidance)
            with torch.inference_mode():
                conds = [(part.coefficient, self.backbone.cond(part.asked.values, part.asked.keep)) for part in parts]
            guided, count = classifier_free(self.backbone.denoiser(), conds), len(parts)
        else:
            weight = check_pair(self, weaker[0], settings.guidance)
            guided, count = autoguidance(plain, weaker[0]._under(weaker[1]), weight), 1 if weight == 0 else 2
        found = rescaled(guided, config.process, settings.rescale)
        if count > 1:  # w = 0 is the model without its condition at all times
            found = within(settings.interval, found, plain)
        return (clip(found, config.process) if settings.clip and isinstance(config.codec, Pixels) else found), count

    def _under(self, asked: ConditionBatch) -> Denoise:
        """The plain denoiser of one batch under its conditions."""
        denoiser = self.backbone.denoiser()
        with torch.inference_mode():
            cond = self.backbone.cond(asked.values, asked.keep)
        return lambda x, t: denoiser(x, t, cond)


def named(backbone: nn.Module, codec: nn.Module | None) -> dict[str, Tensor]:
    """The weights of both under the names of a model's file."""
    inside = codec.state_dict() if codec is not None else {}
    return backbone.state_dict() | {CODEC + name: value for name, value in inside.items()}


def load(path: str | Path, device: str = "auto") -> Model:
    """A model from a run folder or a .safetensors file, ready to `generate`. device: "auto", "cpu", "cuda"."""
    return Model.load(path, device)


def _check_count(n: int) -> None:
    if n < 1:
        raise InputError(f"{n} images were asked for: give -n 1 or more")
    if n > MOST_DRAWN:
        raise InputError(f"{n:,} images were asked for: give -n {MOST_DRAWN:,} or less; several seeds give more")
