"""The built wheel works in an environment of its own; the files that people expect next to the code name what is
there."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import debruit

ROOT = Path(__file__).parents[1]
DATA = (
    "py.typed",
    "lecture/assets/page.html",
    "lecture/assets/page.css",
    "models/weights/openmoji-64.safetensors",
    "models/weights/ddpm-fashion.safetensors",
)


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a command that has nothing of this process's environment for Python and debruit."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DEBRUIT", "VIRTUAL_ENV"))}
    env["DEBRUIT_CACHE"] = str(cwd / "cache")
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that nothing of an earlier build is in it."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "src", folder / "tree" / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "tree")
    command = ("pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, folder / "tree")
    run(sys.executable, "-m", *command, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_package(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    here = {str(path.relative_to(source)) for path in (source / "debruit").rglob("*.py")}
    here |= {f"debruit/{name}" for name in DATA}
    here |= {str(path.relative_to(source)) for path in (source / "debruit" / "lecture" / "assets").rglob("*.*")}
    assert not here - inside
    assert not any(name.startswith("tests/") for name in inside)


@pytest.mark.slow
def test_the_wheel_draws_an_image_from_an_environment_of_its_own(wheel, tmp_path):
    """The environment is empty but for this wheel; its dependencies are those of the environment of the tests, by a
    path file."""
    venv.create(tmp_path / "env", with_pip=True)
    bin, elsewhere = tmp_path / "env" / "bin", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (packages,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(
        bin / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--force-reinstall",
        wheel,
        cwd=elsewhere,
    )
    where = run(bin / "python", "-c", "import debruit; print(debruit.__file__)", cwd=elsewhere)
    assert Path(where.strip()).is_relative_to(packages)
    run(
        bin / "debruit",
        "sample",
        "openmoji-64",
        "--prompt",
        "cat",
        "-n",
        "1",
        "--steps",
        "2",
        "--out",
        "cat.png",
        cwd=elsewhere,
    )
    assert Image.open(elsewhere / "cat.png").size == (64, 64)


def test_the_citation_names_this_version_and_licence():
    text = (ROOT / "CITATION.cff").read_text()
    assert f"version: {debruit.__version__}\n" in text
    assert re.search(r'license = "(.+)"', (ROOT / "pyproject.toml").read_text())[1] in text
    assert text.startswith("cff-version: 1.2.0\n")
    assert {"message", "title", "authors", "type"} <= {line.partition(":")[0] for line in text.splitlines()}


def test_the_hooks_and_the_hosted_checks_run_what_is_there():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert "run: .ci/run" in workflow
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert [f"entry: .venv/bin/{tool}" in hooks for tool in ("ruff check", "ruff format", "ty check")] == [True] * 3
