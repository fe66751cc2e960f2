"""Random streams by name: no two share a number, and each part of one is read without what stands before it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from debruit.errors import InputError
from debruit.ranges import LARGEST_SEED
from debruit.rng import Purpose, key_of, normal_of, split_permutation, stream, torch_generator, torch_seed

WORDS = st.integers(0, 2**64 - 1)
NAMES = st.sampled_from(list(Purpose)).flatmap(
    lambda purpose: st.tuples(st.just(purpose), st.integers(0, LARGEST_SEED), *[WORDS for _ in purpose.where])
)


@given(NAMES, NAMES)
def test_different_names_have_different_keys_and_counters(one, other):
    assert (one == other) == (key_of(*one) == key_of(*other))


@given(NAMES)
def test_a_name_can_be_read_off_its_key_and_counter(name):
    """So that the packing is one to one: nothing of the name is lost in it."""
    (seed, number), where = key_of(*name)
    purpose = next(purpose for purpose in Purpose if purpose.number == number)
    assert (purpose, seed, *where[: len(purpose.where)]) == name
    assert set(where[len(purpose.where) :]) <= {0}
    assert all(0 <= part < 2**64 for part in (seed, number, *where))


def test_a_million_names_share_neither_a_key_nor_a_seed_of_torch():
    """All purposes x seeds x places: by their packing, and some by the first 64 bits of what they give."""
    seeds = [*range(40), *(2**32 + n for n in range(20)), *(2**62 + n for n in range(8)), LARGEST_SEED]
    places = [*range(150), 2**32, 2**32 + 1, 2**40, 2**63]
    names = [(purpose, seed) for purpose in Purpose if not purpose.where for seed in range(35_000)]
    for purpose in Purpose:
        if len(purpose.where) == 1:
            names += product([purpose], seeds, places)
        elif purpose.where:
            names += product([purpose], seeds, places[:2], places[-40:])
    assert len(names) >= 10**6
    assert len({key_of(*name) for name in names}) == len(names)
    some = names[::20]
    assert len({torch_seed(*name) for name in some}) == len(some)


def test_numbers_of_purposes_are_different_and_places_have_as_many_parts_as_declared():
    numbers = [purpose.number for purpose in Purpose]
    assert len(set(numbers)) == len(numbers)
    assert max(len(purpose.where) for purpose in Purpose) <= 3
    with pytest.raises(ValueError, match="takes 1 numbers"):
        stream(Purpose.SAMPLE, 0)
    with pytest.raises(ValueError, match="whole numbers"):
        stream(Purpose.SAMPLE, 0, -1)


@pytest.mark.parametrize("seed", [-1, 2**63, 2**64])
def test_seeds_out_of_range_are_refused(seed):
    for call in (stream, torch_seed):
        with pytest.raises(InputError, match="give a whole number from 0 to"):
            call(Purpose.WEIGHTS, seed)


def test_words_are_those_of_philox():
    """The definition of the module: numpy's Philox4x64 with this key and counter."""
    other = np.random.Philox(key=np.array([9, 1], np.uint64), counter=np.array([5, 7, 0, 0], np.uint64))
    np.testing.assert_array_equal(stream(Purpose.SAMPLE, 9, 7).words(5, 12), other.random_raw(12))
    np.testing.assert_array_equal(
        stream(Purpose.SAMPLE, 9, 7).numpy().integers(0, 2**40, 5),
        np.random.Generator(
            np.random.Philox(key=np.array([9, 1], np.uint64), counter=np.array([0, 7, 0, 0], np.uint64))
        ).integers(0, 2**40, 5),
    )


def test_streams_are_independent():
    names = [(Purpose.SAMPLE, 0, 0), (Purpose.SAMPLE, 0, 1), (Purpose.SAMPLE, 1, 0), (Purpose.SAMPLE, 0, 2**40)]
    names += [(Purpose.NOISE, 0, 0), (Purpose.NOISE, 0, 1), (Purpose.WEIGHTS, 0), (Purpose.WEIGHTS, 2**32)]
    numbers = torch.stack([stream(*name).normal((4000,)) for name in names])
    correlation = torch.corrcoef(numbers) - torch.eye(len(names))
    assert correlation.abs().max() < 0.08  # five standard deviations
    assert torch.equal(numbers, torch.stack([stream(*name).normal((4000,)) for name in names]))


