"""Data of an evaluation that is a part of the training's: it is read as the training was, and the networks that judge
find the training data by themselves."""

import numpy as np
import pytest

import judging_conditions
from debruit.data.sources.emoji.emoji import Emoji
from debruit.data.split import split_of_model
from debruit.evaluation.judge_data import find_training_data, pixel_digests
from debruit.evaluation.splits import split_for_evaluation
from debruit.models.loaded import LoadedModel
from debruit.workflows.evaluation_data import find_data
from emoji_packages import write_all


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    """A model of captions and masks, whose run folder says where the packages of its emoji lie."""
    folder = tmp_path_factory.mktemp("packages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEBRUIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        source = Emoji(size=16, folder=str(write_all(folder)), background="black", masks=True)
        model = judging_conditions.model(source.build(), "text", "mask")
        model.provenance |= {"held_out_images": 0, "own_parts": True}
        patch.setattr(LoadedModel, "source", lambda self: source)
        yield LoadedModel(name="m", model=model, digest="0")


def test_a_part_is_read_as_the_training_was(subject):
    part = find_data("emoji/noto", subject)
    assert 0 < len(part) < len(find_data("emoji", subject))
    assert part.spec.shape == (3, 16, 16)
    assert part.masks is not None
    assert all(path.startswith("noto/") for path in part.paths)
    whole = subject.source().build()
    shared = [whole.paths.index(path) for path in part.paths[:5]]
    assert pixel_digests(whole, np.array(shared)) == pixel_digests(part, np.arange(5)), "black behind them, too"


def test_judges_of_a_part_learn_from_the_training_data_without_the_scored_images(subject):
    part = find_data("emoji/noto", subject)
    split = split_for_evaluation(subject.model, part, 8, judge_data=lambda: find_training_data(subject))
    judges = split.judge_data
    assert not split.own
    assert judges.missing == ""
    assert judges.dataset.spec.fingerprint == subject.provenance["data_fingerprint"]
    training = split_of_model(judges.dataset, subject.provenance).train
    assert set(judges.indices) < set(training), "some of the drawings of this set were trained on, and are scored here"
    scored = set(pixel_digests(part, split.scored))
    assert not scored & set(pixel_digests(judges.dataset, judges.indices))
