"""The data that a model was trained on is found again as it was then, by its run folder and by its file alone; so what
it never saw is known."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tiny
from PIL import Image

import debruit.device
from debruit.data.source import findable, of_record, recorded
from debruit.data.sources.fashion_mnist import FashionMnist
from debruit.data.sources.folder import Folder
from debruit.data.sources.openmoji.openmoji import OpenMoji
from debruit.data.split import split
from debruit.errors import InputError
from debruit.evaluation.splits import split_for_evaluation
from debruit.lecture.example import find_example
from debruit.models.loaded import LoadedModel
from debruit.training.run_folder import RunFolder
from debruit.training.supervisor import fit
from debruit.workflows.evaluation_data import find_data

NAME = "openmoji/activities"


def trained(path, source):
    """The run folder of a model that saw a few images of this source, without conditions."""
    dataset = source.build()
    network = replace(tiny.NETWORK, vector_channels=0)
    run = tiny.run(source=source, images=16, batch=8, validation_images=5)
    run = replace(run, model=replace(run.model, data=dataset.spec, network=network, conditioners=()))
    list(fit(RunFolder.create(path, run), dataset, debruit.device.choose_device("cpu")))
    return path


@pytest.fixture(scope="module")
def emoji(tmp_path_factory):
    """Drawings whose source has no field as it is by default."""
    root = tmp_path_factory.mktemp("runs")
    source = OpenMoji(size=8, groups=("activities",), background="black", masks=True, languages=("en", "fr"))
    run = trained(root / "a", source)
    shutil.copy(run / "model.safetensors", root / "alone.safetensors")
    return run, root / "alone.safetensors"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    (root / "photos").mkdir()
    generator = np.random.default_rng(0)
    for k in range(24):
        pixels = generator.integers(0, 256, (20, 20, 4), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "photos" / f"{k}.png")
    run = trained(root / "a", Folder(path=str(root / "photos"), size=8, background="black"))
    shutil.copy(run / "model.safetensors", root / "alone.safetensors")
    return root / "photos", root / "alone.safetensors"


def check_own(model, data):
    """That the data is the model's own, and the images are held out that its training has held out."""
    subject = LoadedModel.open(str(model), "cpu")
    dataset = find_data(data, subject)
    assert dataset.spec == subject.data
    division = split_for_evaluation(subject.model, dataset, 8)
    assert division.own
    assert division.held_out.tolist() == split(len(dataset), 5, 3)[1].tolist()
    return dataset


@pytest.mark.parametrize("data", [None, NAME])
@pytest.mark.parametrize("alone", [False, True])
def test_what_a_model_never_saw_is_known(emoji, alone, data):
    dataset = check_own(emoji[alone], data)
    assert dataset.masks is not None
    assert {len(of) for of in dataset.texts} == {1, 2}


def test_another_part_of_the_drawings_is_other_data(emoji):
    subject = LoadedModel.open(str(emoji[1]), "cpu")
    dataset = find_data("openmoji/component", subject)
    assert dataset.spec.shape == subject.data.shape
    assert not split_for_evaluation(subject.model, dataset, 8).own


@pytest.mark.parametrize("alone", [False, True])
def test_explained_is_an_image_that_the_training_has_held_out(emoji, alone):
    model, said = debruit.load(emoji[alone], "cpu"), []
    found = find_example(model, None, path=emoji[alone], seed=2)
    assert "a held-out image of the training data (openmoji, " in found.origin[0], said


def test_a_folder_is_read_as_it_was_once_it_is_named(photos, heard):
    folder, alone = photos
    check_own(alone, str(folder))
    with pytest.raises(
        InputError, match=r"name the data to compare .*alone.safetensors with: --data SOURCE; it was trained on photos"
    ):
        find_data(None, LoadedModel.open(str(alone), "cpu"))
    assert "a sample of the model" in find_example(debruit.load(alone, "cpu"), None, path=alone).origin[0]
    assert any("the training data is not available" in event.message for event in heard)


def test_a_folder_of_another_name_is_other_data(photos, tmp_path):
    shutil.copytree(photos[0], tmp_path / "others")
    (tmp_path / "others" / "0.png").unlink()
    dataset = find_data(str(tmp_path / "others"), subject := LoadedModel.open(str(photos[1]), "cpu"))
    assert dataset.spec.shape == subject.data.shape
    assert dataset.spec.fingerprint != subject.data.fingerprint


def test_a_model_file_does_not_say_where_the_data_lies(photos):
    folder, alone = photos
    provenance = debruit.load(alone, "cpu").provenance
    assert provenance["source"]["path"] == "photos"
    assert str(folder.parent) not in json.dumps(provenance)
    assert recorded(FashionMnist(folder="/home/somebody/garments")) == recorded(FashionMnist())


def test_records():
    source = OpenMoji(size=8, languages=("fr",))
    assert of_record({"source": recorded(source)}) == source
    assert findable(source)
    assert not findable(Folder(path="photos"))
    for unknown in (
        {},
        {"source": None},
        {"source": {"type": "debruit.data.later.Later"}},
        {"source": {"type": "os.path"}},
    ):
        assert not findable(of_record(unknown))
