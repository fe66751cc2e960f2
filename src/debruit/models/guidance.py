"""The denoiser and the sampling job of one batch with its conditions: guided by the model itself or by a guide model,
rescaled and clipped as the settings say."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from debruit.autoencoders.pixels import Pixels
from debruit.conditioning.batch import ConditionBatch
from debruit.conditioning.guidance_terms import branches, check, check_given
from debruit.diffusion.prediction import Estimate
from debruit.errors import InputError
from debruit.models.config import Backbone, ModelConfig
from debruit.models.guide_model import check_pair
from debruit.models.options import check_settings
from debruit.ranges import check_seed
from debruit.sampling.config import SamplingConfig
from debruit.sampling.guidance.autoguidance import autoguidance
from debruit.sampling.guidance.classifier_free import Guided, classifier_free
from debruit.sampling.guidance.clip import clip
from debruit.sampling.guidance.interval import within
from debruit.sampling.guidance.rescale import rescaled
from debruit.sampling.job import SamplingJob
from debruit.sampling.noise import ImageNoise
from debruit.sampling.sampler import Denoise


class Conditional(NamedTuple):
    """A model's configuration and backbone with the conditions of one batch, on the model's device."""

    config: ModelConfig
    backbone: Backbone
    conditions: ConditionBatch

    def denoiser(self) -> Callable[[Tensor, float | Tensor], Estimate]:
        """Return (x_t, t) -> Estimate, without guidance; t is one time, or one for each image, (B,)."""
        denoiser = self.backbone.denoiser()
        with torch.inference_mode():
            cond = self.backbone.cond(self.conditions.values, self.conditions.keep)
        return lambda x, t: denoiser(x, t, cond)


def sampling_job(
    model: Conditional,
    settings: SamplingConfig,
    indices: Sequence[int],
    *,
    seed: int = 0,
    guide: Conditional | None = None,
) -> SamplingJob:
    """Return the job of sampling the images with these indices of this seed.

    Raise InputError for settings that the model cannot use, and as `guided` does.
    """
    config, device = model.config, next(model.backbone.parameters()).device
    check_settings(config, settings)
    check_seed(seed)
    denoise, count = guided(model, settings, guide)
    return SamplingJob(
        denoise=denoise,
        process=config.process,
        settings=settings,
        branches=count,
        device=device,
        noise=ImageNoise(seed, indices, config.latent_shape, device),
    )


def guided(model: Conditional, settings: SamplingConfig, guide: Conditional | None = None) -> tuple[Denoise, int]:
    """Return the denoiser and the number of branches of its guidance: the network evaluations per step where guidance
    is on.

    Raise InputError for guidance that the model was not trained for, or a guide model that does not fit.
    """
    config, plain = model.config, model.denoiser()
    if guide is None:
        denoise, count = _by_condition(model, settings)
    else:
        denoise, count = _by_guide(model, guide, settings)
    denoise = rescaled(denoise, config.process, settings.rescale)
    if count > 1:  # with w = 0 there is one branch, the unconditional one, at all times
        denoise = within(settings.interval, denoise, plain)
    return (clip(denoise, config.process) if settings.clip and isinstance(config.codec, Pixels) else denoise), count


def _by_condition(model: Conditional, settings: SamplingConfig) -> tuple[Guided, int]:
    backbone, config = model.backbone, model.config
    if settings.guidance != config.sampling.guidance:  # its own default is allowed with any conditions
        check(config.conditioners, settings.guidance)
        check_given(config.conditioners, model.conditions, settings.guidance)
    parts = branches(config.conditioners, model.conditions, settings.guidance)
    with torch.inference_mode():
        conds = [(p.coefficient, backbone.cond(p.conditions.values, p.conditions.keep)) for p in parts]
    return classifier_free(backbone.denoiser(), conds), len(parts)


def _by_guide(model: Conditional, guide: Conditional, settings: SamplingConfig) -> tuple[Guided, int]:
    weight = check_pair(model.config, guide.config, settings.guidance)
    own, other = (next(one.backbone.parameters()).device for one in (model, guide))
    if own != other:
        raise InputError(f"the guide model is on {other} and the model on {own}: load both on one device")
    return autoguidance(model.denoiser(), guide.denoiser(), weight), 1 if weight == 0 else 2
