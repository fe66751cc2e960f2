"""The shape of the code: packages that stay small enough to know, modules that can be read in one go, imports without
circles; below apps/ no terminal and no setting of the process."""

import ast
from collections import defaultdict
from pathlib import Path
from statistics import median

import pytest

import debruit

ROOT = Path(debruit.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}
LINES = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
LARGEST_SHARE, LONGEST, MEDIAN = 0.18, 350, 150
BUILTINS = ("print", "breakpoint", "exit", "quit")
OF_THE_PROCESS = (  # what apps/ alone may use: the terminal, the command line, settings of the whole process
    *BUILTINS, "sys.argv", "sys.stdin", "sys.stdout", "sys.stderr", "sys.exit",
    "sys.__stdout__", "sys.__stderr__", "sys.excepthook", "signal", "argparse", "rich.print", "rich.console",
    "rich.progress", "warnings.filterwarnings", "warnings.showwarning", "os.chdir", "os.umask", "os.putenv", "os._exit",
    "os.environ.setdefault", "os.environ.update", "os.environ.pop", "os.environ.clear", "torch.set_default_dtype",
    "torch.set_default_device", "torch.set_float32_matmul_precision", "torch.use_deterministic_algorithms",
    "torch.backends.cudnn.flags",
)  # fmt: skip
WRITTEN = ("os.environ", "torch.backends", "sys", "warnings", "signal")  # and what nobody else may assign to


def test_no_package_holds_more_than_its_share():
    sizes: dict[str, int] = defaultdict(int)
    for name, lines in LINES.items():
        sizes[name.partition(".")[0]] += lines
    large = {name: lines for name, lines in sizes.items() if lines > LARGEST_SHARE * sum(LINES.values())}
    assert not large, f"more than {LARGEST_SHARE:.0%} of {sum(LINES.values()):,} lines: {large}"


def test_files_of_tests_have_names_of_their_own():
    """pytest imports them without a package: two of one name cannot be collected together."""
    names = [path.name for path in Path(__file__).parent.rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))


def test_modules_are_short():
    long = {name: lines for name, lines in LINES.items() if lines > LONGEST}
    assert not long, f"modules of more than {LONGEST} lines: {long}"
    assert median(lines for lines in LINES.values() if lines > 1) < MEDIAN


def test_nothing_below_apps_prints_or_changes_the_process():
    wrong = {
        name: uses
        for name, path in MODULES.items()
        if name.partition(".")[0] not in ("apps", "__main__")
        and (uses := uses_of_the_process(ast.parse(path.read_text())))
    }
    assert not wrong, wrong


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("print(1)", ["print"]),
        ("show = print", ["print"]),
        ("import sys\nsys.stdout.write(1)", ["sys.stdout"]),
        ("import sys as s\ndef f(): s.argv[1:]", ["sys.argv"]),
        ("def f():\n    from sys import stderr", ["sys.stderr"]),
        ("import signal", ["signal"]),
        ("from signal import SIGINT, signal", ["signal"]),
        ("from rich.console import Console", ["rich.console"]),
        ("import os\nos.environ['A'] = 'b'", ["os.environ"]),
        ("from os import environ\nenviron.setdefault('A', 'b')", ["os.environ.setdefault"]),
        ("from torch.backends import cudnn\ncudnn.allow_tf32 = True", ["torch.backends"]),
        ("import os, sys\nself.print(sys.modules, os.environ.get('A'), os.environ['A'])  # print(sys.argv)", []),
        ("def f(signal): return signal.shape, input, sys.argv", []),
    ],
)
def test_uses_of_the_process_are_found(code, found):
    assert uses_of_the_process(ast.parse(code)) == found


def test_there_is_no_circle_of_imports():
    """Also none of imports for types alone, or inside of functions."""
    circles = [sorted(group) for group in strongly_connected(imports()) if len(group) > 1]
    assert not circles, circles


def test_circles_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert sorted(sorted(group) for group in strongly_connected(graph) if len(group) > 1) == [["b", "c"]]


def uses_of_the_process(tree: ast.Module) -> list[str]:
    """The names of OF_THE_PROCESS that are used or imported; of WRITTEN those that are assigned to or deleted. A
    variable may have the name of a module that is not imported."""
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    found = {name for full in imported.values() if (name := _within(full, OF_THE_PROCESS))}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            first, dot, rest = _dotted(node).partition(".")
            full = imported.get(first, first if first in BUILTINS else "") + dot + rest
            names = OF_THE_PROCESS if isinstance(node.ctx, ast.Load) else WRITTEN
            found |= {name for name in [_within(full, names)] if name}
    return sorted(found)


def _within(path: str, names: tuple[str, ...]) -> str:
    """The one of these names that a dotted path is, or is inside of; "" for other paths."""
    return next((name for name in names if f"{path}.".startswith(f"{name}.")), "")


def _dotted(node: ast.expr) -> str:
    """The text "a.b.c" of names and attributes, subscripts left out; "" for other expressions."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Subscript):
        return _dotted(node.value)
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


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
