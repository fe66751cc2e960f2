"""Choice of the device."""

import torch

from debruit.errors import InputError


def choose_device(name: str = "auto") -> torch.device:
    """ "auto" is the GPU where there is one. InputError: a device that is none, or not here."""
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


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself: GPUs since Ampere, CPUs with AVX512_BF16 or AMX. Emulation is
    slower than float32."""
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.cuda.is_bf16_supported(including_emulation=False)
