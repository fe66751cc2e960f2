"""The latent cache: what the encoder says, to float16; found again by what it depends on; rebuilt when damaged; refused
when foreign."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from torch import nn

from debruit import events
from debruit.autoencoders.autoencoder import Autoencoder, measured
from debruit.autoencoders.codec import CodecModule, Moments
from debruit.autoencoders.coder import Coder
from debruit.autoencoders.kl import KL
from debruit.autoencoders.vq import VQ
from debruit.data.dataset import FAULT_BYTES, Dataset
from debruit.data.latents import UNUSED_DAYS, LatentCache, latent_cache
from debruit.errors import InputError
from debruit.files import parallel
from debruit.images.spec import DataSpec

COUNT = 10


@dataclass(frozen=True, kw_only=True)
class FakeCodec:
    """Halves each side and makes three channels."""

    fingerprint: str = "autoencoder-1"
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    spread: bool = True

    def latent_channels(self, channels: int) -> int:
        return 3

    def latent_size(self, height: int, width: int) -> tuple[int, int]:
        return -(-height // 2), -(-width // 2)

    def build(self, channels: int) -> "FakeModule":
        return FakeModule(self, channels)


class FakeModule(CodecModule):
    """A strided convolution with a lopsided kernel, so that it does not commute with a flip."""

    def __init__(self, config: FakeCodec, channels: int):
        super().__init__()
        self.config, self.asked = config, []
        g = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(6, channels, 2, 2, generator=g))
        self.eval()

    def encode(self, images):
        self.asked.append(len(images))
        assert (images.dtype, torch.is_inference_mode_enabled()) == (torch.float32, True)
        assert images.min() >= -1
        assert images.max() <= 1
        padded = nn.functional.pad(images, (0, images.shape[-1] % 2, 0, images.shape[-2] % 2), mode="replicate")
        mean, log_std = nn.functional.conv2d(padded, self.weight, stride=2).chunk(2, dim=1)
        mean = mean / torch.tensor(self.config.scale)[:, None, None]
        return Moments(mean, log_std.exp() if self.config.spread else None)


@pytest.fixture
def photos(tmp_path):
    return dataset()


def dataset(depth: str = "uint8", size: tuple[int, int] = (6, 6), fingerprint: str = "data-1", count: int = COUNT):
    high = {"uint8": 255, "uint16": 4095, "float32": 1}[depth]
    values = np.random.default_rng(0).random((count, 2, *size)) * high
    spec = DataSpec(
        name="photos",
        channels=2,
        height=size[0],
        width=size[1],
        depth=depth,
        low=0,
        high=high,
        count=count,
        fingerprint=fingerprint,
    )
    return Dataset(spec, values.astype(depth), paths=[f"{n}.png" for n in range(count)])


def build(
    data: Dataset, codec: FakeCodec | Autoencoder | None = None, module: CodecModule | None = None, **options
) -> LatentCache:
    codec = codec or FakeCodec()
    return latent_cache(
        data, codec, module or codec.build(2), **({"flip": False, "device": "cpu", "batch": 4} | options)
    )


def direct(data: Dataset, codec: FakeCodec | None = None, *, mirrored: bool = False) -> Moments:
    """The latents of all images, encoded in one batch."""
    x = data.spec.to_model(torch.from_numpy(data.images.copy()))
    with torch.inference_mode():
        return (codec or FakeCodec()).build(2).encode(x.flip(-1) if mirrored else x)


def assert_rounded(stored: torch.Tensor, exact: torch.Tensor) -> None:
    """Equal but for one rounding to float16 (half an ulp: 2^-11 of the value, 2^-25 below the normal numbers) and
    float32's own noise."""
    assert stored.dtype == torch.float32
    assert stored.shape == exact.shape
    assert ((stored - exact).abs() <= 2**-11 * exact.abs() + 2**-25 + 1e-6).all()


def entries(cache) -> list:
    return sorted((cache / "latents").iterdir())


@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_latents_are_the_encoders_to_float16(depth, size):
    data = dataset(depth, size)
    latents, exact = build(data), direct(data)
    assert len(latents) == COUNT
    order = np.random.default_rng(1).permutation(COUNT)
    found = latents.batch(order)
    assert_rounded(found.mean, exact.mean[order])
    assert_rounded(found.std, exact.std[order])
    assert not torch.equal(found.mean, exact.mean[order])  # it is float16 that lies there
    assert not found.mean.is_inference()  # they can be trained on


