"""Every command in the README and the docs runs: `debruit` lines are executed on small data, one file's after another
in one folder. So do the Python blocks of docs/python.md."""

import contextlib
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import judging
from debruit.apps.cli import main
from debruit.files.keys import source_folder
from debruit.lecture import effort, study
from documented import installed_condition
from emoji_packages import write_all

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SMALL = [
    "--set",
    "model.network.channels=8",
    "--set",
    "model.network.groups=4",
    "--set",
    "model.network.head_channels=8",
    "--batch",
    "16",
]


def commands(document):
    """The `debruit` lines of a document's shell blocks, without comments."""
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", document.read_text(), flags=re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("debruit ")]


SMALL_AUTOENCODER = [
    "--set",
    "model.codec.coder.channels=8",
    "--set",
    "model.codec.coder.groups=4",
    "--set",
    "criterion.perceptual=null",
    "--batch",
    "16",
]
JUDGED = {
    "evaluate": ["-n", "12", "--likelihood-images", "2"],
    "compare": ["-n", "12"],
    "sweep-samplers": ["-n", "12", "--evaluations", "2,3", "--budget", "3"],
}


def shortened(arguments):
    """The same command with a length and a width that a test can afford."""
    if arguments[0] in JUDGED:
        return [*without(arguments, ["-n", "--evaluations", "--budget"]), *JUDGED[arguments[0]]]
    if arguments[0] == "distill" and "--dry-run" not in arguments:
        return [*without(arguments, ["--minutes", "--images"]), "--images", "32"]
    if arguments[0] != "train":
        return arguments
    length = "64" if "--resume" in arguments else "32"
    arguments = [*without(arguments, ["--minutes", "--images", "--batch"]), "--images", length]
    if "--resume" in arguments or "--dry-run" in arguments:
        return arguments
    return [*arguments, *(SMALL_AUTOENCODER if arguments[1] == "autoencoder" else SMALL)]


def without(arguments, flags):
    """The arguments without these flags and their values."""
    for flag in flags:
        if flag in arguments:
            place = arguments.index(flag)
            arguments = arguments[:place] + arguments[place + 2 :]
    return arguments


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """The current directory, with the folder my_photos in it."""
    monkeypatch.chdir(tmp_path)
    for k in range(24):
        folder = tmp_path / "my_photos" / ("cats" if k % 2 else "dogs")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (10 * k, 255 - 10 * k, 99)).save(folder / f"{k}.png")
    return tmp_path


def test_python_blocks_run(photos, monkeypatch):
    """In order, in one namespace, with trainings of a length and a width that a test can afford."""
    import debruit.workflows.train  # before anything is replaced: it holds the function by name
    from debruit.workflows import resolve as resolving

    honest = resolving.resolve
    small = {"model.network.channels": 8, "model.network.groups": 4, "model.network.head_channels": 8}
    small |= {"every.report_images": 16}

    def shorter(request):
        images = request.images if request.images and request.images >= 100_000 else 32
        changes = small | (request.set if isinstance(request.set, dict) else {})
        return honest(replace(request, minutes=None, images=images, batch=16, set=changes))

    monkeypatch.setattr(resolving, "resolve", shorter)
    monkeypatch.setattr(debruit.workflows.train, "resolve", shorter)
    namespace = {}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), flags=re.DOTALL):
        exec(compile(block.replace("3_000", "48"), "docs/python.md", "exec"), namespace)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_every_command_runs(document, photos, tmp_path, monkeypatch, fashion_look_alike):
    if document.name == "data.md":
        write_all(source_folder("emoji"), ("noto", "twemoji", "fxemoji"))
    judging.look_through(judging.Projection(), monkeypatch)  # the feature network has its own tests
    monkeypatch.setattr(study, "FULL", effort.QUICK[-1])  # of the lecture page
    halves = Image.linear_gradient("L").point(lambda value: 255 * (value >= 128))
    halves.save(tmp_path / "mask.png")  # half of it is white
    with installed_condition(tmp_path) if document.name == "conditions.md" else contextlib.nullcontext():
        run_commands(document)


def run_commands(document):
    """Run every command of a document; each must succeed."""
    for line in commands(document):
        arguments = shlex.split(re.sub(r"\s#\s.*", "", line))[1:]
        if arguments[:2] == ["data", "get"]:
            continue  # installs packages: tests/data/test_get.py
        code = main(shortened(arguments))
        assert code == 0, line
