"""How reliable the network behind a score is: its own result on held-out real images, to be shown next to the score."""

from typing import Any

from debruit.evaluation.scores.alignment import WITHOUT_MASK
from debruit.metrics.score import Score

BY_SCORER = ("caption-retrieval", "caption-retrieval-in-class")
BY_CLASSIFIER = ("accuracy", "conditional-entropy", "inception-score")


def reliability(score: Score, networks: dict[str, Any]) -> str:
    """A sentence; "" for scores without a network that is trained on the user's data. `networks` are facts about
    networks."""
    name = score.name.removesuffix(WITHOUT_MASK)
    if name in BY_CLASSIFIER and (about := networks.get("classifier")):
        return (
            f"the classifier itself: {about['accuracy']:.1%} ({about['low']:.1%} to {about['high']:.1%}) of "
            f"{about['held_out']:,} held-out real images"
        )
    if name == "mask-iou" and (about := networks.get("segmentation")) and about["accuracy"] is not None:
        return f"the segmenter itself: {about['accuracy']:.3f} on {about['held_out']:,} held-out real images"
    if name in BY_SCORER and (about := networks.get("scorer")):
        return f"the scorer itself: {about['accuracy']:.1%} on a held-out fifth of its {about['pairs']:,} pairs"
    return ""
