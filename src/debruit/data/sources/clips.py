"""Images as the frames of clips: a folder is a clip, and its images by their names, in which numbers count as numbers, are its frames."""

import os
import re
from collections.abc import Sequence

import numpy as np


def first_frames(paths: Sequence[str]) -> np.ndarray:
    """For each image the number of the first frame of its clip, (N,) int64."""
    clips = [os.path.dirname(path) for path in paths]
    first: dict[str, tuple[list[tuple[int, str]], int]] = {}
    for n, (clip, path) in enumerate(zip(clips, paths, strict=True)):
        place = _order(path), n
        first[clip] = min(first.get(clip, place), place)
    return np.array([first[clip][1] for clip in clips], dtype=np.int64)


def are_clips(firsts: np.ndarray) -> bool:
    """Whether these are frames of clips: of more than one, with more than one frame each on average."""
    count = len(np.unique(firsts))
    return 1 < count <= len(firsts) // 2


def _order(path: str) -> list[tuple[int, str]]:
    """frame9.png before frame10.png."""
    parts = re.split(r"(\d+)", os.path.splitext(os.path.basename(path))[0])
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
