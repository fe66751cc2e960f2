"""A run whose data lies elsewhere now: its files name the new place, and former places are kept in moved.json.

run.json, stages.json and autoencoder/run.json have a source each; all of them read the same data.
"""

import json
from pathlib import Path
from typing import Any

from debruit.config import Json, encode
from debruit.files import write_atomically

FILES = (("run.json", ()), ("stages.json", ("first",)), ("autoencoder/run.json", ()))
FORMER = "moved.json"


def move(path: Path, source: Any) -> None:
    """Writes the new place of the data into every file of the run folder that names one. Fields that a file does not have stay away."""
    for name, keys in FILES:
        file = path / name
        if not file.exists():
            continue
        whole = json.loads(file.read_text("utf-8"))
        holder = whole
        for key in keys:
            holder = holder[key]
        before, after = holder["source"], encode(source)
        holder["source"] = {key: value for key, value in after.items() if key in before or value is not None}
        if holder["source"] == before:
            continue
        remember(file.parent, before)
        write_atomically(
            file, lambda temporary, whole=whole: temporary.write_text(json.dumps(whole, indent=2), "utf-8")
        )


def remember(folder: Path, source: Json) -> None:
    former = [*sources_before(folder), source]
    write_atomically(folder / FORMER, lambda temporary: temporary.write_text(json.dumps(former, indent=2), "utf-8"))


def sources_before(folder: Path) -> list[Json]:
    """The sources that the run.json of this folder named before: states of older versions of debruit are known by them."""
    try:
        return json.loads((folder / FORMER).read_text("utf-8"))
    except (OSError, ValueError):
        return []
