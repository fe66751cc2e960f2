"""The order of data that lies in files: file by file, every image once an epoch, and the same at any resume."""

import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from PIL import Image
from safetensors.torch import load_file

from debruit.data.dataset import Dataset
from debruit.data.order import Order
from debruit.data.sources.shards import Shards
from debruit.data.split import split
from debruit.training.batches import training_batch
from debruit.training.config import Run
from debruit.training.run_folder import RunFolder
from debruit.training.supervisor import fit

BLOCKS = (5, 1, 7, 4)
CPU = torch.device("cpu")


def order(held_out: int = 0, seed: int = 3) -> Order:
    return Order(split(sum(BLOCKS), held_out, seed)[0], seed, BLOCKS)


def blocks_of(indices: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.cumsum(BLOCKS), indices, side="right")


@pytest.mark.parametrize("held_out", [0, 6])
def test_an_epoch_reads_file_by_file_and_every_image_once(held_out):
    the_order = order(held_out)
    size = len(the_order.pool)
    for epoch in range(3):
        indices, epochs = the_order.take(epoch * size, size)
        assert sorted(indices) == the_order.pool.tolist()
        assert set(epochs) == {epoch}
        visited = blocks_of(indices)
        assert (np.diff(visited) != 0).sum() + 1 == len(set(blocks_of(the_order.pool)))  # no file is opened twice


def test_files_and_their_images_come_in_another_order_each_epoch_and_seed():
    takes = [blocks_of(order(seed=seed).take(17 * epoch, 17)[0]) for seed in range(4) for epoch in range(6)]
    assert len({tuple(dict.fromkeys(take.tolist())) for take in takes}) > 10
    inside = [tuple(i for i in order().take(17 * epoch, 17)[0].tolist() if 6 <= i < 13) for epoch in range(6)]
    assert len(set(inside)) == 6


def test_every_file_is_equally_often_the_first():
    counts = np.bincount([blocks_of(order(seed=seed).take(0, 1)[0])[0] for seed in range(400)], minlength=4)
    assert (abs(counts - 100) < 40).all()


def test_it_is_a_function_of_the_place_alone():
    whole, _ = order().take(0, 51)
    for first, count in ((0, 10), (13, 9), (40, 11), (16, 2)):
        np.testing.assert_array_equal(order().take(first, count)[0], whole[first : first + count])


def test_without_files_the_order_is_what_it_was_and_one_file_does_not_change_it():
    pool = np.arange(17)
    np.testing.assert_array_equal(Order(pool, 3).take(0, 40)[0], Order(pool, 3, (17,)).take(0, 40)[0])


@pytest.fixture
def shards(tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    for n in range(3):
        with tarfile.open(folder / f"s-{n}.tar", "w") as tar:
            for k in range(24):
                buffer = io.BytesIO()
                pixels = np.random.default_rng([n, k]).integers(0, 256, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(buffer, "PNG")
                facts = tarfile.TarInfo(f"{n}{k:02d}.png")
                facts.size = buffer.tell()
                tar.addfile(facts, io.BytesIO(buffer.getvalue()))
    return folder


def run_on(source, dataset) -> Run:
    run = tiny.run(source=source, images=128)
    network = replace(tiny.NETWORK, vector_channels=0)
    sampling = replace(run.model.sampling, guidance=1.0)
    return replace(
        run, model=replace(run.model, data=dataset.spec, conditioners=(), network=network, sampling=sampling)
    )


def trained(folder: RunFolder, *, resume: bool = False, until: int = 10**9) -> dict[str, torch.Tensor]:
    """The weights at the end, or when the training is dropped after the report at `until` images."""
    for progress in fit(folder, folder.run.source.build(), CPU, resume=resume):
        if progress.report.images_seen >= until:
            break
    return load_file(folder.path / "model.safetensors")


def test_training_on_shards_goes_on_to_the_same_bits(shards, tmp_path):
    """A training that is killed in the middle of a shard, and opened again by its folder, ends at the weights of one
    that was not."""
    source = Shards(path=str(shards))
    run = run_on(source, source.build())
    whole = trained(RunFolder.create(tmp_path / "whole", run))
    killed = RunFolder.create(tmp_path / "killed", run)
    trained(killed, until=64)
    resumed = trained(RunFolder.open(killed.path), resume=True)
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_training_does_not_know_whether_images_are_streamed(shards):
    source = Shards(path=str(shards))
    dataset = source.build()
    run, pool = run_on(source, dataset), np.arange(4, 72)
    copy = Dataset(dataset.spec, dataset.images[np.arange(72)], paths=dataset.paths, blocks=dataset.blocks)
    for first in range(0, 160, run.batch):
        streamed, mapped = (training_batch(run, d, Order(pool, run.seed, d.blocks), first) for d in (dataset, copy))
        assert torch.equal(streamed.x0, mapped.x0)
