"""Values at rest <-> values in the model, and the two ways of reading a data set."""

import numpy as np
import pytest
import torch

from debruit import config
from debruit.data import Dataset, DataSpec


def spec(depth: str, high: float, **changes) -> DataSpec:
    facts = {"name": "x", "channels": 1, "height": 2, "width": 2, "low": 0, "count": 3}
    return DataSpec(**(facts | {"depth": depth, "high": high} | changes))


@pytest.mark.parametrize(("depth", "high"), [("uint8", 255), ("uint16", 255), ("uint16", 4095), ("uint16", 65535)])
def test_every_integer_value_survives_the_round_trip(depth, high):
    there = spec(depth, high)
    x = torch.arange(high + 1, dtype=torch.int32).to(getattr(torch, depth))
    y = there.to_model(x)
    assert y.dtype == torch.float32
    assert (y.min(), y.max()) == (-1, 1)
    back = there.from_model(y)
    assert back.dtype == x.dtype
    assert torch.equal(back.to(torch.int32), x.to(torch.int32))


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_what_is_outside_is_clamped(depth):
    there = spec(depth, 255)
    assert there.from_model(torch.tensor([-3.0, -1.0, 1.0, 7.0])).to(torch.float64).tolist() == [0, 0, 255, 255]


def test_half_steps_round_to_the_nearest_value():
    there = spec("uint8", 255)
    y = there.to_model(torch.tensor([100], dtype=torch.uint8))
    assert there.from_model(y + 0.9 / 255).item() == 100
    assert there.from_model(y + 1.1 / 255).item() == 101


def test_spec_survives_json():
    one = spec("uint8", 255.0, class_names=("a", "b"), lettered=True, fingerprint="f")
    assert config.decode(config.encode(one), type(one)) == one


def test_any_array_can_be_a_data_set():
    images = np.arange(12, dtype=np.uint8).reshape(3, 1, 2, 2)
    dataset = Dataset(spec("uint8", 255), images, paths=["a", "b", "c"], labels=[0, 1, 0], texts=[["x"], ["y"], ["z"]])
    batch = dataset.batch(np.array([2, 0]))
    assert batch["text"] == ["z", "x"]
    assert batch["label"].tolist() == [0, 0]
    assert torch.equal(batch["image"], torch.from_numpy(images[[2, 0]]))
    assert dataset[1]["text"] == "y"
    batch["image"].zero_()  # a copy: the data stays
    assert dataset[2]["image"].sum() == 8 + 9 + 10 + 11
    assert np.array_equal(np.concatenate(list(dataset.chunks(2))), images)
    with pytest.raises(IndexError):
        dataset[3]
