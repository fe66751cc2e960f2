"""Properties of a data set that will hurt training: one function each, from the facts to a sentence, or to ""."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from debruit.annotations.mask_coding import nameless
from debruit.data.dataset import Dataset
from debruit.data.ingest.scan import Scan
from debruit.text.wording import counted, some

FEW_IMAGES, FEW_OF_CLASS = 200, 20
IMBALANCE = 10  # the largest class has this many times the images of the smallest
CUT_AWAY = 0.4  # of an image's area, lost to the central crop
LONG_CAPTION = 60  # words: about the 77 tokens that a model reads


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The measurements of a data set. `scan`: a folder's headers; `duplicates`: groups of names of equal images;
    `blank`: names of images of a single colour; `colourless`: how many images in colour have equal channels; `masks`:
    the share of all pixels that each class of the masks has."""

    dataset: Dataset
    scan: Scan | None
    classes: tuple[tuple[str, int], ...]
    duplicates: tuple[tuple[str, ...], ...]
    blank: tuple[str, ...]
    colourless: int
    masks: tuple[tuple[str, float], ...] = ()


def few(facts: Facts) -> str:
    count = len(facts.dataset)
    return f"{counted(count)}: too few, the model will memorise them" if count < FEW_IMAGES else ""


def left_out(facts: Facts) -> str:
    count = len(facts.dataset.skipped) - len(_shards(facts))
    return f"{counted(count)} left out, not readable or without what belongs to it" if count else ""


def damaged_shards(facts: Facts) -> str:
    damaged = _shards(facts)
    return (
        f"{counted(len(damaged), 'shard')} damaged: {some(damaged)}; the members after the damage are lost"
        if damaged
        else ""
    )


def _shards(facts: Facts) -> list[str]:
    return [item.name for item in facts.dataset.skipped if item.name.endswith((".tar", ".parquet"))]


def small_classes(facts: Facts) -> str:
    small = [f"{name} ({count})" for name, count in facts.classes if count < FEW_OF_CLASS]
    return f"fewer than {FEW_OF_CLASS} images in the classes {some(small)}" if small else ""


def unbalanced(facts: Facts) -> str:
    counts = sorted((count, name) for name, count in facts.classes)
    if not counts or counts[-1][0] < IMBALANCE * max(counts[0][0], 1):
        return ""
    return f"unbalanced classes: {counted(counts[-1][0])} in {counts[-1][1]}, {counts[0][0]:,} in {counts[0][1]}"


def repeated(facts: Facts) -> str:
    if not facts.duplicates:
        return ""
    text = f"{counted(sum(len(group) - 1 for group in facts.duplicates))} equal to another one"
    if facts.dataset.labels is None:
        return text
    label = dict(zip(facts.dataset.paths, facts.dataset.labels.tolist(), strict=True))
    torn = sum(len({label[name] for name in group}) > 1 for group in facts.duplicates)
    return text + (f"; {counted(torn, 'group')} of duplicates with conflicting labels" if torn else "")


def blank(facts: Facts) -> str:
    return f"{counted(len(facts.blank))} of a single colour" if facts.blank else ""


def colourless(facts: Facts) -> str:
    all_grey = facts.colourless == len(facts.dataset)
    return "all images are grey though stored in colour: saved as grey they train faster" if all_grey else ""


def enlarged(facts: Facts) -> str:
    spec, images = facts.dataset.spec, facts.scan.images if facts.scan else ()
    count = sum(image.height < spec.height or image.width < spec.width for image in images)
    return f"{counted(count)} smaller than {spec.width} x {spec.height}: enlarged, which blurs" if count else ""


def cut_away(facts: Facts) -> str:
    proportions = facts.dataset.spec.width / facts.dataset.spec.height
    shapes = [image.width / image.height / proportions for image in (facts.scan.images if facts.scan else ())]
    count = sum(min(shape, 1 / shape) < 1 - CUT_AWAY for shape in shapes)
    return f"{counted(count)} losing more than {CUT_AWAY:.0%} of the area to the central crop" if count else ""


def uncaptioned(facts: Facts) -> str:
    texts, total = facts.dataset.texts, len(facts.dataset)
    lacking = 0 if texts is None else sum(not captions for captions in texts)
    if not lacking:
        return ""
    much = ", half or more of them: a prompt will have little effect" if 2 * lacking >= total else ""
    return f"captions missing for {lacking:,} of {counted(total)}{much}"


def long_captions(facts: Facts) -> str:
    count = sum(len(caption.split()) > LONG_CAPTION for caption in _captions(facts))
    if not count:
        return ""
    words = f"{counted(count, 'caption')} of more than {LONG_CAPTION} words"
    return f"{words}: a model reads 77 tokens, and the rest is cut off"


def repeated_captions(facts: Facts) -> str:
    counts = Counter(_captions(facts)).most_common()
    same = sum(count for _, count in counts if count > 1)
    if not same:
        return ""
    total, (caption, most) = sum(count for _, count in counts), counts[0]
    return f"{counted(same, 'caption')} of {total:,} equal to another's, most often '{caption[:60]}' ({most:,})"


def _captions(facts: Facts) -> list[str]:
    return [caption for captions in facts.dataset.texts or () for caption in captions]


def nameless_masks(facts: Facts) -> str:
    names = [name for name, share in facts.masks if share and nameless(name)]
    return f"values of masks without a name: {some(names, 10)}; name them in classes.json" if names else ""


def unseen_masks(facts: Facts) -> str:
    names = [name for name, share in facts.masks if not share and not nameless(name)]
    return f"classes that no mask holds: {some(names, 10)}" if names else ""


RULES: tuple[Callable[[Facts], str], ...] = (
    few, left_out, damaged_shards, small_classes, unbalanced, repeated, blank, colourless, enlarged, cut_away,
    uncaptioned, long_captions, repeated_captions, nameless_masks, unseen_masks,
)  # fmt: skip


def findings(facts: Facts) -> tuple[str, ...]:
    """Return the sentences of all rules that apply, in the order of the rules."""
    return tuple(sentence for rule in RULES if (sentence := rule(facts)))
