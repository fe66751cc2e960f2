"""A recipe is frozen: it imports no planner, says every setting itself, and encodes to the same configuration as long
as it has its name.

`python tests/recipes/test_frozen.py` writes the hashes of the recipes as they are to frozen.json.
"""

import ast
import hashlib
import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import debruit
import debruit.planning
import debruit.recipes
from debruit.config import encode
from debruit.recipes import recipes

HASHES = Path(__file__).with_name("frozen.json")
FOLDER = Path(debruit.recipes.__file__).parent


def digest(name: str) -> str:
    """SHA-256 of the canonical JSON of a recipe's configuration."""
    canonical = json.dumps(encode(recipes()[name]()), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def digests() -> dict[str, str]:
    return {name: digest(name) for name in sorted(recipes())}


def test_nothing_in_recipes_imports_the_planner():
    for path in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            assert not any("planning" in module.split(".") for module in modules), f"{path.name} imports the planner"


@pytest.mark.parametrize("name", sorted(recipes()))
def test_a_recipe_has_its_hash(name):
    assert digest(name) == json.loads(HASHES.read_text()).get(name), (
        f"the recipe {name} is frozen: whoever trained it before must get the same model by its name, and its "
        "configuration has changed. "
        "If you changed the recipe, put it back, and give the new settings a name of their own. If you added a field "
        "to a configuration "
        "class, with the value that keeps what the recipe did, or the recipe is new, run `python "
        "tests/recipes/test_frozen.py` and commit "
        "frozen.json"
    )


def test_every_hash_has_its_recipe():
    missing = set(json.loads(HASHES.read_text())) - set(recipes())
    assert not missing, f"a frozen recipe keeps its name; these are gone: {', '.join(sorted(missing))}"


def test_the_planner_changes_no_recipe(monkeypatch):
    """Every number that the planner's modules name is another one; so are its functions' answers."""
    before = digests()
    names = [module.name for module in pkgutil.iter_modules(debruit.planning.__path__, "debruit.planning.")]
    modules = [importlib.import_module(name) for name in names]  # all first: an import would keep what is patched
    for module in modules:
        for name, value in vars(module).items():
            if name.isupper() and isinstance(value, int | float) and not isinstance(value, bool):
                monkeypatch.setattr(module, name, value * 2 + 1)
            elif callable(value) and getattr(value, "__module__", "") == module.__name__:
                monkeypatch.setattr(module, name, None)
    assert digests() == before


def test_a_recipe_says_every_setting_itself(monkeypatch):
    """Without the defaults of every configuration class the recipes are the same. A field that is added to such a class
    goes, with the value that keeps what the recipes do, into recipes/settings.py or into the recipe."""
    before = digests()
    for cls in {cls for name in recipes() for cls in configuration_classes(recipes()[name]())}:
        monkeypatch.setattr(cls.__init__, "__kwdefaults__", None)
        monkeypatch.setattr(cls.__init__, "__defaults__", None)
    assert digests() == before


def configuration_classes(value) -> Iterator[type]:
    """The dataclasses that a configuration is made of."""
    if is_dataclass(value) and not isinstance(value, type):
        yield type(value)
        for item in vars(value).values():
            yield from configuration_classes(item)
    elif isinstance(value, tuple):
        for item in value[:20]:
            yield from configuration_classes(item)


if __name__ == "__main__":
    HASHES.write_text(json.dumps(digests(), indent=2) + "\n")
