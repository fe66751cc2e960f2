"""Text files that are no captions: boxes and polygons (YOLO, DOTA, KITTI), numbers alone, and files that describe a
folder.

0 0.51 0.43 0.12 0.30            class number, centre, width and height (YOLO); with a confidence, or a polygon, there
are more numbers 812 5 840 5 840 30 812 30 ship 0     corners and a name (DOTA)
"""

import posixpath
import re

from debruit.text.encodings import lines_of

DOCUMENTS = {
    "readme",
    "license",
    "licence",
    "copying",
    "copyright",
    "notice",
    "changelog",
    "changes",
    "authors",
    "contributing",
    "citation",
    "requirements",
}
LISTS = {"classes", "labels", "obj", "data", "names"}  # of class names, as detectors keep them
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
LEAST_NUMBERS, SHARE = 4, 0.7  # of a line of boxes: numbers, and their share of its words


def is_document(name: str) -> bool:
    """Whether a text file describes the folder, by its name, and not the image that may have the same name."""
    stem, extension = posixpath.splitext(posixpath.basename(name).lower())
    return stem in {*DOCUMENTS, *LISTS} and extension == ".txt"


def are_numbers(text: str) -> bool:
    """Whether a text is of boxes or of numbers alone; false for one that is empty."""
    lines = [line for line in lines_of(text) if line.strip()]
    return bool(lines) and all(_is_of_numbers(line) for line in lines)


def _is_of_numbers(line: str) -> bool:
    words = [word for word in re.split(r"[\s,;]+", line.strip()) if word]
    numbers = sum(NUMBER.fullmatch(word) is not None for word in words)
    return numbers == len(words) or (numbers >= LEAST_NUMBERS and numbers >= SHARE * len(words))
