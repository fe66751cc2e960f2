"""Which images are trained on: groups are held out whole, the user's own parts are kept, and without either every image
is drawn as before."""

import json
import unicodedata

import numpy as np
import pytest
from PIL import Image

from debruit.annotations.custom_split import NEITHER, TEST, TRAINING, VALIDATION, part_of_file, parts_of
from debruit.annotations.image_classes import classify
from debruit.data.groups import groups_of
from debruit.data.sources.folder import Folder
from debruit.data.split import Split, SplitConfig, judging, make_split, split, split_of_model
from debruit.errors import InputError
from debruit.rng import split_permutation


@pytest.fixture
def data(folder, noise):
    """data(["p1_0.png", ...], {"metadata.csv": b"..."}): a data set of images of these names, and these files beside
    them."""

    def make(names, files=(), name="photos"):
        return Folder(
            path=str(folder({path: noise(4, 4, seed=n) for n, path in enumerate(names)} | dict(files), name))
        ).build()

    return make


def divided(dataset, count: int, seed: int, **how) -> Split:
    return make_split(dataset, SplitConfig(validation_images=count, seed=seed, **how))


PATIENTS = [f"p{patient}_{n}.png" for patient in range(12) for n in range(1 + patient % 4)]  # 30 images


def of_patients(dataset, indices):
    return {dataset.paths[n].partition("_")[0] for n in indices}


def test_without_groups_and_parts_images_are_drawn_as_ever(data):
    dataset = data(PATIENTS)
    order = split_permutation(30, 7)
    found = divided(dataset, 8, 7)
    assert found.validation.tolist() == sorted(order[:8].tolist())
    assert found.train.tolist() == sorted(order[8:].tolist())
    np.testing.assert_array_equal(found.test, found.validation)
    assert found.lines == ()
    np.testing.assert_array_equal(split(30, 8, 7)[1], found.validation)
    recorded = split_of_model(dataset, {"held_out_images": 8, "seed": 7})  # as openmoji-64 records it
    np.testing.assert_array_equal(recorded.validation, found.validation)


@pytest.mark.parametrize("wanted", [1, 2, 5, 8, 15])
@pytest.mark.parametrize("seed", range(5))
def test_a_group_is_never_on_both_sides_and_the_count_is_near(data, wanted, seed):
    dataset = data(PATIENTS)
    found = divided(dataset, wanted, seed, group=r"p(\d+)_")
    assert sorted([*found.train, *found.validation]) == list(range(30))
    assert not of_patients(dataset, found.train) & of_patients(dataset, found.validation)
    assert abs(len(found.validation) - wanted) <= 1
    assert found.lines[0] == (
        f"groups by the pattern p(\\d+)_: {len(of_patients(dataset, found.train))} of 12 with {len(found.train)} "
        "images are trained on, "
        f"{len(of_patients(dataset, found.validation))} with {len(found.validation)} "
        f"image{'s' * (len(found.validation) > 1)} are held out"
    )


def test_groups_from_columns_folders_and_patterns_are_the_same(data):
    table = "file_name,Patient\n" + "".join(f"{name},{name.partition('_')[0]}\n" for name in PATIENTS)
    by_table = data(PATIENTS, {"metadata.csv": table.encode()}, "table")
    lines = "\n".join(
        json.dumps({"file_name": name, "patient": name.partition("_")[0], "text": "x"}) for name in PATIENTS
    )
    by_json = data(PATIENTS, {"captions.jsonl": lines.encode()}, "json")
    in_folders = data([name.replace("_", "/") for name in PATIENTS], name="folders")
    names = [
        groups_of(dataset, asked).names
        for dataset, asked in (
            (by_table, "patient"),
            (by_table, "column:Patient"),
            (by_json, "patient"),
            (in_folders, "folder"),
            (by_table, r"(p\d+)_"),
            (in_folders, r"(p\d+)/"),
        )
    ]
    assert all(set(found) == {f"p{n}" for n in range(12)} for found in names)


def test_images_without_a_group_are_groups_by_themselves(data):
    dataset = data([*PATIENTS, "x.png", "y.png"])
    found = divided(dataset, 8, 0, group=r"p(\d+)_")
    assert found.lines[0].startswith("groups by the pattern p(\\d+)_: ")
    assert " of 14 with " in found.lines[0]
    assert found.lines[1] == "2 images without a group, each a group by itself: x.png, y.png"


