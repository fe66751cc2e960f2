"""Which model may guide another one as its weaker version: of the same images, latents, process and conditions."""

from typing import TYPE_CHECKING

from debruit.conditioning.base import Conditioner
from debruit.conditioning.low_res import Image
from debruit.errors import InputError
from debruit.sampling.guidance.weights import Weights, describe

if TYPE_CHECKING:
    from debruit.models.config import ModelConfig
    from debruit.models.diffusion import Model


def check_pair(model: "Model", weaker: "Model", guidance: Weights) -> float:
    """The weight of autoguidance, one number. InputError: a pair whose estimates cannot be compared, or a weight that is none."""
    if isinstance(guidance, tuple):
        raise InputError(
            f"guidance {describe(guidance)} beside a weaker model: that takes the place of the unconditional estimate, so that there is one weight "
            "and nothing for each condition; give one number, or leave --weaker out"
        )
    if guidance == 1:
        raise InputError(
            "a guidance weight of 1 leaves the weaker model out: give --guidance 2, say, or leave --weaker out"
        )
    for what, of in _SAME.items():
        ours, theirs = of(model.config), of(weaker.config)
        if ours != theirs:
            raise InputError(
                f"the weaker model has other {what} than the model that it is to guide: {theirs}, and not {ours}; give an earlier or smaller model "
                "of the same data and kind"
            )
    if weaker.device != model.device:
        raise InputError(
            f"the weaker model is on {weaker.device} and the model on {model.device}: load both on one device"
        )
    return guidance


def _images(config: "ModelConfig") -> str:
    spec = config.data
    return f"{' x '.join(str(side) for side in spec.shape)} {spec.depth} from {spec.low:g} to {spec.high:g}"


def _latents(config: "ModelConfig") -> str:
    """The codec; an autoencoder by the fingerprint of its weights."""
    return f"{type(config.codec).__name__} {getattr(config.codec, 'fingerprint', ''):.8}".strip()


def _conditions(config: "ModelConfig") -> str:
    """Fields, the kind of an image, and the classes that a label or a mask counts."""
    return "; ".join(" ".join([c.field, *_kinds(c), *getattr(c, "names", ())]) for c in config.conditioners) or "none"


def _kinds(conditioner: Conditioner) -> list[str]:
    return [conditioner.kind] if isinstance(conditioner, Image) else []


_SAME = {
    "images": _images,
    "latents": _latents,
    "times": lambda config: repr(config.process),
    "conditions": _conditions,
}
