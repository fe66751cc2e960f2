"""What benchmarks import from the package exists, and the request of a training stays on a short path."""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"


def imported(source: str) -> Iterator[tuple[str, str]]:
    """(module, name) of everything that a script imports from debruit, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "debruit":
            yield from ((node.module or "", alias.name) for alias in node.names)


@pytest.mark.parametrize("script", sorted(BENCH.rglob("*.py")), ids=lambda path: str(path.relative_to(BENCH)))
def test_what_a_benchmark_imports_exists(script):
    for module, name in imported(script.read_text()):
        inside = importlib.import_module(module)
        assert hasattr(inside, name) or importlib.import_module(f"{module}.{name}"), f"{module} has no {name}"


def test_the_request_of_a_training_visits_few_files():
    """docs/architecture.md states the bounds: 15 files, 8 climbs. Traced in a process of its own."""
    command = [sys.executable, BENCH / "request_path.py", "digits", "--images", "64", "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    counts = re.search(r"(\d+) files, (\d+) climbs", done.stdout)
    assert counts, done.stdout
    assert int(counts[1]) <= 15, done.stdout
    assert int(counts[2]) <= 8, done.stdout