def test_folders_of_classes_and_of_parts_are_no_groups(data):
    names = [
        f"{part}/{kind}/p{patient}/{n}.png"
        for part in ("train", "val")
        for kind in ("benign", "malignant")
        for patient in range(3)
        for n in range(2)
    ]
    dataset = data(names)
    assert dataset.spec.class_names == ("benign", "malignant")
    assert set(groups_of(dataset, "folder").names) == {"p0", "p1", "p2"}
    classes = data(["cat/0.png", "cat/1.png", "dog/0.png"], name="classes")
    assert set(groups_of(classes, "folder").names) == {"cat", "dog"}


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            "patiennt",
            r"photos has no such column, did you mean 'patient'\?; its columns are patient, site; give one of them, "
            r"folder, or a pattern",
        ),
        ("column:age", "has no such column; its columns are patient, site"),
        ("p(", r"this is no pattern \(missing \)"),
        (r"(?:p)\d", "the pattern says by no brackets which part of a name is the group"),
        (r"z(\d+)", r"none of 30 images has a group \(the first: p0_0.png\), by the pattern"),
        ("site", "all 30 images are of one group, a: nothing could be held out"),
    ],
)
def test_groups_that_cannot_be_made(data, asked, sentence):
    table = "file_name,patient,site\n" + "".join(f"{name},{name[:2]},a\n" for name in PATIENTS)
    dataset = data(PATIENTS, {"metadata.csv": table.encode()})
    with pytest.raises(InputError, match=f"--group .*: .*{sentence}"):
        divided(dataset, 8, 0, group=asked)


def test_a_judge_is_measured_on_whole_groups(data):
    dataset, indices = data(PATIENTS), np.arange(2, 28)
    training, held = judging(dataset, indices, 4, 0, group=r"p(\d+)_")
    assert sorted([*training, *held]) == indices.tolist()
    assert not of_patients(dataset, training) & of_patients(dataset, held)
    assert 3 <= len(held) <= 5
    alone, drawn = judging(dataset, indices, 4, 0)
    np.testing.assert_array_equal(drawn, indices[split(26, 4, 0)[1]])
    np.testing.assert_array_equal(alone, indices[split(26, 4, 0)[0]])


def test_a_group_larger_than_half_is_trained_on(data):
    dataset = data([f"a_{n}.png" for n in range(8)] + ["b_0.png", "b_1.png"])
    found = divided(dataset, 3, 0, group="(.)_")
    assert [dataset.paths[n] for n in found.validation] == ["b_0.png", "b_1.png"]
    both = divided(data([f"{kind}_{n}.png" for kind in "ab" for n in range(5)], name="two"), 1, 0, group="(.)_")
    assert len(both.validation) == 5


def parted(*counts):
    return [
        f"{part}/{kind}/{n}.png"
        for part, count in zip(("train", "val", "test"), counts, strict=True)
        for kind in ("cat", "dog")
        for n in range(count)
    ]


def test_the_parts_of_the_user_are_kept(data, heard):
    dataset = data(parted(10, 6, 4))
    assert dataset.spec.class_names == ("cat", "dog")
    assert "parts found: 20 to train on, 12 for validation, 8 for the test" in dataset.notes
    found = divided(dataset, 5, 0, own_parts=True)
    sides = [{dataset.paths[n].partition("/")[0] for n in side} for side in (found.train, found.validation, found.test)]
    assert sides == [{"train"}, {"val"}, {"test"}]
    assert [len(side) for side in (found.train, found.validation, found.test)] == [20, 5, 8]
    assert found.lines == (
        "the data's own parts: 20 to train on, 12 for validation (5 of them while training), 8 for the test; "
        "`evaluate` takes 8 images that are not trained on",
    )
    together = divided(dataset, 5, 0)
    np.testing.assert_array_equal(together.validation, split(40, 5, 0)[1])
    assert not any("kept apart" in note for note in dataset.notes)
    line = "the data's own parts are taken together, as requested: all 40 images are divided anew"
    assert together.lines == (line,)
    assert divided(dataset, 5, 0, group=r"(\d+)").lines[0] == line


def test_parts_without_a_validation_or_a_test(data):
    no_test = divided(data(parted(10, 6, 0), name="a"), 5, 0, own_parts=True)
    assert [len(side) for side in (no_test.train, no_test.validation, no_test.test)] == [20, 5, 12]
    no_validation = divided(data(parted(10, 0, 4), name="b"), 5, 0, own_parts=True)
    assert [len(side) for side in (no_validation.train, no_validation.validation, no_validation.test)] == [15, 5, 8]
    assert data(parted(0, 6, 4), name="c").parts is None
    assert data(parted(6, 0, 0), name="d").parts is None


def test_groups_in_parts_of_the_user(data):
    names = [f"train/p{n}_{k}.png" for n in range(6) for k in range(3)] + ["test/p0_9.png", "test/p9_0.png"]
    dataset = data(names)
    found = divided(dataset, 4, 0, group=r"p(\d+)_", own_parts=True)
    assert not of_patients(dataset, found.train) & of_patients(dataset, found.validation) - {"test/p0"}
    assert len(found.validation) == 3
    if "train/p0" in of_patients(dataset, found.train):
        assert "1 group on both sides of the data's own parts, which are kept as they are: 0" in found.lines


