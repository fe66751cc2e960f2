"""debruit edit"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from debruit.apps.cli.numbers import Amount, EditCount, FrameCount, Repeats, Strength
from debruit.apps.cli.sampling_flags import DEFAULTS, SamplingFlags
from debruit.apps.console import say
from debruit.apps.process import prepare_process

if TYPE_CHECKING:
    from debruit.workflows.edit import EditResult


def edit(
    model: str,
    /,
    *,
    image: Path | None = None,
    out: Path | None = None,
    strength: Strength | None = None,
    inpaint: Path | None = None,
    outpaint: str | None = None,
    variations: EditCount | None = None,
    interpolate: tuple[Path, Path] | None = None,
    invert: Annotated[bool, Parameter(negative="")] = False,
    n: Annotated[EditCount, Parameter(name=["-n", "--n"])] = 1,
    frames: FrameCount | None = None,
    amount: Amount | None = None,
    resamplings: Repeats | None = None,
    jump_length: Repeats | None = None,
    enlarge: str | None = None,
    flags: SamplingFlags = DEFAULTS,
) -> int:
    """Edit an image with a trained model, in one of six ways. Conditions that are not given are dropped.

    Parameters
    ----------
    model
        A run folder, a .safetensors file, or a model from `debruit list models`.
    image
        The image to edit. Images of another size are centre-cropped and resized. FILE.png#2 is image 2 of a grid,
        counted from 0.
    out
        FILE.png: the image, or a grid of several. FILE.npy: an array. FILE.gif or FILE.webp: a moving --interpolate.
        Otherwise a folder. Default: IMAGE-EDIT.png in the current directory.
    strength
        Image to image: how far the image is noised before it is sampled again, from just above 0 (nothing changes) to 1
        (generated from pure noise).
    inpaint
        A mask file: transparent pixels, or white ones if none is transparent, are generated anew; all other pixels stay
        unchanged. (--mask is a semantic mask.)
    outpaint
        Pixels to generate around the image: 32 on each side, or LEFT,TOP,RIGHT,BOTTOM.
    variations
        Number of variations of the image; --amount sets how far they are from it.
    interpolate
        Two image files, for --frames images from the first to the second.
    invert
        Find the noise from which the image is sampled: FILE.npy, next to --out, which is the image sampled from it. The
        sampler is heun or euler, and guidance is 1 unless given.
    n
        Number of results, for --strength, --inpaint and --outpaint.
    frames
        Number of frames of --interpolate, both ends included. Default: 9.
    amount
        Distance of --variations, from just above 0 (the image itself) to 1 (another image). Default: 0.25.
    resamplings
        How often --inpaint and --outpaint repeat each step, so that new and old pixels fit. Default: 4.
    jump_length
        Steps that --inpaint and --outpaint repeat together. Default: 1.
    enlarge
        Enlarge each result before it is written: by this model of super-resolution, or, with no value, by the one that
        comes with debruit.
    """
    from debruit.workflows.edit import edit as run
    from debruit.workflows.edit_request import EditRequest, default_out

    request = EditRequest(
        model,
        image=image,
        out=out,
        strength=strength,
        inpaint=inpaint,
        outpaint=outpaint,
        variations=variations,
        interpolate=interpolate,
        invert=invert,
        n=n,
        frames=frames,
        amount=amount,
        resamplings=resamplings,
        jump_length=jump_length,
        enlarge=enlarge,
        **flags.options,
    )
    prepare_process(flags.threads)
    request = request if out else replace(request, out=default_out(request))
    result = run(request)
    if result.noise is not None:
        say(_inversion(result))
    else:
        count = result.count
        say(
            f"{'1 image' if count == 1 else f'{count:,} images'} by --{result.name}, seed {request.seed} -> "
            f"{request.out}"
        )
    return 0


def _inversion(result: "EditResult") -> str:
    image, noise = result.paths
    codec = "" if result.codec_psnr is None else f" (autoencoder alone: {_decibels(result.codec_psnr)})"
    return f"noise -> {noise}; sampled from it -> {image}; PSNR of the round trip {_decibels(result.psnr)}{codec}"


def _decibels(value: float | None) -> str:
    return "exact" if value is None or value == float("inf") else f"{value:.1f} dB"
