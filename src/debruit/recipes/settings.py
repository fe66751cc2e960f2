"""The settings that recipes share, each written out.

A recipe is frozen: it depends on no default of a class and on no rule of the planner, so it trains the same model when
those move. What a recipe does not say itself stands here, as a value; tests/recipes/test_frozen.py holds a hash of
each.
"""

from typing import Literal

from debruit.autoencoders.autoencoder import Autoencoder
from debruit.autoencoders.codec import Codec
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.autoencoders.pixels import Pixels
from debruit.conditioning.base import Conditioner
from debruit.data.source import Source
from debruit.data.sources.folder import Folder
from debruit.diffusion.density import LogitNormal
from debruit.diffusion.objective import Objective
from debruit.diffusion.process import Process
from debruit.diffusion.weighting import Simple
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.networks.text_transformer import TextTransformer
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
    time_embedding: Literal["add", "scale_shift"] = "add",
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
        time_embedding=time_embedding,
        resample=resample,
        groups=groups,
        dropout=dropout,
        checkpointing=False,
        residual=residual,
    )


def codec(channels: int) -> Autoencoder:
    """An untrained autoencoder by factor 4 to 4 latent channels: its first level has half the side of the images, by a
    folding of 2 x 2 pixels, its second a quarter."""
    coder = Coder(
        channels=channels,
        multipliers=(1, 2),
        blocks=1,
        attention=(),
        middle_attention=False,
        patch=2,
        resample="fold",
        groups=8,
        dropout=0.0,
    )
    return Autoencoder(coder=coder, bottleneck=KL(channels=4), shift=(), scale=(), fingerprint="")


def captions(width: int, *, heads: int, length: int) -> TextTransformer:
    """Captions of at most `length` word pieces -> tokens (B, length, width): a transformer of 3 layers on the word
    vectors of MiniLM."""
    return TextTransformer(
        width=width,
        depth=3,
        heads=heads,
        head_channels=None,
        length=length,
        words="minilm",
        padding="hidden",
        vocabulary_head=False,
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


def muon(lr: float, *, warmup_images: int) -> Optimiser:
    """Muon for matrices and kernels, AdamW for the rest; after its warm-up the rate falls linearly to 0."""
    return Optimiser(
        kind="muon",
        lr=lr,
        betas=(0.9, 0.99),
        eps=1e-8,
        momentum=0.95,
        weight_decay=0.01,
        clip_norm=1.0,
        warmup_images=warmup_images,
        decay="linear",
        decay_fraction=1.0,
        final_lr_factor=0.0,
    )


def ema() -> Ema:
    """A half-life of a twentieth of the images seen, at most 500,000."""
    return Ema(halflife_images=500_000, ramp=0.05)


def flow_matching(space: str = "velocity", *, mean: float = 0.0, std: float = 1.0) -> Objective:
    """The loss of one space, by default the velocity's, weight 1; t logit-normal, by default about the middle of the
    path (Esser et al. 2024, arXiv 2403.03206, section 3.1)."""
    return Objective(
        density=LogitNormal(mean=mean, std=std),
        weighting=Simple(space=space),
        norm="l2",
        low_discrepancy=True,
        variance_weight=0.001,
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
