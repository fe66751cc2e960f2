"""`debruit data doctor SOURCE`: the contents of a data set, its defects, and properties that will hurt training.

Headers tell sizes, formats and depths; the recorded pixels, as training will see them, tell duplicates and blank
images.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from debruit import events
from debruit.data.dataset import Dataset
from debruit.data.doctor.findings import Facts, findings
from debruit.data.ingest.plan import Collected
from debruit.data.ingest.scan import scan
from debruit.images.spec import Skipped
from debruit.text.wording import counted, shown, some

CHUNK = 256


@dataclass(frozen=True, kw_only=True)
class DoctorReport:
    """The result of a scan. Counters are (value, images) pairs, the most frequent first; sizes are (height, width);
    `masks` gives the share of all pixels that each class has."""

    source: str
    dataset: Dataset
    formats: tuple[tuple[str, int], ...]
    sizes: tuple[tuple[tuple[int, int], int], ...]
    channels: tuple[tuple[int, int], ...]
    depths: tuple[tuple[str, int], ...]
    classes: tuple[tuple[str, int], ...]
    captions: str
    masks: tuple[tuple[str, float], ...]
    unreadable: tuple[Skipped, ...]
    duplicates: tuple[tuple[str, ...], ...]
    blank: tuple[str, ...]
    notes: tuple[str, ...]
    findings: tuple[str, ...]

    def lines(self, *, most: int = 20) -> list[str]:
        """Return the report as plain text; lists end after `most` entries."""
        spec = self.dataset.spec
        total = spec.count + len(self.unreadable)
        readable = f"{spec.count:,} of {counted(total)} can be read" if self.unreadable else counted(spec.count)
        return [
            f"{self.source}: {readable}",
            *_row("formats", self.formats, most),
            *_row("sizes", [(f"{w} x {h}", n) for (h, w), n in self.sizes], most),
            *_row("channels", [(_color(c), n) for c, n in self.channels], most),
            *_row("depths", self.depths, most),
            *_row("classes", self.classes, most),
            *([f"{'captions':<11} {self.captions}"] if self.captions else []),
            *_row("masks", [(name, f"{share:.1%}") for name, share in self.masks], most),
            f"{'trained as':<11} {_color(spec.channels)}, {spec.width} x {spec.height}, {spec.depth}, values "
            f"{spec.low:g} to {spec.high:g}",
            *_listed("note", self.notes, most),
            *_listed("unreadable", [f"{shown(name)}: {reason}" for name, reason in self.unreadable], most),
            *_listed("equal", [some(map(shown, group), most) for group in self.duplicates], most),
            *_listed("blank", [shown(name) for name in self.blank], most),
            *(_listed("finding", self.findings, most) or [f"{'finding':<11} nothing to worry about"]),
        ]


def examine(source: Any) -> DoctorReport:
    """Read a source as training would, and look at every image. Only the progress of the build is reported: its
    lines are part of the result. InputError as from the source's `build`."""
    with events.progress_only():
        dataset = source.build()
        scanned = scan(source.collection()) if isinstance(source, Collected) else None
    facts = _measured(dataset, scanned)
    spec, headers = dataset.spec, scanned.images if scanned else ()
    return DoctorReport(
        source=source.path if isinstance(source, Collected) else source.name,
        dataset=dataset,
        formats=_frequent(header.format for header in headers),
        sizes=_frequent((header.height, header.width) for header in headers)
        or (((spec.height, spec.width), spec.count),),
        channels=_frequent(header.channels for header in headers) or ((spec.channels, spec.count),),
        depths=_frequent(header.depth for header in headers) or ((spec.depth, spec.count),),
        classes=facts.classes,
        captions=_of_captions(dataset),
        masks=facts.masks,
        unreadable=dataset.skipped,
        duplicates=facts.duplicates,
        blank=facts.blank,
        notes=dataset.notes,
        findings=findings(facts),
    )


def _measured(dataset: Dataset, scanned: Any) -> Facts:
    same: dict[bytes, list[str]] = defaultdict(list)
    blank: list[str] = []
    colourless, names = 0, iter(dataset.paths)
    for chunk in dataset.chunks():
        planes = chunk.reshape(*chunk.shape[:2], -1)
        if planes.shape[1] > 1:
            colourless += int((planes == planes[:, :1]).all((1, 2)).sum())
        single = (planes == planes[..., :1]).all((1, 2))
        for row, is_single in zip(planes, single, strict=True):
            name = next(names)
            same[hashlib.blake2b(row.tobytes(), digest_size=16).digest()].append(name)
            if is_single:
                blank.append(name)
    names_of_classes = dataset.spec.class_names
    counts = [] if dataset.labels is None else np.bincount(dataset.labels, minlength=len(names_of_classes)).tolist()
    return Facts(
        dataset=dataset,
        scan=scanned,
        classes=tuple(zip(names_of_classes, counts, strict=True)),
        duplicates=tuple(tuple(group) for group in same.values() if len(group) > 1),
        blank=tuple(blank),
        colourless=colourless,
        masks=_shares(dataset),
    )


def _shares(dataset: Dataset) -> tuple[tuple[str, float], ...]:
    """Return the share of all pixels that each class of the masks has, the most frequent first."""
    names = dataset.spec.mask_names
    if dataset.masks is None:
        return ()
    counts = np.zeros(len(names), np.int64)
    for start in range(0, len(dataset), CHUNK):
        rows = dataset.masks[np.arange(start, min(start + CHUNK, len(dataset)))]
        counts += np.bincount(rows.ravel(), minlength=len(names))
    shares = zip(names, (counts / counts.sum()).tolist(), strict=True)
    return tuple(sorted(shares, key=lambda pair: -pair[1]))


def _of_captions(dataset: Dataset) -> str:
    captions = [caption for of in dataset.texts or () for caption in of]
    if not captions:
        return ""
    words = sorted(len(caption.split()) for caption in captions)
    count = sum(bool(of) for of in dataset.texts or ())
    median = words[len(words) // 2]
    span = f"{words[0]} to {words[-1]} words, half of them up to {median}"
    return f"{counted(len(captions), 'caption')} of {counted(count)}, {span}"


def _color(channels: int) -> str:
    return "grey" if channels == 1 else "colour"


def _frequent(values: Iterable) -> tuple:
    return tuple(Counter(values).most_common())


def _row(title: str, counts: Iterable[tuple[str, int | str]], most: int) -> list[str]:
    text = some(
        [f"{name} ({count:,})" if isinstance(count, int) else f"{name} ({count})" for name, count in counts], most
    )
    return [f"{title:<11} {text}"] if text else []


def _listed(title: str, entries: Iterable[str], most: int) -> list[str]:
    entries = list(entries)
    more = [f"{'':<11} and {len(entries) - most:,} more"] if len(entries) > most else []
    return [f"{title:<11} {entry}" for entry in entries[:most]] + more
