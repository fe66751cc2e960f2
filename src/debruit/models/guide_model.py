"""Compatibility of a model with its guide model (autoguidance): the same images, latents, process and conditions."""

from debruit.conditioning.items import classes
from debruit.errors import InputError
from debruit.models.config import ModelConfig
from debruit.sampling.guidance.weights import Weights, describe


def check_pair(model: ModelConfig, guide: ModelConfig, guidance: Weights) -> float:
    """Return the weight of autoguidance.

    Raise InputError if the estimates of the two models cannot be compared, or the weight is 1 or not one number.
    """
    if isinstance(guidance, tuple):
        raise InputError(
            f"guidance {describe(guidance)} with a guide model: the guide model replaces the unconditional estimate, "
            "so there is one weight and none per condition; give one number, or leave --guide-model out"
        )
    if guidance == 1:
        raise InputError(
            "a guidance weight of 1 leaves the guide model out: give --guidance 2, say, or leave --guide-model out"
        )
    for what, property_of in _SAME.items():
        ours, theirs = property_of(model), property_of(guide)
        if ours != theirs:
            raise InputError(
                f"the guide model has other {what} than the model that it is to guide: {theirs} and not {ours}; give "
                "an earlier or smaller model of the same data and kind"
            )
    return guidance


def _images(config: ModelConfig) -> str:
    spec = config.data
    return f"{' x '.join(str(size) for size in spec.shape)} {spec.depth} from {spec.low:g} to {spec.high:g}"


def _latents(config: ModelConfig) -> str:
    """Return the codec as text; an autoencoder with the fingerprint of its weights."""
    return f"{type(config.codec).__name__} {getattr(config.codec, 'fingerprint', ''):.8}".strip()


def _conditions(config: ModelConfig) -> str:
    """Return the conditions by name, with the classes whose numbers they read."""
    return "; ".join(" ".join([c.name, *classes(config.data, c.item)]) for c in config.conditioners) or "none"


_SAME = {
    "images": _images,
    "latents": _latents,
    "times": lambda config: repr(config.process),
    "conditions": _conditions,
}
