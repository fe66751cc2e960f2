"""The plugin that docs/conditions.md writes: a condition in a package of its own."""

import contextlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from debruit import seams

DOCUMENT = Path(__file__).parents[1] / "docs" / "conditions.md"


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(), flags=re.DOTALL)


@contextlib.contextmanager
def installed_condition(folder: Path) -> Iterator[None]:
    """Inside, the package is installed in `folder`: its module, its name and its entry points."""
    [module] = [block for block in blocks(DOCUMENT, "python") if block.startswith('"""brightness.py')]
    [project] = [tomllib.loads(block)["project"] for block in blocks(DOCUMENT, "toml")]
    (folder / "brightness.py").write_text(module)
    about = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (about / "entry_points.txt").write_text("\n".join(points))
    sys.path.insert(0, str(folder))
    seams._load_plugins.cache_clear()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("brightness", None)
        for cls in [cls for cls in seams._PLUGINS if cls.__module__ == "brightness"]:
            del seams._PLUGINS[cls]
        seams._load_plugins.cache_clear()
