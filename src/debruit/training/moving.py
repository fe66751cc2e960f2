"""Update the files of a run folder whose data was moved.

run.json, stages.json and autoencoder/run.json have a source each, and all of them read the same data.
"""

import json
from pathlib import Path
from typing import Any

from debruit.config import encode
from debruit.files.atomic import write_atomically

FILES = (("run.json", ()), ("stages.json", ("first",)), ("autoencoder/run.json", ()))


def move(path: Path, source: Any) -> None:
    """Write the new path of the data into every file of the run folder that names one.

    Fields that a file does not have are not added.
    """
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
        write_atomically(
            file, lambda temporary, whole=whole: temporary.write_text(json.dumps(whole, indent=2), "utf-8")
        )