@pytest.mark.parametrize("frames", [1, 3])
def test_latents_of_images_and_clips_are_stored(frames):
    """Batches (B, C, H, W) and (B, C, F, H, W), each with its mirror images."""
    spec = DataSpec(
        name="clips",
        channels=2,
        frames=frames,
        height=5,
        width=7,
        depth="uint8",
        low=0,
        high=255,
        count=COUNT,
        fingerprint="clips",
    )
    values = np.random.default_rng(0).integers(0, 256, (COUNT, *spec.shape), dtype=np.uint8)
    data = Dataset(spec, values, paths=[f"{n}" for n in range(COUNT)])
    latents = build(data, SameSize(), flip=True)
    assert latents.latents.shape == (COUNT, 2, 2, 2, *spec.sizes)
    assert build(data, SameSize(), flip=True).latents.shape == latents.latents.shape
    batch = latents.batch([4, 1, 7], np.array([False, True, False]))
    x = spec.to_model(torch.from_numpy(values[[4, 1, 7]]))
    x[1] = x[1].flip(-1)
    assert_rounded(batch.mean, 2 * x)
    assert_rounded(batch.std, x.abs())


@dataclass(frozen=True)
class SameSize:
    """A codec of any rank: the latents have the size of the images, mean 2 x and std |x|."""

    fingerprint: str = "same-size"

    def latent_channels(self, channels: int) -> int:
        return channels

    def latent_size(self, *sizes: int) -> tuple[int, ...]:
        return sizes

    def build(self, channels: int) -> CodecModule:
        return SameSizeModule().eval()


class SameSizeModule(CodecModule):
    factor = 1

    def encode(self, images):
        return Moments(2 * images, images.abs())


def test_a_deterministic_encoder_has_no_std(photos):
    codec = FakeCodec(spread=False)
    latents = build(photos, codec, flip=True)
    assert latents.batch([0, 1]).std is None
    assert latents.latents.shape == (COUNT, 2, 1, 3, 3, 3)
    assert_rounded(latents.batch([7]).mean, direct(photos, codec).mean[[7]])


def test_mirrored_rows_are_the_latents_of_the_mirror_images(photos):
    latents = build(photos, flip=True)
    plain, mirror = direct(photos), direct(photos, mirrored=True)
    assert (plain.mean.flip(-1) - mirror.mean).abs().max() > 0.1  # a flip of latents would not do
    chosen = np.array([True, False, False, True])
    found = latents.batch([3, 3, 9, 0], chosen)
    where = torch.from_numpy(chosen)[:, None, None, None]
    assert_rounded(found.mean, torch.where(where, mirror.mean[[3, 3, 9, 0]], plain.mean[[3, 3, 9, 0]]))
    assert_rounded(found.std, torch.where(where, mirror.std[[3, 3, 9, 0]], plain.std[[3, 3, 9, 0]]))
    assert torch.equal(latents.batch([5]).mean, latents.batch([5], np.array([False])).mean)
    with pytest.raises(AssertionError, match="without flips"):
        build(photos).batch([0], np.array([True]))


@pytest.mark.parametrize("bottleneck", [KL(channels=3), VQ(channels=3, codes=8)])
def test_the_latents_of_real_autoencoders(bottleneck):
    torch.manual_seed(0)  # of the weights
    data = dataset(size=(9, 6))
    x = data.spec.to_model(torch.from_numpy(data.images.copy()))
    codec = Autoencoder(coder=Coder(channels=8, multipliers=(1, 2), blocks=1, groups=4), bottleneck=bottleneck)
    module = codec.build(2).eval()
    codec = measured(codec, module, [x])
    module.config = codec
    found = build(data, codec, module, flip=True).batch(range(COUNT))
    with torch.inference_mode():
        exact = module.encode(x)
    assert found.mean.std(dim=(0, 2, 3)).max() > 0.1  # none of them is constant
    assert_rounded(found.mean, exact.mean)
    if exact.std is None:
        assert found.std is None
    else:
        assert_rounded(found.std, exact.std)


def test_second_time_nothing_is_encoded(photos, heard):
    first, module = build(photos), FakeCodec().build(2)
    heard.clear()
    again = build(photos, module=module)
    assert (module.asked, heard) == ([], [])
    assert torch.equal(first.batch(range(COUNT)).mean, again.batch(range(COUNT)).mean)


