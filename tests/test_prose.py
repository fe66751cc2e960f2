"""The prose and the names of the package, its documents and its benchmarks are plain English of the field
(docs/glossary.md).

`python tests/test_prose.py FOLDER|FILE ...` lists what a folder has left; without arguments, a count for each folder.
"""

import ast
import sys
from pathlib import Path

import pytest

from prose import ROOT, complaints, markdown_hits, python_hits, skipped_formatting

PACKAGE = ROOT / "src" / "debruit"


def units() -> list[Path]:
    """The folders and modules of the package, the documents, and the benchmarks."""
    inside = [path for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    documents = [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "bench").glob("*.md"),
    ]
    return sorted([*inside, *documents, ROOT / "bench"])


def name_of(unit: Path) -> str:
    return str(unit.relative_to(PACKAGE if unit.is_relative_to(PACKAGE) else ROOT))


def hits(unit: Path) -> list[str]:
    files = [unit] if unit.is_file() else sorted(unit.rglob("*.py"))
    return [hit for path in files for hit in complaints(path)]


@pytest.mark.parametrize("unit", units(), ids=name_of)
def test_prose_is_plain(unit):
    left = hits(unit)
    assert not left, f"{len(left)} (python tests/test_prose.py {unit.relative_to(ROOT)}):\n" + "\n".join(left[:30])


def test_the_formatter_decides_in_tests_too():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for line, _ in skipped_formatting(path.read_text(), ast.parse(path.read_text()))
    ]
    assert not found, "'fmt: skip' is for tables of data"


@pytest.mark.parametrize(
    "source",
    [
        '"""Of a bottleneck."""',
        '"""The law of the latent."""',
        "x = 1  # an image brought to size",
        'raise ValueError(f"{x} is learnt by heart")',
        "found = 3",
        "def run(say): ...",
        'score["floor"] = 1',
        "class Drawing: ...",
        "x = [1, 2]  # fmt: skip",
        "x = " + "1 + " * 40 + "1",
    ],
)
def test_a_retired_word_is_seen(source):
    assert list(python_hits(source))


@pytest.mark.parametrize(
    "source",
    [
        '"""Return the distribution of the latent, in place of a sample."""',
        "import math\nx = math.floor(2.5)",
        "TABLE = {1: 2}  # fmt: skip",
        'name = "place"',
    ],
)
def test_plain_prose_passes(source):
    assert not list(python_hits(source))


def test_code_and_tables_of_a_document_are_not_prose():
    table = "| a |\n|-|\n| " + "x" * 130 + " |\n"
    assert not list(markdown_hits(f"```sh\ndebruit beside {'x' * 130}\n```\n{table}`place` in [a](beside.md)\n"))
    assert [line for line, _ in markdown_hits("plain\nby law\n`no/such/file.py`\n")] == [2, 3]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        chosen = [Path(name).resolve() for name in sys.argv[1:]]
        for path in chosen:
            inside = [path] if path.is_file() else sorted([*path.rglob("*.py"), *path.rglob("*.md")])
            print(*(hit for file in inside for hit in complaints(file)), sep="\n")
    else:
        counts = {name_of(unit): len(hits(unit)) for unit in units()}
        print(*(f"{count:5} {name}" for name, count in counts.items() if count), sep="\n")
