"""A diffusion model: process + prediction + network + conditioners + codec.

`Model` is used by training, evaluation, the command line and servers alike. A model is one .safetensors file
(model_file.py) with the EMA weights, those of its autoencoder, and a ModelConfig; nothing else is needed to sample.

Several threads may use a model at once: nothing in it changes while it samples.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Never, Self

import torch
from torch import Tensor, nn

from debruit.autoencoders import bounded
from debruit.autoencoders.codec import CodecModule
from debruit.autoencoders.pixels import Pixels
from debruit.conditioning.batch import ConditionBatch
from debruit.conditioning.guidance_terms import branches
from debruit.diffusion.bound import BoundTerms
from debruit.diffusion.chain import Variance
from debruit.diffusion.prediction import Estimate
from debruit.finite import check_finite
from debruit.models.bound import check_bounded, variational_bound
from debruit.models.config import CODEC, Backbone, ModelConfig, named
from debruit.models.guidance import Conditional, guided, sampling_job
from debruit.models.model_file import fill
from debruit.models.onnx_export import export_onnx
from debruit.models.options import changed_settings, check_batch, check_count, check_noisy, merged, refuse
from debruit.models.trained import Trained
from debruit.networks.shapes import shapes_alone
from debruit.sampling.config import SamplingConfig
from debruit.sampling.grids import Grid
from debruit.sampling.guidance.cost import evaluations
from debruit.sampling.guidance.weights import Weights
from debruit.sampling.job import SamplingJob
from debruit.sampling.loop import OnStep, Snapshot, offset
from debruit.sampling.sampler import Sampler


class Model(Trained[ModelConfig]):
    """A trained diffusion model: `generate` images, or iterate over their `trajectory`."""

    kind: ClassVar[type] = ModelConfig
    what: ClassVar[str] = "model"

    def __init__(
        self,
        config: ModelConfig,
        backbone: Backbone,
        provenance: Mapping[str, Any] | None = None,
        *,
        codec: CodecModule | None = None,
    ) -> None:
        """`codec` is the trained autoencoder of a latent model; a model of pixels needs none."""
        super().__init__(config, provenance)
        config.check()
        assert codec is not None or isinstance(config.codec, Pixels), "a latent model comes with its autoencoder"
        self.backbone = backbone.eval()
        self.codec = (codec or config.codec.build(config.data.channels)).eval()

    @property
    def trained(self) -> nn.Module:
        return self.backbone

    def weights(self) -> Mapping[str, Tensor]:
        return named(self.backbone, self.codec)

    @classmethod
    def filled(
        cls,
        config: ModelConfig,
        weights: Mapping[str, Tensor],
        provenance: Mapping[str, Any],
        path: Path,
        device: torch.device,
    ) -> Self:
        with shapes_alone():
            backbone, codec = config.build(), config.codec.build(config.data.channels)
        own = {name: w for name, w in weights.items() if not name.startswith(CODEC)}
        fill(backbone, own, path)
        fill(codec, {name.removeprefix(CODEC): w for name, w in weights.items() if name not in own}, path)
        return cls(config, backbone.to(device), provenance, codec=codec.to(device))

    def export_onnx(self, path: str | Path) -> None:
        """Write the denoising network to an ONNX file: (x_t, t, conditions) -> prediction, for any batch size
        (models/onnx_export.py).

        Raise InputError if onnx or onnxscript is not installed.
        """
        export_onnx(self.backbone, self.conditioned(), path)

    def settings(
        self,
        *,
        sampler: str | Sampler | None = None,
        steps: int | None = None,
        guidance: str | Weights | None = None,
        interval: tuple[float, float] | None = None,
        rescale: float | None = None,
        grid: Grid | None = None,
        clip: bool | None = None,
        **misspelt: Never,
    ) -> SamplingConfig:
        """Return the model's sampling settings with those that are given replaced.

        Ancestral sampling of a chain takes the chain's own steps unless a grid is given. Raise InputError for an
        unknown sampler or option, or a guidance that cannot be read.
        """
        refuse(misspelt, self.settings)
        more = {"steps": steps, "interval": interval, "rescale": rescale, "clip": clip}
        return changed_settings(self.config, sampler=sampler, guidance=guidance, grid=grid, **more)

    def generate(
        self,
        n: int = 4,
        *,
        conditions: Mapping[str, Any] | None = None,
        label: Any = None,
        prompt: Any = None,
        mask: Any = None,
        image: Any = None,
        seed: int = 0,
        first: int = 0,
        batch: int = 64,
        sampler: str | Sampler | None = None,
        steps: int | None = None,
        guidance: str | Weights | None = None,
        interval: tuple[float, float] | None = None,
        rescale: float | None = None,
        grid: Grid | None = None,
        clip: bool | None = None,
        guide: Self | None = None,
        progress: OnStep | None = None,
        **misspelt: Never,
    ) -> Tensor:
        """Sample n images, (n, C, *S), in the dtype and range of the data.

        Options are those of `trajectory`. `batch` images are sampled at a time, which determines the memory.
        `progress(step, steps)` is called after each step, over all batches.

        Image k of a seed is the same for every n, batch, number of threads and device up to rounding. Its noise is
        equal to the bit, but matrix products and convolutions add in an order that depends on the batch size: in
        float32 on a CPU a few of 10,000 values of 8-bit images then differ by one level. Equal calls on one machine
        agree to the bit.
        """
        refuse(misspelt, self.generate)
        check_count(n)
        check_batch(batch)
        settings = self.settings(
            sampler=sampler, steps=steps, guidance=guidance, interval=interval, rescale=rescale, grid=grid, clip=clip
        )
        given = merged(conditions, label=label, prompt=prompt, mask=mask, image=image)
        starts, parts = range(0, n, batch), []
        for k, start in enumerate(starts):
            job = self.job(
                min(batch, n - start), settings, seed=seed, first=first + start, conditions=given, guide=guide
            )
            last = job.final(progress=progress and offset(progress, k, len(starts)))
            parts.append(self.images(last.x))
        return torch.cat(parts)

    def trajectory(
        self,
        n: int = 4,
        *,
        conditions: Mapping[str, Any] | None = None,
        label: Any = None,
        prompt: Any = None,
        mask: Any = None,
        image: Any = None,
        seed: int = 0,
        first: int = 0,
        sampler: str | Sampler | None = None,
        steps: int | None = None,
        guidance: str | Weights | None = None,
        interval: tuple[float, float] | None = None,
        rescale: float | None = None,
        grid: Grid | None = None,
        clip: bool | None = None,
        guide: Self | None = None,
        **misspelt: Never,
    ) -> Iterator[Snapshot]:
        """Sample step by step, from noise to images `first`..`first + n - 1` of this seed.

        `images(snapshot.x)` decodes a snapshot. `conditions` maps the name of a condition, such as "text", or its
        keyword, such as "prompt", to one value for all images or several in turn. `label` (names of classes, or
        numbers), `prompt` (texts), `mask` (files or class numbers) and `image` are shorthand. If none is given, a model
        takes its classes in turn (image k has class k mod their number); if some are given, the others are dropped.
        `guide` is a model that guides this one (docs/guidance.md). The remaining options are those of `settings`.

        Raise InputError for n < 1, an unknown sampler or label, a condition that the model does not have, or guidance
        that it was not trained for.
        """
        refuse(misspelt, self.trajectory)
        settings = self.settings(
            sampler=sampler, steps=steps, guidance=guidance, interval=interval, rescale=rescale, grid=grid, clip=clip
        )
        given = merged(conditions, label=label, prompt=prompt, mask=mask, image=image)
        return self.job(n, settings, seed=seed, first=first, conditions=given, guide=guide).run()

    def job(
        self,
        n: int,
        settings: SamplingConfig,
        *,
        conditions: Mapping[str, Any] | None = None,
        seed: int = 0,
        first: int = 0,
        guide: "Model | None" = None,
    ) -> SamplingJob:
        """Return the job of sampling images `first`..`first + n - 1` of this seed with these conditions.

        Raise InputError as `trajectory` does.
        """
        check_count(n)
        indices, given = range(first, first + n), conditions or {}
        own = ConditionBatch.requested(self.config, indices, given)
        pair = None if guide is None else (guide, ConditionBatch.requested(guide.config, indices, given))
        return self.job_under(own, settings, indices, seed=seed, guide=pair)

    def job_under(
        self,
        conditions: ConditionBatch,
        settings: SamplingConfig,
        indices: Sequence[int],
        *,
        seed: int = 0,
        guide: "tuple[Model, ConditionBatch] | None" = None,
    ) -> SamplingJob:
        """Return the job of sampling the images with these indices, with conditions that are encoded already.

        A guide model comes with its own conditions. Raise InputError for settings that the model cannot use.
        """
        pair = None if guide is None else guide[0].under(guide[1])
        return sampling_job(self.under(conditions), settings, indices, seed=seed, guide=pair)

    def under(self, conditions: ConditionBatch) -> Conditional:
        """Return the model conditioned on one batch."""
        return Conditional(self.config, self.backbone, conditions.to(self.device))

    @torch.inference_mode()
    def denoise(
        self,
        x_t: Tensor,
        t: float | Tensor,
        *,
        conditions: Mapping[str, Any] | ConditionBatch | None = None,
        guidance: str | Weights = 1.0,
    ) -> Estimate:
        """Call the denoiser: return the estimates x0 and eps, (B, c, *S) each, of x_t = alpha(t) x_0 + sigma(t) eps.

        `t` is a time in [0, 1], or one for each image, (B,). `conditions` are as in `trajectory`, for images 0..B - 1;
        if None, the estimate is unconditional. `guidance` is the weight of the conditions; with it t must be one
        number. Nothing is clipped.

        Raise InputError if the shape of x_t is not (B, *config.latent_shape), and as `trajectory` does.
        """
        check_noisy(x_t, self.config)
        if not isinstance(conditions, ConditionBatch):
            conditions = self.conditions(range(len(x_t)), conditions)
        settings = replace(self.settings(guidance=guidance), rescale=0.0, clip=False)
        denoise, _ = guided(self.under(conditions), settings)
        t = t.to(self.device) if isinstance(t, Tensor) else t
        return denoise(x_t.to(self.device), t)  # ty: ignore[invalid-argument-type]

    def conditions(self, indices: Sequence[int], given: Mapping[str, Any] | None = None) -> ConditionBatch:
        """Return the conditions of the images with these indices from a user's values; without any, unconditional."""
        if any(value is not None for value in (given or {}).values()):
            return ConditionBatch.requested(self.config, indices, given or {})
        return ConditionBatch.unconditional(self.config, indices)

    def evaluations(self, settings: SamplingConfig, conditions: ConditionBatch | None = None) -> int:
        """Return the network evaluations per image with these conditions, each branch of guidance counted.

        If `conditions` is None, the count is that of a call that requests none. Every command and report shows this
        count.
        """
        if conditions is None:
            conditions = ConditionBatch.in_turn(self.config, range(1))
        terms = branches(self.config.conditioners, conditions, settings.guidance)
        return evaluations(self.config.process, settings, len(terms))

    def conditioned(self) -> ConditionBatch:
        """Return one image that keeps every condition of the model, with arbitrary values: to count what guidance
        costs."""
        return ConditionBatch.full(self.config, 1)

    def bound(
        self,
        images: Tensor,
        *,
        variance: Variance | None = None,
        seed: int = 0,
        conditions: Mapping[str, Any] | None = None,
        label: Any = None,
        prompt: Any = None,
        mask: Any = None,
        image: Any = None,
        **misspelt: Never,
    ) -> BoundTerms:
        """Return the variational bound of `images` (B, C, *S) at rest, in nats and bits/dim (DDPM, equation 5).

        Costs one network evaluation per step of the chain. A condition that is not given counts as dropped. Raise
        InputError for a process without a chain, a model of latents, or a variance that was not learned.
        """
        refuse(misspelt, self.bound)
        check_bounded(self.config, variance)
        given = merged(conditions, label=label, prompt=prompt, mask=mask, image=image)
        own = self.under(self.conditions(range(len(images)), given))
        return variational_bound(own, images, variance=variance, seed=seed)

    @torch.no_grad()
    def images(self, x: Tensor) -> Tensor:
        """Decode latents (B, c, *S) to images in the dtype and range of the data, on the CPU.

        Raise InputError if they are not finite.
        """
        data = self.config.data
        decoded = bounded.decode(self.codec, x, data.sizes).float().cpu()
        advice = "try the model's own sampling settings, a smaller guidance or more steps"
        check_finite(decoded, "the images are not finite", advice)
        return data.from_model(decoded)

    @torch.no_grad()
    def latents(self, images: Tensor) -> Tensor:
        """Encode images (B, C, *S) in the dtype and range of the data to latents on the model's device: the mean of the
        encoder.

        Raise InputError if a value is not finite.
        """
        check_finite(images, "the images to encode", "replace these values, or leave the images out")
        latents = bounded.encode(self.codec, self.config.data.to_model(images).to(self.device)).mean
        check_finite(latents, "the latents are not finite", "look at the images and at the autoencoder that made them")
        return latents


def load(path: str | Path, device: str = "auto") -> Model:
    """Load a diffusion model from a run folder, a .safetensors file or the name of a model that comes with debruit.

    `device` is "auto", "cpu" or "cuda". Raise InputError if there is no such model or its file is damaged.
    """
    return Model.load(path, device)
