"""Weights from files: both kinds are read, code is never run, and what cannot be read is said."""

import os

import pytest
import torch
from safetensors.torch import save_file

from debruit.errors import InputError
from debruit.networks.pretrained.weights import read_weights


class Malicious:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("wrap", [lambda w: w, lambda w: {"state_dict": w}, lambda w: {"model": w}])
def test_a_state_dict_is_read_alone_or_inside_of_a_checkpoint(tmp_path, wrap):
    torch.save(wrap({"a.weight": torch.arange(3)}), tmp_path / "a.pth")
    assert read_weights(tmp_path / "a.pth")["a.weight"].tolist() == [0, 1, 2]


def test_safetensors_are_read(tmp_path):
    save_file({"a.weight": torch.arange(3)}, tmp_path / "a.safetensors")
    assert read_weights(tmp_path / "a.safetensors")["a.weight"].tolist() == [0, 1, 2]
    (tmp_path / "b.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:20])
    with pytest.raises(InputError, match="b.safetensors is no readable .safetensors file"):
        read_weights(tmp_path / "b.safetensors")


def test_a_pickle_with_code_is_refused(tmp_path):
    torch.save({"weight": torch.ones(1), "x": Malicious(tmp_path / "was-here")}, tmp_path / "m.pth")
    with pytest.raises(InputError, match="m.pth cannot be read without running code from it"):
        read_weights(tmp_path / "m.pth")
    assert not (tmp_path / "was-here").exists()


def test_other_files(tmp_path):
    with pytest.raises(InputError, match="there is no file .*nowhere.pth"):
        read_weights(tmp_path / "nowhere.pth")
    torch.save([torch.ones(2)], tmp_path / "d.pth")
    with pytest.raises(InputError, match="d.pth holds no plain set of named tensors"):
        read_weights(tmp_path / "d.pth")
    (tmp_path / "e.pth").write_bytes(b"not a pickle")
    with pytest.raises(InputError, match="e.pth cannot be read"):
        read_weights(tmp_path / "e.pth")
