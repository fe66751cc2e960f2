"""Imports go downwards: each package of debruit imports itself and what stands before it here."""

import ast
import re
import sys
from pathlib import Path

import debruit

ROOT = Path(debruit.__file__).parent
ARCHITECTURE = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text()
LAYERS = (
    "errors", "events", "ranges", "rng", "finite", "protocols", "seams", "config", "overrides", "provenance", "device",
    "text", "files", "images", "diffusion",
    "sampling", "networks", "autoencoders", "annotations", "data", "conditioning", "models", "editing", "metrics",
    "judges", "training", "planning",
    "evaluation", "reports", "lecture", "recipes", "workflows", "apps", "__main__",
)  # fmt: skip


def test_imports_go_downwards():
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted(ROOT.rglob("*.py"))
        if path.parent != ROOT or path.stem != "__init__"  # it knows nothing but the paths of what it gives
        for line, name in imports(ast.parse(path.read_text()))
        if layer(".".join(path.relative_to(ROOT).with_suffix("").parts)) < layer(name)
    ]
    assert not wrong, wrong


def test_every_package_has_its_place():
    found = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert found - {"__init__"} == {*LAYERS}


def test_diffusion_and_sampling_know_torch_alone():
    foreign = {
        name.partition(".")[0]
        for package in ("diffusion", "sampling")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _absolute(node)
    }
    assert foreign - sys.stdlib_module_names - {"torch", "debruit"} == set()


def test_a_wrong_import_is_seen():
    inside = (
        "def late():\n    from debruit.training import fit\n\nfrom debruit import config, "
        "__version__\nimport debruit.apps.cli"
    )
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from debruit.models.diffusion import Model"
    assert {name for _, name in imports(ast.parse(inside))} == {"training.fit", "config", "apps.cli"}
    assert {name for _, name in imports(ast.parse(typed))} == {"models.diffusion.Model"}
    assert layer("networks.unet") < layer("conditioning.text.Text") < layer("training.loop")


def test_the_documented_arrows_are_the_imports():
    """docs/architecture.md has an arrow for each import that no longer path of arrows implies."""
    graph = {folder: set() for folder in LAYERS[LAYERS.index("diffusion") : LAYERS.index("__main__")]}
    for folder in graph:
        for path in (ROOT / folder).rglob("*.py"):
            graph[folder] |= {name.partition(".")[0] for _, name in imports(ast.parse(path.read_text()))}
        graph[folder] &= graph.keys() - {folder}
    reached: dict[str, set[str]] = {}
    for folder, direct in graph.items():  # upwards, so that those below are known
        reached[folder] = direct.union(*(reached[below] for below in direct))
    arrows = {folder: direct - set().union(*(reached[d] for d in direct)) for folder, direct in graph.items()}
    rows = [
        line.split("|")[1:4] for line in ARCHITECTURE.splitlines() if line.startswith("| `") and line.count("|") == 4
    ]
    documented = {folder.strip(" `/"): set(re.findall(r"`(\w+)/`", to)) for folder, _, to in rows}
    assert {folder: documented.get(folder) for folder in arrows} == arrows


def test_all_modules_at_the_root_are_documented():
    paragraph = ARCHITECTURE.partition("Modules of their own at the root:")[2].partition("\n\n")[0]
    found = {path.stem for path in ROOT.glob("*.py")} - {"__init__", "__main__"}
    assert set(re.findall(r"`(\w+)\.py`", paragraph)) == found


def layer(name: str) -> int:
    """Of a module, by its path inside debruit."""
    return LAYERS.index(name.partition(".")[0])


def imports(tree: ast.Module) -> list[tuple[int, str]]:
    """(line, path inside debruit) of each import of a module of debruit: at the top, in a function, or for types
    alone."""
    return [
        (node.lineno, ".".join(parts[1:]))
        for node in ast.walk(tree)
        for name in _absolute(node)
        if (parts := name.split("."))[0] == "debruit" and len(parts) > 1 and parts[1] in LAYERS
    ]


def _absolute(node: ast.AST) -> list[str]:
    """The modules that a statement imports, as far as can be said: `from a import b` may mean the module a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []
