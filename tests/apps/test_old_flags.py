"""Former names of flags and verbs still work, and are not shown."""

import contextlib

import numpy as np
import pytest
from PIL import Image

import judging
import painted
from debruit.apps.cli import main
from debruit.apps.cli.old_flags import FLAGS, VERBS, renamed
from debruit.judges import find
from debruit.models.diffusion import load

CASES = [(verb, old, new) for verb, names in FLAGS.items() for old, new in names.items()]


@pytest.mark.parametrize(("verb", "old", "new"), CASES)
def test_an_old_flag_means_the_new_one_and_is_hidden(verb, old, new, capsys):
    assert renamed([verb, "m", old, "1", f"{old}=2"]) == [verb, "m", new, "1", f"{new}=2"]
    with contextlib.suppress(SystemExit):
        main([verb, "--help"])
    words = capsys.readouterr().out.split()
    assert any(word.strip(",") == new for word in words)
    assert not any(word.strip(",") == old for word in words)


@pytest.mark.parametrize(("old", "new"), VERBS.items())
def test_an_old_verb_means_the_new_one_and_is_hidden(old, new, capsys):
    assert renamed([old, "m"]) == [new, "m"]
    with contextlib.suppress(SystemExit):
        main(["--help"])
    words = capsys.readouterr().out.split()
    assert new in words
    assert old not in words


def test_what_is_no_old_name_stays():
    assert renamed([]) == []
    assert renamed(["train", "--interval", "3"]) == ["train", "--interval", "3"]
    assert renamed(["sample", "--prompt", "a --jump"]) == ["sample", "--prompt", "a --jump"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of classes, an image, a mask of its middle, and a folder of captioned images."""
    folder = tmp_path_factory.mktemp("old")
    painted.model(labels=True).save(folder / "m.safetensors")
    for k, pixels in enumerate(painted.photos(8)):
        image = Image.fromarray(pixels.permute(1, 2, 0).numpy())
        (folder / "captioned").mkdir(exist_ok=True)
        image.resize((8, 8)).save(folder / "captioned" / f"{k}.png")
        (folder / "captioned" / f"{k}.txt").write_text("a red square")
    image.save(folder / "0.png")
    mask = np.zeros((16, 16), np.uint8)
    mask[4:9, 5:12] = 255
    Image.fromarray(mask).save(folder / "hole.png")
    (folder / "vocabulary.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "red", "square"]))
    return folder


SAMPLE = "sample m.safetensors --label cats --guidance 3 -n 1 --steps 4"
EDIT = "edit m.safetensors --image 0.png --inpaint hole.png --steps 6 --resamplings 2"


@pytest.mark.parametrize(
    ("command", "old", "value"),
    [
        (SAMPLE, "--interval", "0.4,0.6"),
        (SAMPLE, "--rescale", "0.9"),
        (SAMPLE, "--weaker", "m.safetensors"),
        (EDIT, "--jump", "3"),
    ],
)
def test_an_old_flag_gives_the_images_of_the_new_one(command, old, value, folder, monkeypatch):
    monkeypatch.chdir(folder)

    def images(*flags):
        assert main([*command.split(), *flags, "--out", "x.npy"]) == 0
        return np.load("x.npy")

    present = images(FLAGS[command.split()[0]][old], value)
    assert (images(old, value) == present).all()
    assert (images(f"{old}={value}") == present).all()
    assert (images() != present).any(), "the flag matters"


def test_words_chooses_the_vocabulary_of_a_training(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    command = "train captioned --condition text --pixels --images 8 --batch 4 --words vocabulary.txt"
    small = ["model.network.channels=8", "model.network.head_channels=8", "model.network.groups=4"]
    out = ["--out", str(tmp_path / "a"), *(part for change in small for part in ("--set", change))]
    assert main([*command.split(), *out]) == 0
    (text,) = load(tmp_path / "a", "cpu").config.conditioners
    assert text.tokenizer.vocabulary[-3:] == ("a", "red", "square")


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("evaluate", ["-n", "8", "--metrics", "frechet"]),
        ("compare", ["-n", "8", "--metrics", "frechet"]),
        ("sweep-samplers", ["-n", "8", "--evaluations", "2", "--budget", "2"]),
        ("samplers", ["-n", "8", "--evaluations", "2", "--budget", "2"]),
    ],
)
def test_network_names_the_feature_network(verb, options, tmp_path, monkeypatch):
    names = []

    def find_extractor(name, dataset=None, **_):
        names.append(name)
        return judging.Projection()

    monkeypatch.setattr(find, "find_extractor", find_extractor)
    run = judging.trained(tmp_path / "a", images=32)
    models = [str(run), str(judging.trained(tmp_path / "b", images=32))] if verb == "compare" else [str(run)]
    command = [verb, *models, "--data", "digits", *options, "--network", "mine.onnx", "--out", str(tmp_path / "out")]
    assert main(command) == 0
    assert set(names) == {"mine.onnx"}
    assert (tmp_path / "out" / "report.html").exists()
