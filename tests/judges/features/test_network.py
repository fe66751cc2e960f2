"""Feature networks in torch, and their export: other threads of the process are left alone."""

import logging
import threading
import time
import warnings

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from debruit.judges.features import runtime
from debruit.judges.features.network import FullFloat32, eager

CONVOLUTIONS = [
    {"kernel_size": 3},
    {"kernel_size": (3, 1), "padding": (1, 0), "bias": False},
    {"kernel_size": 3, "stride": 2, "padding": 1, "groups": 4},
    {"kernel_size": 3, "dilation": (2, 1), "stride": (1, 2)},
]


class Recorded(TorchDispatchMode):
    """The arguments (benchmark, deterministic, cudnn_enabled, allow_tf32) of each convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.flags: list[tuple[bool, ...]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._convolution.default:
            self.flags.append(args[-4:])
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("options", CONVOLUTIONS)
def test_convolutions_are_those_of_torch_to_the_bit(options):
    network, x = nn.Conv2d(8, 16, **options), torch.randn(2, 8, 13, 11)
    with torch.inference_mode():
        assert torch.equal(
            eager(network, torch.device("cpu"))(x), network(x.contiguous(memory_format=torch.channels_last))
        )


def test_tf32_is_refused_for_each_convolution_and_no_flag_is_changed():
    network, recorded = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3)), Recorded()
    before = torch.backends.cudnn.allow_tf32
    seen = []
    network[1].register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    forward = eager(network, torch.device("cpu"))
    with torch.inference_mode(), recorded:
        forward(torch.randn(1, 3, 8, 8))
    assert recorded.flags == [(False, False, True, False)] * 2
    assert seen == [before]


def test_other_threads_are_left_alone():
    recorded = Recorded()

    def other():
        with recorded:
            nn.Conv2d(3, 4, 3)(torch.randn(1, 3, 8, 8))

    with FullFloat32():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert not recorded.flags


def test_exports_of_several_threads_leave_warnings_and_the_logger_as_they_were(monkeypatch, tmp_path):
    logger, inside, most = logging.getLogger("torch.onnx"), [], []

    def export(*_, **__):
        inside.append(1)
        time.sleep(0.01)
        most.append(len(inside))
        assert logger.level == logging.ERROR
        inside.pop()

    monkeypatch.setattr(torch.onnx, "export", export)
    before = logger.level, list(warnings.filters)
    threads = [
        threading.Thread(target=runtime._export, args=(nn.Identity(), (3, 8, 8), tmp_path / "x.onnx")) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 6, "one at a time"
    assert (logger.level, list(warnings.filters)) == before
