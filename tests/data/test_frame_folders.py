"""Folders of frames as clips."""

import numpy as np

from debruit.data.dataset import Dataset
from debruit.data.frame_folders import are_sequences, first_frames
from debruit.images.spec import DataSpec

PATHS = ["a/10.png", "a/9.png", "b/x/frame2.png", "b/x/frame11.png", "b/y/1.png", "a/9b.png"]


def test_the_first_frame_is_that_of_the_lowest_number_in_the_same_folder():
    assert first_frames(PATHS).tolist() == [1, 1, 2, 2, 4, 1]


def test_names_without_a_number_and_with_one_can_be_distinguished():
    assert first_frames(["start.png", "1.png", "2.png"]).tolist() == [1, 1, 1]
    assert first_frames(["b.png", "a.png", "a1.png"]).tolist() == [1, 1, 1]


def test_single_images_and_a_single_folder_are_no_clips():
    assert are_sequences(first_frames(PATHS))
    assert not are_sequences(first_frames(["1.png", "2.png"]))
    assert not are_sequences(first_frames(["a/1.png", "b/1.png", "c/1.png"]))


def test_a_data_set_gives_the_first_frames_of_its_images():
    spec = DataSpec(
        name="x",
        channels=1,
        height=2,
        width=2,
        depth="uint8",
        low=0,
        high=255,
        count=len(PATHS),
        class_names=("a", "b"),
    )
    images = np.arange(len(PATHS), dtype=np.uint8)[:, None, None, None].repeat(2, 2).repeat(2, 3)
    dataset = Dataset(spec, images, paths=PATHS, labels=[0, 0, 1, 1, 1, 0])
    assert dataset.conditions([0, 3, 4], fields=("first",))["first"][:, 0, 0, 0].tolist() == [1, 2, 4]
    assert "first" not in dataset.conditions([0]), "only where it is asked for"
