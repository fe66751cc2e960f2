"""Copies are found: all planted ones, none that are not there; and nothing more is said than the counts allow."""

from dataclasses import replace
from types import SimpleNamespace

import exact
import numpy as np
import pytest
import tiny
import torch
from scipy.stats import binomtest

from debruit.data.dataset import Dataset
from debruit.data.split import split, split_of
from debruit.errors import InputError
from debruit.evaluation.memorisation.monitor import CopyAlarm
from debruit.evaluation.memorisation.nearest import (
    PIECE_BYTES,
    mirror_columns,
    nearest,
    thumbnail_blocks,
    thumbnails,
)
from debruit.evaluation.memorisation.report import Features, contact_sheet, memorisation
from debruit.evaluation.memorisation.verdict import Rate, excess, verdict
from debruit.evaluation.progress import StageTimer
from debruit.models.diffusion import Model
from debruit.training.config import Ema, Optimiser
from debruit.training.state import TrainState
from debruit.training.tasks.diffusion import ALARM_COUNT, Diffusion

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits():
    return tiny.run().source.build()


@pytest.fixture(scope="module")
def parts(digits):
    return split(len(digits), 250, seed=0)


def look(samples, digits, parts, **options):
    training, held_out = parts
    return memorisation(samples, digits, training=training, held_out=held_out, **options)


