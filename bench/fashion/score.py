"""Score samples of Fashion-MNIST: Frechet distance (FD-FashionCNN) and the share recognised as the requested class.

FD between Gaussians fitted to the classifier's 128-d features, in float64:
    |mu_a - mu_b|^2 + tr(S_a) + tr(S_b) - 2 tr((S_a^1/2 S_b S_a^1/2)^1/2)
with roots by the eigenvalues of symmetric matrices (Heusel et al. 2017; not "FID": the network is another).
It is biased upwards at finite N, so compare equal N only; the baseline is the FD of as many real training images.

    python bench/fashion/score.py SAMPLES.npy --labels LABELS.npy    # uint8 (N, 28, 28); default: balanced, in order
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from classifier import Classifier, digest, load_classifier
from fashion_data import balanced_labels, load


@torch.inference_mode()
def features(images: np.ndarray, model: Classifier | None = None) -> np.ndarray:
    """Return float64 features (N, 128) of uint8 images (N, 28, 28) or (N, 1, 28, 28)."""
    images = as_images(images)
    model = model or load_classifier()
    return torch.cat([model.features(part) for part in torch.from_numpy(images).split(500)]).double().numpy()


@torch.inference_mode()
def predictions(images: np.ndarray, model: Classifier | None = None) -> np.ndarray:
    """Return the class that the classifier predicts for each image, (N,)."""
    images = as_images(images)
    model = model or load_classifier()
    return torch.cat([model(part).argmax(1) for part in torch.from_numpy(images).split(500)]).numpy()


def accuracy(images: np.ndarray, labels: np.ndarray, model: Classifier | None = None) -> float:
    """Return the share of images that are recognised as the requested class."""
    return float((predictions(images, model) == np.asarray(labels)).mean())


def as_images(images: np.ndarray) -> np.ndarray:
    """Return uint8 images (N, 28, 28), contiguous and writable; raise ValueError for other arrays."""
    images = images[:, 0] if images.ndim == 4 and images.shape[1] == 1 else images
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise ValueError(f"samples are {images.dtype} {images.shape}: give uint8 (N, 28, 28), values 0 to 255")
    return np.array(images, order="C")


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (D,) and unbiased covariance (D, D)."""
    return x.mean(0), np.cov(x, rowvar=False)


def root(matrix: np.ndarray) -> np.ndarray:
    """Return the symmetric square root of a positive semi-definite matrix; negative rounding errors count as 0."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def distance(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the squared Frechet (2-Wasserstein) distance of two Gaussians given as (mean, covariance)."""
    half = root(a[1])
    cross = np.sqrt(np.linalg.eigvalsh(half @ b[1] @ half).clip(0)).sum()
    return float(((a[0] - b[0]) ** 2).sum() + np.trace(a[1]) + np.trace(b[1]) - 2 * cross)


def frechet(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """Return the Frechet distance of two sets of features (N, D) and (M, D)."""
    return distance(moments(features_a), moments(features_b))


def interval(samples: np.ndarray, reference: np.ndarray, *, draws: int = 200, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of the FD over the choice of samples, by bootstrap.

    Resampling with replacement increases every FD, as a small N does, so the mean of the bootstrap lies above the FD:
    the spread around that mean is placed around the FD itself.
    """
    rng, target, count = np.random.default_rng(seed), moments(reference), len(samples)
    resampled = np.array([distance(moments(samples[rng.integers(0, count, count)]), target) for _ in range(draws)])
    low, high = np.quantile(resampled - resampled.mean(), [0.025, 0.975])
    value = distance(moments(samples), target)
    return value - high, value - low


def score(images: np.ndarray, labels: np.ndarray, *, draws: int = 200) -> dict:
    """Return all scores of one set of samples, against the 10,000 test images and as many training images."""
    model = load_classifier()
    test, train = features(load("test")[0], model), features(real_train(10_000)[0], model)
    sampled = features(images, model)
    low, high = interval(sampled, test, draws=draws)
    hits = predictions(images, model) == labels
    return {
        "n": len(images),
        "fd_test": round(frechet(sampled, test), 3),
        "fd_test_95": [round(low, 3), round(high, 3)],
        "fd_train": round(frechet(sampled, train), 3),
        "recognised": round(float(hits.mean()), 4),
        "recognised_by_class": [round(float(hits[labels == k].mean()), 3) for k in range(10) if (labels == k).any()],
        **baseline(len(images), test, model),
        "classifier": digest(),
    }


def baseline(count: int, test: np.ndarray, model: Classifier) -> dict:
    """Return the scores of `count` real training images with balanced classes: the best that samples can reach."""
    images, labels = real_train(count)
    return {
        "baseline_fd_test": round(frechet(features(images, model), test), 3),
        "baseline_recognised": round(accuracy(images, labels, model), 4),
    }


def real_train(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` training images, chosen without replacement, every class equally often, like the samples."""
    images, labels = load("train")
    rng, counts = np.random.default_rng(seed), np.bincount(balanced_labels(count), minlength=10)
    chosen = np.concatenate([rng.permutation(np.flatnonzero(labels == k))[: counts[k]] for k in range(10)])
    return images[chosen], labels[chosen]


def main() -> None:
    """Print one JSON line for each file of samples."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", type=Path, nargs="+")
    parser.add_argument("--labels", type=Path, help="labels of all the files (.npy); default: balanced, in order")
    parser.add_argument("--draws", type=int, default=200, help="bootstrap draws")
    args = parser.parse_args()
    for path in args.samples:
        images = np.load(path)
        labels = np.load(args.labels) if args.labels else balanced_labels(len(images))
        print(json.dumps({"file": str(path)} | score(images, labels, draws=args.draws)), flush=True)


if __name__ == "__main__":
    main()
