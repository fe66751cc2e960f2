"""Make lecture.ipynb and cours.ipynb from source.py, executed.

python docs/notebooks/build.py [--model ddpm-fashion] [--out docs/notebooks]

needs nbclient, nbformat and ipykernel, and takes a minute or two. One thread computes, so that the numbers do not
depend on the number of cores.
"""

import argparse
import base64
import io
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import matplotlib.font_manager  # noqa: F401 - writes its cache, so that no kernel says that it does
import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from debruit.lecture.french import spaced

HERE = Path(__file__).parent
NAMES = {"en": "lecture.ipynb", "fr": "cours.ipynb"}
MARK = re.compile(r"^# %%(?: \[markdown\] (en|fr))?$")
DEFAULT = 'model = "ddpm-fashion"'
SECONDS = 900  # for a cell
PNG = "image/png"
COLOURS = 256  # of a figure: a third of its size, and hardly a difference to be seen


@dataclass(frozen=True)
class Cell:
    """Text of a cell; `language` is None for code."""

    language: str | None
    text: str


def cells(source: str) -> list[Cell]:
    """Return the cells of the source, without what comes before the first one."""
    found: list[tuple[str | None, list[str]]] = []
    for line in source.splitlines():
        if mark := MARK.match(line):
            found.append((mark[1], []))
        elif found:
            found[-1][1].append(line if found[-1][0] is None else line.removeprefix("#").removeprefix(" "))
    return [Cell(language, "\n".join(lines).strip()) for language, lines in found]


def notebook(language: str, *, model: str | None = None) -> nbformat.NotebookNode:
    """Return the notebook of a language, not executed, for `model` (None: that of the source)."""
    parts = []
    for cell in cells((HERE / "source.py").read_text("utf-8")):
        name = {"id": f"cell-{len(parts) + 1:02d}"}
        if cell.language is None:
            text = cell.text if model is None else cell.text.replace(DEFAULT, f"model = {model!r}")
            parts.append(new_code_cell(text, **name))
        elif cell.language == language:
            parts.append(new_markdown_cell(typeset(cell.text) if language == "fr" else cell.text, **name))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=parts, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def typeset(text: str) -> str:
    """Return French prose with its no-break spaces; displayed mathematics stays as it is."""
    pieces = text.split("$$")
    return "$$".join(piece if n % 2 else spaced(piece) for n, piece in enumerate(pieces))


def executed(book: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Execute the notebook in a kernel of its own and return it with its outputs, without a trace of the machine."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "IPYTHONDIR": folder, "OMP_NUM_THREADS": "1"}
        where = {"metadata": {"path": str(Path.cwd())}}
        client = NotebookClient(book, timeout=SECONDS, record_timing=False, kernel_name="python3", resources=where)
        manager = client.create_kernel_manager()
        manager.transport, manager.ip = "ipc", f"{folder}/socket"
        client.execute(env=environment)
    for cell in book.cells:
        for output in cell.get("outputs", ()):
            if PNG in output.get("data", {}):
                output.data[PNG] = smaller(output.data[PNG])
    book.metadata["language_info"] = {"name": "python"}  # the kernel adds its versions
    nbformat.validate(book)
    return book


def smaller(png: str) -> str:
    """Return a PNG file, in base64, with a palette."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    file = io.BytesIO()
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def main() -> None:
    parser = argparse.ArgumentParser(description="Execute and write both notebooks of the lecture.")
    parser.add_argument("--model", help="another model than that of the source, by name or path")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the notebooks")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for language, name in NAMES.items():
        book = executed(notebook(language, model=given.model))
        nbformat.write(book, given.out / name)
        print(f"{given.out / name}: {(given.out / name).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