def noise(count, seed=0):
    return torch.randint(0, 256, (count, 1, 8, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


# ---- statistics


@pytest.mark.parametrize(("hits", "count"), [(0, 64), (1, 64), (7, 256), (64, 64), (500, 1000)])
def test_wilsons_interval_is_scipys(hits, count):
    expected = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    assert Rate(hits, count).interval() == pytest.approx((expected.low, expected.high), abs=2e-5)


@pytest.mark.parametrize(
    ("a", "b", "interval"),
    [((56, 70), (48, 80), (0.0524, 0.3339)), ((9, 10), (3, 10), (0.1705, 0.8090)), ((10, 10), (0, 20), (0.6791, 1.0))],
)
def test_the_interval_of_a_difference_is_the_published_one(a, b, interval):
    """Newcombe 1998, table II, method 10."""
    assert excess(Rate(*a), Rate(*b)) == pytest.approx(interval, abs=2e-4)


def test_the_interval_of_a_difference_covers():
    """Of 2,000 pairs of samples of equal rates about 95 % have an interval that holds 0, and few seem to show
    copies."""
    rng = np.random.default_rng(0)
    hits = [(rng.binomial(64, 0.02), rng.binomial(256, 0.02)) for _ in range(2000)]
    intervals = [excess(Rate(int(a), 64), Rate(int(b), 256)) for a, b in hits]
    assert np.mean([low <= 0 <= high for low, high in intervals]) > 0.94
    assert np.mean([low > 0 for low, _ in intervals]) < 0.05


def test_verdicts_say_what_the_counts_allow():
    none, three = Rate(0, 64), Rate(3, 64)
    silent = verdict({"pixels": (none, Rate(1, 256))}, none, Rate(0, 256))
    assert silent.startswith(
        "No evidence of copying beyond the rate of near-duplicates in the data: by pixels 0 of 64 (0 %, "
    )
    assert "an excess of more than 5.3 points can be excluded" in silent
    assert verdict({"pixels": (three, Rate(0, 256))}, none, Rate(0, 256)).startswith("Some samples are near copies")
    assert verdict({"pixels": (Rate(30, 64), Rate(0, 256))}, none, Rate(0, 256)).startswith("Many samples")
    assert verdict({"pixels": (Rate(60, 64), Rate(0, 256))}, none, Rate(0, 256)).startswith("Most samples")
    natural = verdict({"pixels": (Rate(13, 64), Rate(50, 256))}, none, Rate(0, 256))
    assert natural.startswith("No evidence"), "as likely among images that the model never saw"
    same = verdict({"pixels": (three, Rate(0, 256))}, three, Rate(0, 256))
    assert same.startswith("3 of 64 (4.69 %, interval 1.61 % to 12.9 %) samples are identical to a training image")
    alone = verdict({"pixels": (three, Rate(0, 0))}, none, Rate(0, 0))
    assert "no baseline: whether the model copies, or the data contains near-duplicates, cannot be decided" in alone
    both = verdict({"pixels": (none, Rate(0, 256)), "Net": (Rate(20, 64), Rate(2, 256))}, none, Rate(0, 256))
    assert both.startswith("Many samples are near copies of training images: 20 of 64")
    assert "by Net" in both


# ---- neighbours


def test_neighbours_are_the_nearest_of_all_blocks():
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(9000, 5)), rng.normal(size=(1500, 5))
    queries[7] = rows[8191]
    found = nearest(queries, (rows[s : s + 4096] for s in range(0, 9000, 4096)), 6)
    distances = np.linalg.norm(queries[::50, None] - rows, axis=-1)
    np.testing.assert_array_equal(found.indices[::50], np.argsort(distances, axis=1)[:, :6])
    np.testing.assert_allclose(found.distances[::50], np.sort(distances, axis=1)[:, :6], rtol=1e-9)
    assert found.indices[7, 0] == 8191
    assert found.distances[7, 0] < 1e-6
    assert (np.diff(found.distances, axis=1) >= 0).all()
    assert nearest(queries, iter([rows[:3]]), 6).distances.shape == (1500, 3)


def test_thumbnails_are_area_means(digits):
    spec = replace(digits.spec, height=64, width=48)
    image = torch.zeros(1, 1, 64, 48, dtype=torch.uint8)
    image[..., :2, :2] = 255
    small = thumbnails(image, spec).reshape(32, 24)
    assert small[0, 0] == pytest.approx(1)
    assert small.sum() == pytest.approx(1)


# ---- memory


class Watched(Dataset):
    """Images of 12 MiB in float32 each, 3 MiB at rest, that take no memory by themselves; notes how many are read at
    once."""

    def __init__(self, count):
        rows = np.random.default_rng(0).integers(0, 256, (count, 1, 1, 1024), dtype=np.uint8)
        spec = replace(tiny.run().model.data, channels=3, height=1024, width=1024, count=count)
        super().__init__(spec, np.broadcast_to(rows, (count, 3, 1024, 1024)), paths=[""] * count)
        self.read = []

    def batch(self, indices):
        self.read.append(len(indices))
        return super().batch(indices)


@pytest.fixture
def converted(monkeypatch):
    """How many values are made floats at once."""
    sizes, shrink = [], torch.nn.functional.adaptive_avg_pool2d
    monkeypatch.setattr(
        torch.nn.functional, "adaptive_avg_pool2d", lambda x, size: sizes.append(x.numel()) or shrink(x, size)
    )
    return sizes


def test_large_images_are_read_and_converted_a_few_at_a_time(converted):
    data = Watched(12)
    samples = torch.cat([data.batch(np.arange(4))["image"], data.batch([4, 9])["image"].flip(-1)])
    data.read.clear()
    found = memorisation(samples, data, training=np.arange(6), held_out=np.arange(6, 12), mirrored=True)
    assert (found.identical.hits, found.identical_baseline.hits) == (5, 0)
    assert sum(data.read) >= 6 + 2 * 6 + 5, "all were read"
    assert max(data.read) == 5
    assert 5 * 3 * 2**20 == max(converted) <= PIECE_BYTES / 4
    data.read.clear()
    converted.clear()
    run = tiny.run(validation_images=6)
    CopyAlarm(run, data, split_of(data, run)).prepare()
    assert sum(data.read) == 12
    assert max(data.read) == 5
    assert max(converted) == 5 * 3 * 2**20


def test_pieces_make_no_difference(digits, monkeypatch):
    """Blocks keep their rows, and the thumbnails their values."""
    from debruit.evaluation.memorisation import nearest as neighbours

    indices = np.arange(len(digits))[::-1]
    whole = thumbnails(digits.batch(indices)["image"], digits.spec)
    monkeypatch.setattr(neighbours, "PIECE_BYTES", 7 * 4 * 64 + 1)
    monkeypatch.setattr(neighbours, "ROWS", 1000)
    blocks = list(thumbnail_blocks(digits, indices))
    assert [len(block) for block in blocks] == [1000, len(digits) - 1000]
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    np.testing.assert_array_equal(thumbnails(digits.batch(indices)["image"], digits.spec), whole)


# ---- memorisation


def test_planted_duplicates_are_all_found(digits, parts):
    training, _ = parts
    planted = training[[0, 5, 700, 1500]]
    samples = torch.cat([noise(30), digits.batch(planted)["image"], noise(30, 1)])
    found = look(samples, digits, parts)
    assert (found.identical.hits, found.identical.count) == (4, 64)
    near = found.views[0].samples
    assert list(near.indices[30:34, 0]) == list(planted)
    assert list(np.flatnonzero(near.ratio < 1 / 3)) == [30, 31, 32, 33]
    assert sorted(found.worst(4)) == [30, 31, 32, 33]
    assert "4 of 64 (6.25 %, interval 2.46 % to 15 %) samples are identical to a training image" in found.verdict
    assert "Some samples are near copies" in found.verdict
    assert found.scores()[0].value == 4 / 64


def test_duplicates_are_found_through_thumbnails_and_distinguished_from_near_ones():
    """Images larger than a thumbnail: the same thumbnail is not yet the same image."""
    pixels = noise(40).repeat_interleave(6, 2).repeat_interleave(6, 3).numpy()
    spec = replace(tiny.run().model.data, height=48, width=48, count=40)
    data = Dataset(spec, pixels, paths=[""] * 40)
    copy, mirrored = torch.from_numpy(pixels[3:4].copy()), torch.from_numpy(pixels[4:5].copy()).flip(3)
    close = copy.clone()
    close[..., 0, 0] = copy[..., 0, 0] ^ 1
    found = memorisation(torch.cat([copy, close, mirrored]), data, training=np.arange(20), held_out=np.arange(20, 40))
    assert found.identical.hits == 1
    assert list(found.views[0].samples.ratio < 1 / 3) == [True, True, False]


# ---- mirror images


def test_the_nearer_of_an_image_and_its_mirror_image_counts(digits):
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(900, 64)), rng.normal(size=(150, 64))
    mirror = mirror_columns(digits.spec)
    queries[7] = rows[801].reshape(8, 8)[:, ::-1].ravel()
    found = nearest(queries, (rows[s : s + 400] for s in range(0, 900, 400)), 6, mirror=mirror)
    flipped = queries.reshape(-1, 8, 8)[:, :, ::-1].reshape(-1, 64)
    distances = np.minimum(*(np.linalg.norm(q[:, None] - rows, axis=-1) for q in (queries, flipped)))
    np.testing.assert_array_equal(found.indices, np.argsort(distances, axis=1)[:, :6])
    assert found.indices[7, 0] == 801
    assert found.distances[7, 0] < 1e-6


