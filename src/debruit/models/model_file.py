"""Model files: one .safetensors file with the weights.

Its header has, under "debruit", a JSON object with `format` (an integer), `config` (a dataclass as config.py encodes
it) and `provenance`. Nothing else is needed to use the model. Weights may be stored in half precision; they are used in
float32.

Some models come with debruit, with their licences, in `weights/`: a name that is no path means the file of that name.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from debruit.config import decode, encode
from debruit.errors import InputError, nearest
from debruit.files.atomic import write_atomically
from debruit.models.config import FirstStageConfig, ModelConfig
from debruit.networks.layers import channels_last

FORMAT = 1
RUN, LOG = "run.json", "log.jsonl"  # files of a run folder
Kind = TypeVar("Kind")
_KINDS = {
    "ModelConfig": "a diffusion model (`debruit train SOURCE`)",
    "FirstStageConfig": "an autoencoder (`debruit train autoencoder SOURCE`)",
}


def save(
    path: str | Path, config: Any, weights: Mapping[str, Tensor], provenance: Mapping[str, Any], *, half: bool = False
) -> None:
    """Write a model file from its parts, atomically. With `half`, floating-point weights are stored in half precision.

    Raise InputError if a weight is not finite.
    """
    header = json.dumps({"format": FORMAT, "config": encode(config), "provenance": dict(provenance)})
    tensors = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    check_weights(tensors, f"{path} is not written")
    if half:
        tensors = {name: weight.half() if weight.is_floating_point() else weight for name, weight in tensors.items()}
    write_atomically(Path(path), lambda temporary: save_file(tensors, temporary, metadata={"debruit": header}))


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header and the weights of a model file; weights in half precision are converted to float32.

    Raise InputError as `header` does.
    """
    description, weights = header(path), load_file(path)
    return description, {name: w.float() if w.dtype == torch.float16 else w for name, w in weights.items()}


def header(path: Path) -> dict[str, Any]:
    """Return the header of a model file, without reading its weights.

    Raise InputError if the file cannot be read, holds no debruit model, or has a newer format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"{path} is no readable .safetensors file ({error}): it may be cut short; copy it again or use an earlier "
            "one"
        ) from None
    if "debruit" not in metadata:
        raise InputError(
            f"{path} is a .safetensors file but holds no debruit model: give a model that `debruit train` wrote"
        )
    description = json.loads(metadata["debruit"])
    if missing := {"format", "config", "provenance"} - set(description):
        raise InputError(f"{path} is damaged: its header lacks {', '.join(sorted(missing))}")
    if description["format"] > FORMAT:
        raise InputError(
            f"{path} has format {description['format']}, and this version of debruit reads up to {FORMAT}: install a "
            "newer debruit"
        )
    return description


def digest(path: Path) -> str:
    """Return a digest of the content of a file, by which models are told apart."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def shipped() -> dict[str, Path]:
    """Return the models that come with debruit, by name."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "weights").glob("*.safetensors"))}


def model_file(path: str | Path) -> Path:
    """Return the file that a MODEL argument means: a file, the model of a run folder, or a model that comes with
    debruit.

    Raise InputError if it is none of these.
    """
    path = Path(path)
    if not path.exists() and str(path) in shipped():
        return shipped()[str(path)]
    if path.is_dir():
        inside = path / "model.safetensors"
        if not inside.exists():
            raise InputError(f"{path} holds no model.safetensors: is it a run folder, and has its training saved yet?")
        return inside
    if not path.exists():
        raise InputError(
            f"there is no model at {path}{nearest(str(path), shipped())}: give a run folder, a .safetensors file, or "
            "one that comes with debruit (`debruit list models`)"
        )
    return path


def check_writable(path: str | Path) -> None:
    """Raise InputError if a MODEL argument means a model that comes with debruit."""
    if model_file(path).resolve() in [one.resolve() for one in shipped().values()]:
        raise InputError(
            f"{path} comes with debruit, and installed files are not changed: copy {model_file(path)} to a folder of "
            "yours and give that file"
        )


def restore(path: Path, config: Any) -> None:
    """Replace the configuration in a model file, atomically; the weights stay as they are stored, also in half
    precision."""
    save(path, config, load_file(path), header(path)["provenance"])


def decoded(header: Mapping[str, Any], kind: type[Kind], path: Path) -> Kind:
    """Return the configuration in a header.

    Raise InputError if the file holds a model of another kind than `kind`, or its header is damaged.
    """
    config = decode(header["config"], ModelConfig | FirstStageConfig, where=str(path))
    if isinstance(config, FirstStageConfig) and kind is ModelConfig:
        raise InputError(
            f"{path} is an autoencoder, which generates no images, and this needs a diffusion model: train one on its "
            f"latents with `debruit train ldm SOURCE --autoencoder {path} --out DIR`, or examine the autoencoder "
            "itself with `debruit evaluate` or `debruit explain`"
        )
    if not isinstance(config, kind):
        raise InputError(
            f"{path} holds {_KINDS.get(type(config).__name__, 'something else')} and this needs {_KINDS[kind.__name__]}"
        )
    return config


def check_weights(weights: Mapping[str, Tensor], what: str) -> None:
    """Raise InputError, naming the first one, if weights are NaN or infinite: a diverged training or a damaged file."""
    if odd := [name for name, w in weights.items() if w.is_floating_point() and not _finite(w)]:
        more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        raise InputError(
            f"{what}: its weights {odd[0]}{more} hold values that are NaN or infinite; use an earlier state or file, "
            "and train with a smaller optimiser.lr"
        )


def _finite(w: Tensor) -> bool:
    """Whether no value is NaN or infinite. A finite sum, which is faster to see, has none; a sum may overflow."""
    return bool(w.sum().isfinite()) or bool(w.isfinite().all())


def fill(module: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Give a module that was built on the meta device its weights.

    Raise InputError if they are not exactly those that it has.
    """
    expected = {name: tuple(p.shape) for name, p in module.state_dict().items()}
    given = {name: tuple(w.shape) for name, w in weights.items()}
    if expected != given:
        odd = sorted(name for name in expected.keys() | given.keys() if expected.get(name) != given.get(name))
        raise InputError(
            f"{path} is inconsistent: its weights do not fit its description ({odd[0]} and {len(odd) - 1} more)"
        )
    check_weights(weights, str(path))
    module.load_state_dict(weights, assign=True)
    channels_last(module)
