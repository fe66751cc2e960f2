"""How far the network behind a score can be trusted: its own figure on real images that it was not trained on, to stand beside the score."""

from typing import Any

from debruit.metrics.score import Score

OF_CLASSIFIER = ("accuracy", "conditional-entropy", "inception-score")


def own_figure(score: Score, networks: dict[str, Any]) -> str:
    """In words; "" for scores that no trained judge has a part in. `networks` is what a report says of them."""
    name = score.name.removesuffix("-bare")
    if name in OF_CLASSIFIER and (about := networks.get("classifier")):
        return (
            f"the classifier itself: {about['accuracy']:.1%} ({about['low']:.1%} to {about['high']:.1%}) of {about['held_out']:,} real images that it was "
            "not trained on"
        )
    if name == "mask-iou" and (about := networks.get("segmentation")) and about["accuracy"] is not None:
        return f"the segmentation itself: {about['accuracy']:.3f} on {about['held_out']:,} real images that it was not trained on"
    if name == "caption-retrieval" and (about := networks.get("scorer")):
        return f"the scorer itself: {about['accuracy']:.1%} on a fifth of its {about['pairs']:,} pairs, which it was not fitted to then"
    return ""
