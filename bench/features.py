"""Speed of the feature network of `debruit evaluate`, and what faster ways would cost in the scores.

    python bench/features.py speed     images/s and CPU time by threads, batch and sessions
    python bench/features.py scores    Frechet distances of real, blurred and noisy images,
                                       by input size and number of reference images

Other processes on the machine affect CPU time least: compare that. Fashion-MNIST must be installed (`debruit data get
fashion-mnist`); `scores` takes about ten minutes on two cores.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F

from debruit.data.sources.fashion_mnist import FashionMnist
from debruit.files.keys import root
from debruit.judges.features.efficientnet import DEVIATION, MEAN, SIZE, efficientnet
from debruit.judges.features.preparation import normalised, resized
from debruit.judges.features.runtime import run
from debruit.metrics.frechet import frechet_distance, influence, moments
from debruit.metrics.interval import NORMAL
from debruit.networks.pretrained.efficientnet import EfficientNetLite0, packaged_weights

IMAGES, TURNS = 128, 3


def speed() -> None:
    """Print a line for each way: its name, images/s (best of TURNS), CPU milliseconds per image."""
    data = FashionMnist().build()
    extractor = efficientnet(device="cpu")
    path = str(root() / "networks" / f"{extractor.fingerprint}.onnx")
    images = data.images_of(np.arange(IMAGES))

    def prepared(start: int, batch: int) -> np.ndarray:
        x = resized(images[start : start + batch], data.spec, SIZE, SIZE)
        return normalised(x, MEAN, DEVIATION).contiguous().numpy()

    report("prepare only", lambda: [prepared(start, 8) for start in range(0, IMAGES, 8)])
    report("debruit", lambda: extractor(images, data.spec))
    for threads, batch in ((1, 1), (1, 8), (1, 32), (2, 1), (2, 8), (2, 32)):
        work = partial(extract, opened(path, threads), prepared, batch)
        report(f"one session, {threads} threads, batches of {batch}", partial(one_by_one, work, batch))
    for batch in (4, 8, 16):
        work = partial(extract, opened(path, 1), prepared, batch)
        report(f"two batches of {batch} at once, a thread each", partial(at_once, work, batch))


def one_by_one(work, batch: int) -> None:
    for start in range(0, IMAGES, batch):
        work(start)


def at_once(work, batch: int) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(0, IMAGES, batch)))


def extract(session, prepared, batch: int, start: int) -> None:
    session.run(None, {"images": prepared(start, batch)})


def opened(path: str, threads: int):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def report(name: str, work) -> None:
    work()
    best, least = float("inf"), float("inf")
    for _ in range(TURNS):
        start, cpu = time.perf_counter(), time.process_time()
        work()
        best, least = min(best, time.perf_counter() - start), min(least, time.process_time() - cpu)
    print(f"{name:44}  {IMAGES / best:6.0f} images/s  {1000 * least / IMAGES:6.2f} ms CPU", flush=True)


def scores() -> None:
    """Print the FD of 2,000 held-out images, as they are, blurred, and noisy, to 10,000 training images; then to fewer
    of these."""
    train, test = FashionMnist().build(), FashionMnist(split="test").build()
    chosen = np.random.default_rng(0).permutation(len(train))[:10_000]
    x = test.images_of(np.arange(4000, 6000)).float()
    kernel = torch.tensor([1.0, 6.0, 1.0]) / 8
    sets = {
        "real": test.images_of(np.arange(2000)),
        "blurred": F.conv2d(x, (kernel[:, None] * kernel)[None, None], padding=1).round().clamp(0, 255).byte(),
        "noisy": (x + 6 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)))
        .round()
        .clamp(0, 255)
        .byte(),
    }
    for size in (112, 160, SIZE):
        forward, _ = run(partial(EfficientNetLite0, packaged_weights()), (3, size, size), f"bench-{size}", device="cpu")
        look = partial(features, forward, train.spec, size)
        reference = look(train.images_of(chosen))
        statistics = {name: moments(look(images)) for name, images in sets.items()}
        for count in (10_000, 5_000, 2_500) if size == SIZE else (10_000,):
            target = moments(reference[:count])
            for name, sampled in statistics.items():
                half = NORMAL * influence(reference[:count], target, sampled).std() / count**0.5
                value = frechet_distance(sampled, target)
                print(
                    f"{size} pixels, {count:6,} reference images, {name:8} FD {value:7.2f} +- {half:.2f} "
                    "(choice of the reference images)",
                    flush=True,
                )


def features(forward, spec, size: int, images: torch.Tensor) -> np.ndarray:
    parts = [normalised(resized(part, spec, size, size), MEAN, DEVIATION) for part in images.split(8)]
    return np.concatenate([forward(part).numpy() for part in parts])


if __name__ == "__main__":
    {"speed": speed, "scores": scores}[sys.argv[1] if len(sys.argv) > 1 else "speed"]()