@pytest.mark.parametrize("shape", [(1, 64, 48), (3, 45, 70), (2, 8, 9)])
def test_the_thumbnail_of_a_mirror_image_is_the_mirrored_thumbnail(digits, shape):
    spec = replace(digits.spec, channels=shape[0], height=shape[1], width=shape[2])
    images = torch.randint(0, 256, (5, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = thumbnails(images.flip(-1), spec)
    np.testing.assert_allclose(found, thumbnails(images, spec)[:, mirror_columns(spec)], atol=1e-6)


@pytest.mark.parametrize(("depth", "times"), [("uint8", 1), ("uint8", 6), ("uint16", 6), ("float32", 1)])
def test_planted_mirror_images_are_all_found(depth, times):
    """At the size of a thumbnail and above it."""
    pixels = noise(60).repeat_interleave(times, 2).repeat_interleave(times, 3).numpy().astype(depth)
    spec = replace(tiny.run().model.data, height=8 * times, width=8 * times, count=60, depth=depth)
    data = Dataset(spec, pixels, paths=[""] * 60)
    parts = {"training": np.arange(40), "held_out": np.arange(40, 60)}
    images = data.batch(np.arange(60))["image"]
    mirror = lambda rows, axis=-1: torch.from_numpy(np.flip(pixels[rows], axis).copy())  # noqa: E731
    samples = torch.cat([mirror([3, 9, 31]), images[[4]], mirror([5], -2), mirror(np.arange(40, 45))])
    seen, unseen = memorisation(samples, data, mirrored=True, **parts), memorisation(samples, data, **parts)
    copies = [True] * 4 + [False] * 6
    assert list(seen.views[0].samples.ratio < 1 / 3) == copies
    assert list(seen.views[0].samples.indices[:4, 0]) == [3, 9, 31, 4]
    assert (seen.identical.hits, seen.identical_baseline.hits) == (4, 0)
    assert (unseen.views[0].rate.hits, unseen.identical.hits) == (1, 1)
    assert "or to its mirror image" in seen.scores()[0].note
    assert "mirror" not in unseen.scores()[0].note


def test_held_out_images_are_mirrored_too():
    """Data that come with their mirror images: a sample that is one is no more a copy than the held-out images are."""
    images = noise(40)
    spec = replace(tiny.run().model.data, count=80)
    data = Dataset(spec, torch.cat([images, images.flip(-1)]).numpy(), paths=[""] * 80)
    found = memorisation(images.flip(-1), data, training=np.arange(40), held_out=np.arange(40, 80), mirrored=True)
    assert (found.views[0].rate.hits, found.views[0].baseline.hits) == (40, 40)
    assert (found.identical.hits, found.identical_baseline.hits) == (40, 40)
    assert "No evidence of copying beyond the rate of near-duplicates" in found.verdict


@pytest.mark.parametrize(("provenance", "hits"), [({"flip": True}, 5), ({"flip": False}, 0), ({}, 0)])
def test_an_evaluation_looks_for_them_where_the_model_was_trained_on_them(digits, parts, provenance, hits):
    from debruit.evaluation.analyses.memorisation import MemorisationAnalysis

    training, held_out = parts
    images = digits.batch(training[:5])["image"].flip(-1)
    task = SimpleNamespace(
        loaded=SimpleNamespace(provenance=provenance),
        dataset=digits,
        key=[],
        split=SimpleNamespace(training=training, held_out=held_out),
        sets={"samples": SimpleNamespace(images=images, network="")},
        store=SimpleNamespace(get_or_make=lambda kind, key, make: make()),
    )
    result = StageTimer({}).run("memorisation", 1, MemorisationAnalysis().run(task))  # ty: ignore
    assert result["scores"][-1]["value"] == hits / 5


def test_near_copies_are_found_and_other_digits_are_none(digits, parts):
    training, held_out = parts
    g = torch.Generator().manual_seed(0)
    images = digits.batch(training[:64])["image"].float()
    noisy = (images + 8 * torch.randn(images.shape, generator=g)).round().clamp(0, 255).byte()
    found = look(noisy, digits, parts)
    assert found.views[0].rate.hits >= 63
    assert found.identical.hits <= 1
    assert found.verdict.startswith("Most samples are near copies")
    others = memorisation(digits.batch(held_out[:125])["image"], digits, training=training, held_out=held_out[125:])
    assert others.verdict.startswith("No evidence of copying")
    assert look(noise(64), digits, parts).verdict.startswith("No evidence of copying")


def test_features_are_a_second_view(digits, parts):
    """Copies that pixels do not show, moved by a pixel, in features that do not see the move."""
    training, held_out = parts

    def see(images):
        return np.abs(np.fft.fft2(images.numpy() / 255.0)).reshape(len(images), -1).astype(np.float32)

    samples = digits.batch(training[:64])["image"].roll(1, 2)
    features = Features(
        label="Fourier",
        samples=see(samples),
        training=see(digits.batch(training)["image"]),
        held_out=see(digits.batch(held_out)["image"]),
    )
    found = look(samples, digits, parts, features=[features])
    assert [view.label for view in found.views] == ["pixels", "Fourier"]
    assert found.views[0].rate.hits < 5
    assert found.views[1].rate.hits == 64
    assert list(found.views[1].samples.indices[:, 0]) == list(training[:64])
    assert "64 of 64" in found.verdict
    assert "by Fourier" in found.verdict
    with pytest.raises(InputError, match="the features of Fourier are of 64 samples"):
        look(samples[:10], digits, parts, features=[features])


def test_a_data_set_of_one_image_many_times_has_ratio_zero(digits):
    data = Dataset(replace(digits.spec, count=60), np.repeat(digits.images[:1], 60, 0), paths=[""] * 60)
    found = memorisation(data.batch([0, 1])["image"], data, training=np.arange(40), held_out=np.arange(40, 60))
    assert found.identical.hits == 2
    assert found.identical_baseline.hits == 20
    assert (found.views[0].samples.ratio == 0).all()
    assert "of held-out images 20 of 20" in found.verdict


def test_the_contact_sheet_shows_the_worst_beside_what_they_resemble(digits, parts):
    training, _ = parts
    samples = torch.cat([noise(9), digits.batch(training[:1])["image"]])
    found = look(samples, digits, parts)
    sheet = np.asarray(contact_sheet(samples, digits, found, most=3, neighbours=2))
    cell = 64 + 2
    assert sheet.shape == (3 * cell + 2, 3 * cell + 2, 3)

    def tile(row, column):
        return sheet[2 + row * cell : row * cell + 66, 2 + column * cell : column * cell + 66]

    assert np.array_equal(tile(0, 0), tile(0, 1)), "the copy and its original, first"
    assert not np.array_equal(tile(1, 0), tile(1, 1))


def test_without_held_out_images_there_is_no_baseline(digits):
    found = memorisation(noise(8), digits, training=np.arange(100), held_out=np.arange(0))
    assert "there is no baseline" in found.verdict
    assert [s.label for s in found.scores()] == ["near copies (pixels)", "identical to a training image"]


def test_bad_requests_get_a_sentence(digits):
    options = {"training": np.arange(50), "held_out": np.arange(50, 60)}
    with pytest.raises(InputError, match=r"samples of the shape \(2, 3, 8, 8\) cannot be compared with digits"):
        memorisation(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), digits, **options)
    with pytest.raises(InputError, match="cannot be compared"):
        memorisation(noise(0), digits, **options)
    with pytest.raises(InputError, match="1 training images: to find copies takes at least 2"):
        memorisation(noise(2), digits, training=np.arange(1), held_out=np.arange(5))


# ---- the alarm


def test_the_alarm_hears_a_model_that_remembers_and_no_other(digits):
    run = tiny.run(validation_images=200)
    training, held_out = split(len(digits), run.held_out_images, run.seed)
    for remembered, speaks in ((training[:100], True), (held_out, False)):
        changed = exact.remembering_run(remembered, validation_images=200)
        said = CopyAlarm(changed, digits, split_of(digits, changed))(TrainState.start(changed, CPU))
        assert (said is not None) is speaks, said
        if said:
            assert said.startswith(f"alarm: samples copy training images: {ALARM_COUNT} of {ALARM_COUNT}")
    untrained = TrainState.start(run, CPU)
    assert CopyAlarm(run, digits, split_of(digits, run))(untrained) is None
    alone = exact.remembering_run(training[:100], validation_images=0)
    without_baseline = CopyAlarm(alone, digits, split_of(digits, alone))
    assert without_baseline(TrainState.start(alone, CPU)) is None


@pytest.mark.parametrize("flip", [True, False])
def test_the_alarm_counts_mirror_images_where_the_training_has_them(digits, flip):
    run = tiny.run(validation_images=200, flip=flip)
    training, _ = split(len(digits), run.held_out_images, run.seed)
    mirrored = digits.spec.to_model(digits.batch(training[:100])["image"].flip(-1))
    run = replace(run, model=exact.model(digits.spec, mirrored, 0.03).config)
    said = CopyAlarm(run, digits, split_of(digits, run))(TrainState.start(run, CPU))
    assert (said is not None) is flip, said


def test_the_alarm_leaves_the_training_as_it_was(digits):
    run = tiny.run()
    state = TrainState.start(run, CPU)
    before, stream = {k: v.clone() for k, v in state.tensors().items()}, torch.get_rng_state()
    alarm = CopyAlarm(run, digits, split_of(digits, run))
    alarm(state)
    alarm(state)
    assert all(torch.equal(v, before[k]) for k, v in state.tensors().items())
    assert torch.equal(stream, torch.get_rng_state())


@pytest.mark.slow
@pytest.mark.parametrize(("count", "speaks"), [(8, True), (None, False)])
def test_a_network_that_overfits_few_images_sets_it_off(digits, count, speaks):
    """A real training, by 8 digits over and over or by 1,547 digits: 8,000 images seen."""
    run = tiny.run(
        images=8_000,
        validation_images=250,
        optimiser=Optimiser(kind="adamw", lr=5e-3, warmup_images=160),
        ema=Ema(halflife_images=800),
    )
    training, held_out = split(len(digits), 250, run.seed)
    state = TrainState.start(run, CPU)
    for _ in Diffusion(run, digits, CPU, split_of(digits, run)).train(state, training[:count]):
        pass
    said = CopyAlarm(run, digits, split_of(digits, run))(state)
    samples = Model(run.model, state.average).generate(64, seed=5, steps=20)
    found = memorisation(samples, digits, training=training[:count], held_out=held_out)
    print(said, found.verdict, np.quantile(found.views[0].samples.ratio, [0.05, 0.5, 0.95]), sep="\n")
    assert (said is not None) is speaks
    assert found.verdict.startswith("Most samples are near copies" if speaks else "No evidence")
