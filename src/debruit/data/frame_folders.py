"""Sequences of frames: a folder is a sequence, and its images, sorted by name with numbers as numbers, are its
frames."""

import os
import re
from collections.abc import Sequence

import numpy as np


def first_frames(paths: Sequence[str]) -> np.ndarray:
    """Return for each image the index of the first frame of its folder, (N,) int64."""
    folders = [os.path.dirname(path) for path in paths]
    first: dict[str, tuple[list[tuple[int, str]], int]] = {}
    for n, (folder, path) in enumerate(zip(folders, paths, strict=True)):
        frame = _order(path), n
        first[folder] = min(first.get(folder, frame), frame)
    return np.array([first[folder][1] for folder in folders], dtype=np.int64)


def are_sequences(firsts: np.ndarray) -> bool:
    """Return whether the images are frames of sequences: of several folders, with more than one frame each on
    average."""
    count = len(np.unique(firsts))
    return 1 < count <= len(firsts) // 2


def _order(path: str) -> list[tuple[int, str]]:
    """Sort frame9.png before frame10.png."""
    parts = re.split(r"(\d+)", os.path.splitext(os.path.basename(path))[0])
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