def test_whatever_latents_depend_on_is_part_of_the_key(photos, cache):
    other_data = dataset(fingerprint="data-2")
    retrained, rescaled = FakeCodec(fingerprint="autoencoder-2"), FakeCodec(scale=(2.0, 1.0, 1.0))
    variants = [
        (photos, None, {}),
        (other_data, None, {}),
        (photos, retrained, {}),
        (photos, rescaled, {}),
        (photos, None, {"flip": True}),
        (photos, None, {"autocast": True}),
    ]
    made = [build(data, codec, **options) for data, codec, options in variants]
    assert len({latents.folder for latents in made}) == len(entries(cache)) == len(variants)
    assert_rounded(made[3].batch([0]).mean, direct(photos, rescaled).mean[[0]])
    for data, codec, options in variants:
        module = (codec or FakeCodec()).build(2)
        build(data, codec, module, **options)
        assert module.asked == []


def cut_short(folder):
    os.truncate(folder / "latents.bin", (folder / "latents.bin").stat().st_size - 2)


def overwrite(folder):
    with open(folder / "latents.bin", "r+b") as file:
        file.seek(100)
        file.write(bytes(64))


def change(**changes):
    def damage(folder):
        path = folder / "meta.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    damage.__name__ = "_".join(changes)
    return damage


def cut_meta(folder):
    os.truncate(folder / "meta.json", 40)


def no_latents(folder):
    (folder / "latents.bin").unlink()


def no_room(*args):
    raise OSError(errno.ENOSPC, "No space left on device")


DAMAGES = [cut_short, overwrite, cut_meta, no_latents, change(shape=[COUNT, 1, 2, 3, 3]), change(format=0)]


@pytest.mark.parametrize("damage", [*DAMAGES, change(data="data-2"), change(codec_fingerprint="autoencoder-2")])
def test_damaged_and_foreign_entries_are_built_again_and_reported(photos, cache, heard, damage):
    expected = build(photos).batch(range(COUNT))
    damage(entries(cache)[0])
    heard.clear()
    found = build(photos).batch(range(COUNT))
    assert [("is damaged" in line, "building it again" in line) for line in heard] == [(True, True), (False, False)]
    assert torch.equal(found.mean, expected.mean)
    assert torch.equal(found.std, expected.std)
    heard.clear()
    build(photos)
    assert heard == []


class Spoilt(FakeModule):
    """Gives `value` in the latents of image number 6, the third of the second batch."""

    value: float = torch.nan

    def encode(self, images):
        law = super().encode(images)
        if len(self.asked) == 2:
            law.mean[2, 0, 0, 0] = self.value
        return law


@pytest.mark.parametrize("value", [torch.nan, -torch.inf, 70_000.0])
def test_latents_that_float16_cannot_hold_are_refused(photos, cache, value):
    module = Spoilt(FakeCodec(), 2)
    module.value = value
    with pytest.raises(
        InputError, match=r"the autoencoder's latents of 6\.png are not finite, or beyond .*train it aga"
    ):
        build(photos, module=module)
    assert entries(cache) == []


def test_full_disk_ends_in_a_sentence_and_leaves_nothing(photos, cache, monkeypatch):
    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(InputError, match=r"the disk of the cache .* is full.*DEBRUIT_CACHE"):
        build(photos)
    assert entries(cache) == []


def test_too_little_space_is_reported_after_one_batch(photos, cache, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2000, 1001, 999))
    module = FakeCodec().build(2)
    with pytest.raises(InputError, match=r"the cache of the latents of photos needs .* MB and the disk of .* MB left"):
        build(photos, module=module)  # 10 images, 2 planes of 3 x 3 x 3 values of 2 bytes: 1,080
    assert module.asked == [4]
    assert entries(cache) == []


def test_an_interrupted_build_leaves_nothing(photos, cache):
    class Interrupted(FakeModule):
        def encode(self, images):
            if self.asked:
                raise KeyboardInterrupt
            return super().encode(images)

    with pytest.raises(KeyboardInterrupt):
        build(photos, module=Interrupted(FakeCodec(), 2))
    assert entries(cache) == []


def test_builds_at_once_agree(photos, cache):
    barrier, answers, problems = threading.Barrier(3), [], []

    class Together(FakeModule):
        def encode(self, images):
            if not self.asked:
                barrier.wait(30)  # nobody has found an entry: all build one
            return super().encode(images)

    def work():
        try:
            answers.append(build(photos, module=Together(FakeCodec(), 2)).batch(range(COUNT)))
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(answers) == 3
    for law in answers:
        assert_rounded(law.mean, direct(photos).mean)
    assert len(entries(cache)) == 1