def test_normal_numbers_are_normal_and_uniform_ones_uniform():
    numbers = stream(Purpose.NOISE, 3, 0)
    x, y, u = numbers.normal((200_000,)), numbers.normal((3, 7, 999)), numbers.uniform((50_000,))
    assert x.dtype == torch.float32
    assert u.dtype == torch.float64
    assert y.shape == (3, 7, 999)
    assert stats.kstest(x.numpy(), "norm").pvalue > 1e-3
    assert stats.kstest(u.numpy(), "uniform").pvalue > 1e-3
    assert 4 < x.abs().max() < 7
    assert abs(float(torch.corrcoef(torch.stack([x[:100_000], x[100_000:]]))[0, 1])) < 0.02
    counts = torch.bincount(numbers.integers(7, (70_000,)), minlength=7)
    assert (counts - 10_000).abs().max() < 500
    assert sorted(numbers.permutation(1000)) == list(range(1000))
    assert len({tuple(stream(Purpose.WALK, seed).permutation(4)) for seed in range(500)}) == 24


@pytest.mark.parametrize("shape", [(), (1,), (5,), (3, 11, 2), (2, 200, 300)])
def test_a_row_of_a_table_is_the_same_in_any_part_of_it(shape):
    table = stream(Purpose.NOISE, 4, 1)
    whole = table.normal_rows(90, 8, shape)
    assert whole.shape == (8, *shape)
    assert torch.equal(torch.cat([table.normal_rows(90, 3, shape), table.normal_rows(93, 5, shape)]), whole)
    assert torch.equal(stream(Purpose.NOISE, 4, 1).normal_rows(97, 1, shape)[0], whole[7])
    for rows in (table.uniform_rows, table.word_rows):
        np.testing.assert_array_equal(np.concatenate([rows(90, 3, 5), rows(93, 5, 5)]), rows(90, 8, 5))
    assert len(np.unique(table.word_rows(0, 100, 3))) == 300
    assert torch.equal(
        torch.cat([table.even_rows(10**12, 3), table.even_rows(10**12 + 3, 5)]), table.even_rows(10**12, 8)
    )


@pytest.mark.parametrize("shape", [(1,), (5,), (3, 64, 65)])
def test_several_streams_together_give_what_each_gives_alone(shape):
    together = [stream(Purpose.SAMPLE, 0, n) for n in range(5)]
    first, second = normal_of(together, shape), normal_of(together, shape)
    for n in range(5):
        alone = stream(Purpose.SAMPLE, 0, n)
        assert torch.equal(alone.normal(shape), first[n])
        assert torch.equal(alone.normal(shape), second[n])


def test_streams_in_threads_do_not_disturb_each_other():
    from concurrent.futures import ThreadPoolExecutor

    make = lambda n: stream(Purpose.SAMPLE, 0, n).normal((3, 50, 50))  # noqa: E731
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(make, range(200)))
    assert all(torch.equal(x, make(n)) for n, x in enumerate(found))


def test_an_even_sequence_is_uniform_and_quiets_the_mean():
    spread, plain = (
        np.stack([getattr(stream(Purpose.TIME, seed, 0), rows)(1000, 16).numpy().ravel() for seed in range(400)])
        for rows in ("even_rows", "uniform_rows")
    )
    for place in (0, 7, 15):
        assert stats.kstest(spread[:, place], "uniform").pvalue > 1e-3
    # Var mean is 1 / (12 n) for independent numbers and 1 / (12 n^2) for a shifted lattice, which the sequence
    # approaches
    assert plain.mean(1).var() == pytest.approx(1 / (12 * 16), rel=0.3)
    assert spread.mean(1).var() < 3 / (12 * 16**2)
    for seed, first, count in product(range(10), (0, 12_345), (16, 100, 128)):
        counts = np.bincount(
            (stream(Purpose.TIME, seed, 0).even_rows(first, count) * count / 4).int(), minlength=count // 4
        )
        assert 2 <= counts.min() <= counts.max() <= 6  # four of each in every quarter of the cells, give or take two


def test_the_held_out_images_of_a_seed_are_the_same_for_ever():
    """A model's file names them by their number and its seed."""
    assert split_permutation(10, 0).tolist() == [8, 0, 5, 3, 1, 6, 4, 9, 7, 2]
    assert split_permutation(10, 7, 1).tolist() == [0, 9, 3, 1, 2, 6, 7, 5, 8, 4]


def test_threads_do_not_share_torchs_global_generator():
    """A thread that initialises weights while another is in the middle of it changes neither's."""
    inside = threading.Event()

    def slow() -> torch.Tensor:
        with torch_generator(Purpose.WEIGHTS, 1):
            first = torch.rand(4)
            inside.set()
            time.sleep(0.2)
            return torch.cat([first, torch.rand(4)])

    def other() -> torch.Tensor:
        inside.wait()
        with torch_generator(Purpose.WEIGHTS, 2):
            first = torch.rand(4)
            time.sleep(0.4)  # past the end of the other thread's work
            return torch.cat([first, torch.rand(4)])

    with ThreadPoolExecutor(2) as pool:
        together = [task.result() for task in (pool.submit(slow), pool.submit(other))]
    before = torch.get_rng_state()
    assert torch.equal(slow(), together[0])
    assert torch.equal(other(), together[1])
    assert torch.equal(torch.get_rng_state(), before)
