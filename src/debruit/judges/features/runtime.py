"""Runtimes of feature networks: torch, or onnxruntime if it is installed, which is several times faster on a CPU."""

import contextlib
import importlib.util
import logging
import threading
import warnings
from collections.abc import Callable, Generator
from pathlib import Path

import torch
from torch import Tensor, nn

from debruit import events
from debruit.device import choose_device
from debruit.errors import InputError, unknown
from debruit.files.atomic import write_atomically
from debruit.files.keys import root
from debruit.judges.features.network import Forward, eager

BATCHES = {"torch": 32, "onnxruntime": 8}  # images per call; with onnxruntime, what the caches of a core hold
NEEDED = ("onnxruntime", "onnx", "onnxscript")  # the last two for the export

_exporting = threading.Lock()  # an export changes settings of the whole process: warnings, a logger


def run(
    build: Callable[[], nn.Module],
    shape: tuple[int, int, int],
    fingerprint: str,
    *,
    device: str = "auto",
    runtime: str = "auto",
) -> tuple[Forward, str]:
    """The network that `build` makes, for inputs (N, *shape), as a function, and the name of its runtime.

    InputError: an unknown runtime, or onnxruntime requested by name but not installed.
    """
    if runtime not in ("auto", "torch", "onnxruntime"):
        raise unknown("runtime", runtime, ("auto", "torch", "onnxruntime"))
    chosen = choose_device(device)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if runtime == "onnxruntime" and missing:
        raise InputError(f"{missing[0]} is not installed: run pip install 'debruit[eval]', or use the runtime torch")
    if runtime == "torch" or chosen.type != "cpu" or missing:
        return eager(build(), chosen), "torch"
    return exported(build, shape, root() / "networks" / f"{fingerprint}.onnx"), "onnxruntime"


def exported(build: Callable[[], nn.Module], shape: tuple[int, int, int], path: Path) -> Forward:
    """The network in onnxruntime, exported once to `path`; an unreadable file is exported again with a notice."""
    if path.exists():
        try:
            return session_forward(open_session(path))
        except Exception as error:  # onnxruntime has an exception for each way in which a file is broken
            events.notice(
                f"the exported network {path} is damaged ({str(error).splitlines()[0][:80]}): exporting it again"
            )
    write_atomically(path, lambda temporary: _export(build(), shape, temporary))
    return session_forward(open_session(path))


def open_session(path: Path):
    """An onnxruntime session on the CPU that computes in the calling thread; several threads may call it at once."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def session_forward(session) -> Forward:
    """The first output of a session for its only input."""
    name = session.get_inputs()[0].name

    def forward(x: Tensor, /) -> Tensor:
        return torch.from_numpy(session.run(None, {name: x.cpu().contiguous().numpy()})[0])

    return forward


def _export(network: nn.Module, shape: tuple[int, int, int], path: Path) -> None:
    """Export for any number of images per call; its failures are exceptions."""
    with _quiet():
        torch.onnx.export(
            network.eval(),
            (torch.zeros(2, *shape),),
            path,
            input_names=["images"],
            output_names=["features"],
            dynamic_shapes=({0: torch.export.Dim("count")},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Inside, one thread at a time, the exporter's comments are hidden; so are the warnings of other threads."""
    logger = logging.getLogger("torch.onnx")
    with _exporting, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(before)