def test_the_slower_build_takes_what_the_faster_has_written(photos, cache):
    class Slow(FakeModule):
        def encode(self, images):
            if not self.asked:
                build(photos)
            law = super().encode(images)
            return Moments(law.mean + 1, law.std)

    assert_rounded(build(photos, module=Slow(FakeCodec(), 2)).batch(range(COUNT)).mean, direct(photos).mean)
    assert len(entries(cache)) == 1


def test_a_build_holds_few_batches_at_a_time():
    alive, most = weakref.WeakSet(), []

    class Watched(FakeModule):
        def encode(self, images):
            most.append(len(alive))
            law = super().encode(images)
            alive.update((images, law.mean, law.std))
            return law

    module = Watched(FakeCodec(), 2)
    build(dataset(count=102), module=module, batch=4, flip=True)
    assert module.asked == [4, 4] * 25 + [2, 2]
    assert max(most) <= 6


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps"), reason="Linux says which pages are resident")
def test_pages_that_were_read_are_handed_back(monkeypatch):
    monkeypatch.setattr("debruit.data.latents.RELEASE_BYTES", 120 * FAULT_BYTES)
    latents = build(dataset(size=(64, 64), count=200), batch=50)
    assert latents.latents.nbytes > 2e6
    found = []
    for start in range(0, 200, 40):
        latents.batch(range(start, start + 40))
        found.append(resident(latents) > 0)
    assert found == [True, True, True, False, True]  # the fourth batch reads row number 121


def resident(latents: LatentCache) -> int:
    """kB of the mapping that are in memory."""
    with open("/proc/self/smaps") as file:
        for line in file:
            if str(latents.folder) in line:
                return next(int(line.split()[1]) for line in file if line.startswith("Rss:"))
    raise AssertionError("it is not mapped")


@dataclass
class Clock:
    now: float = 0.0
    time: object = field(default=time.time)

    def monotonic(self) -> float:
        return self.now


def test_progress_and_size_are_reported(photos, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(parallel, "time", clock)

    class Timed(FakeModule):
        def encode(self, images):
            clock.now += 4
            return super().encode(images)

    heard: list[events.Event] = []
    with events.listen(heard.append):
        build(photos, module=Timed(FakeCodec(), 2), batch=2)
    progress = [(event.stage, event.done, event.total, event.eta) for event in heard if event.done is not None]
    assert progress == [("encoding", n, 10, 20 - 2 * n) for n in (2, 4, 6, 8, 10)]
    assert heard[-1].message == "latents of 10 images: 1 MB in the cache"


def test_entries_that_nobody_uses_are_reported_and_kept(photos, cache, heard):
    retrained = FakeCodec(fingerprint="autoencoder-2")
    old, used = build(photos), build(photos, retrained)
    for latents in (old, used):
        os.utime(latents.folder / "meta.json", (time.time() - (UNUSED_DAYS + 1) * 86_400,) * 2)
    build(photos, retrained)
    heard.clear()
    build(photos, replace(retrained, fingerprint="autoencoder-3"))
    assert heard == [
        "latents of 10 images: 1 MB in the cache",
        f"latents that were not used for 30 days take 1 MB in {cache / 'latents'} (1 folder): delete them if you need "
        "the "
        "space",
    ]
    assert len(entries(cache)) == 3


def test_bfloat16_where_it_is_requested(photos):
    asked = []

    class ConditionBatch(FakeModule):
        def encode(self, images):
            asked.append(torch.is_autocast_enabled("cpu"))
            return super().encode(images)

    build(photos, module=ConditionBatch(FakeCodec(), 2))
    half = build(photos, module=ConditionBatch(FakeCodec(), 2), autocast=True)
    assert asked == [False] * 3 + [True] * 3
    mean = direct(photos).mean
    error = (half.batch(range(COUNT)).mean - mean).abs().max()
    assert 2**-10 * mean.abs().max() < error < 2**-6 * mean.abs().max()


def test_what_cannot_be_found_again_or_still_learns_is_a_defect(photos):
    with pytest.raises(AssertionError, match="an autoencoder without a fingerprint"):
        build(photos, FakeCodec(fingerprint=""))
    with pytest.raises(AssertionError, match="data without a fingerprint"):
        build(dataset(fingerprint=""))
    with pytest.raises(AssertionError, match="frozen"):
        build(photos, module=FakeCodec().build(2).train())
    with pytest.raises(AssertionError, match="another configuration"):
        build(photos, FakeCodec(scale=(2.0, 1.0, 1.0)), FakeCodec().build(2))


def test_listing_the_sources_does_not_wait_for_torch():
    code = "import sys, debruit.data.latents; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
