"""Benchmarks are not run here, but what they import from the package exists."""

import ast
import importlib
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
