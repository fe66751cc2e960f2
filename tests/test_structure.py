"""The shape of the code: packages that stay small enough to know, modules that can be read in one go, imports without
circles."""

import ast
from collections import defaultdict
from pathlib import Path
from statistics import median

import debruit

ROOT = Path(debruit.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}
LINES = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
LARGEST_SHARE, LONGEST, MEDIAN = 0.18, 350, 150


def test_no_package_holds_more_than_its_share():
    sizes: dict[str, int] = defaultdict(int)
    for name, lines in LINES.items():
        sizes[name.partition(".")[0]] += lines
    large = {name: lines for name, lines in sizes.items() if lines > LARGEST_SHARE * sum(LINES.values())}
    assert not large, f"more than {LARGEST_SHARE:.0%} of {sum(LINES.values()):,} lines: {large}"


def test_modules_are_short():
    long = {name: lines for name, lines in LINES.items() if lines > LONGEST}
    assert not long, f"modules of more than {LONGEST} lines: {long}"
    assert median(lines for lines in LINES.values() if lines > 1) < MEDIAN


def test_there_is_no_circle_of_imports():
    """Also none of imports for types alone, or inside of functions."""
    circles = [sorted(group) for group in strongly_connected(imports()) if len(group) > 1]
    assert not circles, circles


def test_circles_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert sorted(sorted(group) for group in strongly_connected(graph) if len(group) > 1) == [["b", "c"]]


def imports() -> dict[str, set[str]]:
    """Module -> the modules that it imports, anywhere in it. A package stands for its __init__ alone."""
    graph: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        targets = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                targets |= {_module(alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                targets |= {_module(f"{node.module}.{alias.name}") for alias in node.names}
        graph[name] = targets - {"", name}
    return graph


def _module(path: str) -> str:
    """The longest part of a dotted path that is a module of debruit, without the package's name; "" for other paths."""
    if not path.startswith("debruit."):
        return ""
    parts = path.split(".")[1:]
    return next((name for k in range(len(parts), 0, -1) if (name := ".".join(parts[:k])) in MODULES), "")


def strongly_connected(graph: dict[str, set[str]]) -> list[set[str]]:
    """Tarjan's components, without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups = []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(sorted(graph[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in graph:
                    continue
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    work.append((target, iter(sorted(graph[target]))))
                    break
                if target in stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = set(stack[stack.index(node) :])
                    del stack[stack.index(node) :]
                    groups.append(group)
    return groups