def test_a_column_groups_images_beside_masks_of_any_layout(data):
    mask = Image.fromarray(np.tile(np.array([0, 1], np.uint8), (4, 2)))
    table = "file_name,patient\n" + "".join(f"{n}.png,{n // 2}\n" for n in range(8))
    files = {f"labels/{n}.png": mask for n in range(8)} | {"images/metadata.csv": table.encode()}
    dataset = data([f"images/{n}.png" for n in range(8)], files)
    assert dataset.masks is not None
    assert groups_of(dataset, "patient").names == ("0", "1", "2", "3")


def test_a_column_of_parts(data):
    table = b"file_name,split\na.png,train\nb.png,TRAIN\nc.png,dev\nd.png,test\ne.png,extra\n"
    dataset = data([f"{stem}.png" for stem in "abcdef"], {"metadata.csv": table})
    assert dataset.parts is not None
    assert dataset.parts.tolist() == [TRAINING, TRAINING, VALIDATION, TEST, NEITHER, NEITHER]
    found = divided(dataset, 3, 0, own_parts=True)
    assert [side.tolist() for side in (found.train, found.validation, found.test)] == [[0, 1], [2], [3]]
    assert "2 of no such part, which are left out" in found.lines[0]
    assert (
        "metadata.csv has no captions; its column split says of which part of the data each image is" in dataset.notes
    )


def test_a_column_of_parts_that_names_no_image_is_refused(data):
    with pytest.raises(InputError, match=r"metadata.csv names 2 images, and none of them is in the folder"):
        data(["a.png", "b.png"], {"metadata.csv": b"file_name,split\nx.png,train\ny.png,test\n"})


def test_rows_of_parts_that_name_no_image_or_do_not_agree_are_counted(data):
    rows = [("a", "train"), ("a", "test"), ("b", "val"), ("b", "dev"), ("c", "test"), ("x", "test"), ("y", "train")]
    table = "file_name,split\n" + "".join(f"{stem}.png,{part}\n" for stem, part in rows)
    dataset = data([f"{stem}.png" for stem in "abcde"], {"metadata.csv": table.encode()})
    assert dataset.parts is not None
    assert dataset.parts.tolist() == [TRAINING, VALIDATION, TEST, NEITHER, NEITHER]
    for line in (
        "metadata.csv names images that are not in the folder (2): x.png, y.png",
        "metadata.csv: rows of one image that differ in the column split (1 image): the first row counts",
        "images of which no table says the part: 2 (d.png, e.png)",
    ):
        assert line in dataset.notes


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("data/train-00000-of-00002.parquet", TRAINING),
        ("test.parquet", TEST),
        ("validation/0000.tar", VALIDATION),
        ("my_dev_2.tar", VALIDATION),
        ("data/latest-0.parquet", None),
        ("train_test.parquet", None),
        ("contest.tar", None),
    ],
)
def test_parts_by_the_names_of_files(name, part):
    assert part_of_file(name) == part


def test_parts_by_folders_and_shards():
    found = parts_of(["train-0.tar/a", "more.tar/b", "test-0.tar/c"])
    assert found is not None
    assert found.tolist() == [TRAINING, TRAINING, TEST]
    assert parts_of(["images/train/a.png", "images/val/b.png"]) is not None
    for names in (
        ["a.png", "b.png"],
        ["train/a.png", "bus/b.png"],
        ["train/a.png", "b.png"],
        ["test_1.png", "train_1.png"],
    ):
        assert parts_of(names) is None
    assert "train are taken together" in classify(["train/a/1.png", "test/b/1.png"]).why


def test_groups_compare_names_by_their_composed_form(data):
    names = [f"{unicodedata.normalize(form, 'é')}_{n}.png" for n, form in enumerate(("NFC", "NFD", "NFC", "NFD"))]
    assert set(groups_of(data([*names, "z_0.png"]), "(.+)_").names) == {"z", "é"}


def test_an_evaluation_halves_what_the_model_was_trained_on_or_never_saw(data):
    """Also where most images are for validation, which is neither."""
    from types import SimpleNamespace
    from typing import Any

    from debruit.evaluation.splits import split_for_evaluation

    dataset = data(parted(6, 20, 4))
    model: Any = SimpleNamespace(
        provenance={"data_fingerprint": dataset.spec.fingerprint, "held_out_images": 5, "seed": 0, "own_parts": True}
    )
    found = split_for_evaluation(model, dataset, 100)
    assert [len(part) for part in (found.training, found.held_out, found.baseline, found.reference)] == [
        12,
        8,
        10,
        10,
    ]
    few = data(parted(2, 20, 1), name="few")
    model.provenance["data_fingerprint"] = few.spec.fingerprint
    with pytest.raises(
        InputError, match="has 6 images of 46 that the model was trained on or never saw: an evaluation needs at least"
    ):
        split_for_evaluation(model, few, 100)
