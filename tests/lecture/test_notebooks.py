"""The notebooks of the lecture: both languages have the same code, every slide and figure has its place, the committed
ones are those of the source, and both run from the first cell to the last."""

import dataclasses
import importlib.util
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
import tiny
from lessons import chained

from debruit.lecture import figures
from debruit.sampling.config import SamplingConfig

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
LANGUAGES = ("en", "fr")
LAST = 41  # slides
LARGEST = 1_100_000  # bytes of a notebook
MACHINE = re.compile(r"/(?:work|home|root|tmp|var|usr|opt)/|[A-Z]:\\|0x[0-9a-f]{6}|Warning|%\|")  # and of progress bars


@pytest.fixture(scope="module")
def build():
    """The script docs/notebooks/build.py."""
    spec = importlib.util.spec_from_file_location("notebook_build", FOLDER / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def code(book) -> list[str]:
    return [cell.source for cell in book.cells if cell.cell_type == "code"]


def text(book) -> list[str]:
    return [cell.source for cell in book.cells if cell.cell_type == "markdown"]


def outputs(book) -> list:
    return [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]


def test_both_languages_have_the_same_code(build):
    english, french = (build.notebook(language) for language in LANGUAGES)
    assert code(english) == code(french)
    assert [cell.cell_type for cell in english.cells] == [cell.cell_type for cell in french.cells]
    assert [cell.id for cell in english.cells] == [cell.id for cell in french.cells]
    for one, other in zip(text(english), text(french), strict=True):
        assert one
        assert one != other
        assert one.count("$") % 2 == other.count("$") % 2 == 0
    for book in (english, french):
        nbformat.validate(book)
        assert (book.nbformat, book.nbformat_minor) == (4, 5)


def test_displayed_equations_are_the_same(build):
    """But for the decimal comma and single words."""
    plain = [
        [re.sub(r"\\text\{[^}]*\}|\s", "", tex).replace("{,}", ".") for part in text(book) for tex in displayed(part)]
        for book in map(build.notebook, LANGUAGES)
    ]
    assert plain[0] == plain[1]
    assert len(plain[0]) > 15


def displayed(part: str) -> list[str]:
    return part.split("$$")[1::2]


def test_every_slide_has_its_section_in_order(build):
    for language, word in zip(LANGUAGES, ("slides?", "diapositives?"), strict=True):
        numbers: list[int] = []
        for part in text(build.notebook(language)):
            for first, last in re.findall(rf"^## .*\({word} (\d+)(?: (?:to|and|à|et) (\d+))?\)$", part, re.MULTILINE):
                numbers += range(int(first), int(last or first) + 1)
        assert numbers == list(range(1, LAST + 1))


def test_every_figure_is_shown(build):
    shown = set(re.findall(r"figures\.(\w+)\(", "\n".join(code(build.notebook("en")))))
    assert shown == set(figures.__all__)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_committed_notebook_is_that_of_the_source(build, language):
    """`python docs/notebooks/build.py` writes it anew."""
    path = FOLDER / build.NAMES[language]
    committed, expected = nbformat.read(path, as_version=4), build.notebook(language)
    nbformat.validate(committed)
    assert code(committed) == code(expected)
    assert text(committed) == text(expected)
    assert path.stat().st_size < LARGEST
    check_outputs(committed)


def check_outputs(book) -> None:
    """Every figure is there, and no error, warning, path or progress."""
    for n, cell in enumerate(cell for cell in book.cells if cell.cell_type == "code"):
        assert cell.execution_count == n + 1
        last = cell.source.splitlines()[-1]
        pictured = any("image/png" in output.get("data", {}) for output in cell.outputs)
        assert pictured == last.startswith(("figures.", "grid("))
    for output in outputs(book):
        assert output.output_type in ("stream", "execute_result")
        assert output.get("name", "stdout") == "stdout"
        found = MACHINE.search(output.get("text", "") + output.get("data", {}).get("text/plain", ""))
        assert not found, found


@pytest.mark.slow
def test_both_run_on_a_tiny_model(build, tmp_path, monkeypatch):
    """At the same time, each in a kernel of its own."""
    monkeypatch.setenv("PYTHONPATH", str(Path(figures.__file__).parents[3]))
    path = tmp_path / "tiny.safetensors"
    network = dataclasses.replace(tiny.NETWORK, vector_channels=0)
    sampling = SamplingConfig(steps=3)
    chained(40, conditioners=(), network=network, predicts="eps", sampling=sampling).save(path)
    books = [build.notebook(language, model=str(path)) for language in LANGUAGES]
    with ThreadPoolExecutor() as pool:
        english, french = pool.map(build.executed, books)
    for book in (english, french):
        check_outputs(book)
    assert outputs(english) == outputs(french), "one thread computes, so that a run can be repeated"


def test_cells_of_a_source(build):
    prose = "# %% [markdown] en\n# # Title\n#\n# text\n# %% [markdown] fr\n# # Titre\n"
    found = [(cell.language, cell.text) for cell in build.cells(f"# ignored\n\n{prose}# %%\nx = 1  # one\n\n")]
    assert found == [("en", "# Title\n\ntext"), ("fr", "# Titre"), (None, "x = 1  # one")]


def test_french_spaces_stay_out_of_displayed_equations(build):
    assert build.typeset("Ici :\n$$a ; b! : c$$\nfin ;") == "Ici\u00a0:\n$$a ; b! : c$$\nfin\u202f;"
