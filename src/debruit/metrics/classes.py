"""Scores of samples by a classifier: accuracy, certainty, and variety of classes.

All functions take logits (N, K). Every score depends on the classifier: its own accuracy on held-out images is the most
that samples can be expected to reach.
"""

from collections.abc import Sequence

import numpy as np

from debruit.errors import InputError
from debruit.metrics.interval import proportion
from debruit.metrics.score import Score, bootstrap


def class_accuracy(logits: np.ndarray, labels: np.ndarray | None, *, network: str) -> Score:
    """The share of samples that are classified as the requested class, `labels` (N,), with Wilson's interval.

    InputError: no labels, another number of them, a label that the classifier does not have.
    """
    return share(_hits(logits, labels), name="accuracy", label=f"accuracy-{network}")


def accuracy_by_class(
    logits: np.ndarray, labels: np.ndarray | None, *, network: str, names: Sequence[str]
) -> list[Score]:
    """`class_accuracy` of each requested class, in the order of `names`; the note names the class
    that its samples are most often mistaken for.

    InputError as `class_accuracy`.
    """
    hits = _hits(logits, labels)
    labels, guesses, scores = np.asarray(labels), logits.argmax(axis=1), []
    for k in np.unique(labels):
        own = labels == k
        wrong = np.bincount(guesses[own & ~hits], minlength=logits.shape[1])
        note = f"{wrong.max() / own.sum():.1%} are taken for {names[int(wrong.argmax())]}" if wrong.any() else ""
        label = f"accuracy-{network}: {names[k]}"
        scores.append(share(hits[own], name=f"accuracy-{names[k]}", label=label, note=note))
    return scores


def conditional_entropy(logits: np.ndarray, *, network: str) -> Score:
    """Mean of H(y|x) = -sum_y p(y|x) ln p(y|x), nats: 0 if the classifier is certain of every sample, ln K if it cannot
    tell anything."""
    log_p = _log_softmax(logits)
    entropies = -(np.exp(log_p) * log_p).sum(axis=1)
    value = float(entropies.mean())
    low, high = bootstrap(lambda i: float(entropies[i].mean()), len(entropies), value=value)
    return Score(
        name="conditional-entropy",
        label=f"H(y|x)-{network}",
        value=value,
        low=max(low, 0.0),
        high=high,
        count=len(entropies),
        better="low",
        unit="nats",
        note=f"at most ln {logits.shape[1]} = {np.log(logits.shape[1]):.2f}",
    )


def inception_score(logits: np.ndarray, *, network: str) -> Score:
    """exp of the mean KL(p(y|x) || p(y)), from 1 to K (Salimans et al. 2016), over all samples at once; with another
    network than Inception it is not the Inception Score, hence the label. It does not use the data, and a model that
    copies scores well."""
    log_p = _log_softmax(logits)
    p = np.exp(log_p)
    negative_entropies = (p * log_p).sum(axis=1)

    def score(i: np.ndarray) -> float:
        marginal = p[i].mean(axis=0)
        return float(np.exp(negative_entropies[i].mean() - (marginal * np.log(marginal.clip(1e-300))).sum()))

    value = score(np.arange(len(p)))
    low, high = bootstrap(score, len(p), value=value)
    return Score(
        name="inception-score",
        label=f"IS-{network}",
        value=value,
        low=max(low, 1.0),
        high=min(high, p.shape[1]),
        count=len(p),
        better="high",
        note=f"between 1 and {p.shape[1]}",
    )


def share(hits: np.ndarray, *, name: str, label: str, note: str = "") -> Score:
    """The share of `hits` (N,) bool, with Wilson's interval."""
    low, high = proportion(int(hits.sum()), len(hits))
    return Score(
        name=name, label=label, value=float(hits.mean()), low=low, high=high, count=len(hits), better="high", note=note
    )


def _hits(logits: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """(N,) whether the largest logit is that of the label."""
    if labels is None:
        raise InputError(
            "no labels are known for these samples, and accuracy compares with them: leave it out, or sample by class"
        )
    labels = np.asarray(labels)
    if labels.shape != (len(logits),):
        raise InputError(f"{len(logits)} samples and labels of shape {labels.shape}: give one label a sample")
    if len(labels) and (labels.min() < 0 or labels.max() >= logits.shape[1]):
        odd = labels.max() if labels.max() >= logits.shape[1] else labels.min()
        raise InputError(
            f"label {odd} was requested, and the classifier knows 0 to {logits.shape[1] - 1}: train it on the model's "
            "own data"
        )
    return logits.argmax(axis=1) == labels


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
