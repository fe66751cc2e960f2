"""Visible folders that may hold previews, such as thumbs/: they are read like every visible folder, and named in a
note.

Hidden folders and those in which programs keep previews without being asked (@eaDir) are skipped (walking.py). A
folder called thumbs/ may as well be a class, and none of the field's readers of image folders skips it by its name.
"""

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator

from debruit.annotations.captions import stem_of
from debruit.text.wording import counted, shown

NAMES = ("thumb", "thumbs", "thumbnail", "thumbnails", "preview", "previews")
SHARE = 0.9  # of the images of the folder that have the name of an image next to it


def about_previews(images: Iterable[str]) -> Iterator[str]:
    """Yield a line for each folder that is called as previews are and whose images have the names of those in the
    folder above it, or in one next to it."""
    stems: dict[str, list[str]] = defaultdict(list)
    for name in images:
        folder, base = posixpath.split(name)
        stems[folder].append(stem_of(base))
    for folder, own in sorted(stems.items()):
        above, base = posixpath.split(folder)
        if base.lower() not in NAMES:
            continue
        near = [set(stems[other]) for other in stems if other != folder and above in (other, posixpath.dirname(other))]
        if any(sum(stem in others for stem in own) >= SHARE * len(own) for others in near):
            yield (
                f"{shown(folder)}/ is read, {counted(len(own))} with the names of others next to it: if they are "
                f"previews, rename the folder to .{base}/, which is not read, or move it elsewhere"
            )
