"""The settings that recipes share, each written out.

A recipe is frozen: it depends on no default of a class and on no rule of the planner, so it trains the same model when
those move. What a recipe does not say itself stands here, as a value; tests/recipes/test_frozen.py holds a hash of
each.
"""

from typing import Literal

from debruit.autoencoders.codec import Codec
from debruit.autoencoders.pixels import Pixels
from debruit.conditioning.base import Conditioner
from debruit.data.source import Source
from debruit.data.sources.folder import Folder
from debruit.diffusion.objective import Objective
from debruit.diffusion.process import Process
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.networks.unet import UNet
from debruit.sampling.config import SamplingConfig
from debruit.sampling.grids import Grid
from debruit.sampling.sampler import Sampler
from debruit.training.config import Ema, Intervals, Optimiser, Run

EVERYWHERE = (0.0, 1.0)  # guidance at all times


def intervals() -> Intervals:
    """Reports, validations, previews and checkpoints, by images seen."""
    return Intervals(report_images=2_000, validate_images=20_000, preview_images=20_000, save_images=50_000)


def run(
    *,
    source: Source,
    model: ModelConfig,
    objective: Objective,
    optimiser: Optimiser,
    ema: Ema,
    images: int,
    batch: int,
    minutes: float | None = None,
    validation_images: int = 256,
    flip: bool = False,
    crop: int = 0,
    own_parts: bool = False,
) -> Run:
    """A training in one piece, in the best precision of the device, that keeps its last two states; seed 0."""
    return Run(
        source=source,
        model=model,
        objective=objective,
        optimiser=optimiser,
        ema=ema,
        every=intervals(),
        images=images,
        minutes=minutes,
        batch=batch,
        microbatch=0,
        validation_images=validation_images,
        seed=0,
        flip=flip,
        precision="auto",
        compile=None,
        crop=crop,
        keep_states=2,
        group="",
        own_parts=own_parts,
    )


def model(
    *,
    data: DataSpec,
    process: Process,
    predicts: str,
    network: UNet,
    sampling: SamplingConfig,
    data_std: float,
    codec: Codec | None = None,
    conditioners: tuple[Conditioner, ...] = (),
) -> ModelConfig:
    """A model that learns no variance, on pixels or on the latents of a codec."""
    return ModelConfig(
        data=data,
        process=process,
        predicts=predicts,
        network=network,
        conditioners=conditioners,
        codec=codec or Pixels(),
        data_std=data_std,
        learned_variance=False,
        time_offset=0.0,
        sampling=sampling,
    )


def sampling(
    sampler: Sampler,
    grid: Grid,
    *,
    steps: int,
    clip: bool,
    guidance: float = 1.0,
    interval: tuple[float, float] = EVERYWHERE,
) -> SamplingConfig:
    """Sampling without rescaled guidance; a guidance of 1 is none."""
    return SamplingConfig(
        sampler=sampler, grid=grid, steps=steps, guidance=guidance, interval=interval, rescale=0.0, clip=clip
    )


def unet(
    *,
    channels: int,
    multipliers: tuple[int, ...],
    blocks: int,
    attention: tuple[int, ...],
    heads: int | None = None,
    head_channels: int = 32,
    token_channels: int = 0,
    pooled_tokens: bool = False,
    spatial_channels: int = 0,
    patch: int = 1,
    resample: Literal["conv", "block", "fold"] = "conv",
    groups: int = 32,
    dropout: float = 0.0,
    middle_attention: bool = True,
    residual: bool = False,
) -> UNet:
    """A U-Net, by default with attention in the middle, with the embedding of the time added; cross-attention of depth
    1 where it has tokens."""
    return UNet(
        channels=channels,
        multipliers=multipliers,
        blocks=blocks,
        attention=attention,
        middle_attention=middle_attention,
        heads=heads,
        head_channels=head_channels,
        transformer_depth=1 if token_channels else 0,
        token_channels=token_channels,
        pooled_tokens=pooled_tokens,
        vector_channels=0,
        spatial_channels=spatial_channels,
        patch=patch,
        time_embedding="add",
        resample=resample,
        groups=groups,
        dropout=dropout,
        checkpointing=False,
        residual=residual,
    )


def adamw(
    lr: float,
    *,
    betas: tuple[float, float],
    weight_decay: float,
    clip_norm: float,
    warmup_images: int,
    decay: Literal["linear", "none"] = "none",
) -> Optimiser:
    """AdamW, by default at a constant rate after its warm-up; "linear" falls to 0 over the whole training."""
    return Optimiser(
        kind="adamw",
        lr=lr,
        betas=betas,
        eps=1e-8,
        momentum=0.95,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        warmup_images=warmup_images,
        decay=decay,
        decay_fraction=1.0,
        final_lr_factor=0.0,
    )


def folder(path: str, size: int, *, labelled: bool = False) -> Folder:
    """All images of a folder at one size, on white; with `labelled` a subfolder is a class."""
    return Folder(path=path, only=(), size=size, background="white", labelled=labelled)


def images(
    name: str,
    *,
    channels: int,
    side: int,
    count: int,
    class_names: tuple[str, ...] = (),
    mask_names: tuple[str, ...] = (),
    palette: tuple[tuple[int, int, int], ...] = (),
    lettered: bool = False,
) -> DataSpec:
    """So many square 8-bit images; `lettered` where mirroring would change their meaning."""
    return DataSpec(
        name=name,
        channels=channels,
        height=side,
        width=side,
        depth="uint8",
        low=0,
        high=255,
        count=count,
        class_names=class_names,
        class_ids=(),
        class_phrases=(),
        mask_names=mask_names,
        palette=palette,
        mask_numbers=None,
        lettered=lettered,
        fingerprint="",
        frames=1,
        licences=(),
    )
