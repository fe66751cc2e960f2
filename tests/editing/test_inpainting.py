"""Painting a region anew: the known comes back bit by bit, and the unknown follows it."""

from itertools import pairwise

import pytest
import torch
from oracles import F64, REMEMBERED, SAMPLERS

import painted
from debruit.editing.inpainting import inpaint, repaint, schedule
from debruit.editing.outpainting import outpaint
from debruit.editing.region import as_region, at_latents, put_back
from debruit.editing.resizing import at_size
from debruit.errors import InputError
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.noise import ImageNoise
from debruit.sampling.sampler import level

HOLE = torch.zeros(painted.SIDE, painted.SIDE)
HOLE[3:10, 5:12] = 1
KINDS = [("uint8", False), ("uint16", False), ("float32", False), ("uint8", True), ("uint16", True)]
kinds = pytest.mark.parametrize(("depth", "latent"), KINDS)


def same(a, b):
    """Whether two sets of images are the same bit by bit."""
    return a.dtype == b.dtype and torch.equal(a.contiguous().view(torch.uint8), b.contiguous().view(torch.uint8))


def outside(images):
    return images.float()[:, :, HOLE == 0]


@kinds
def test_known_pixels_come_back_bit_by_bit(depth, latent):
    model, images = painted.model(depth=depth, latent=latent), painted.photos(2, depth)
    found = inpaint(model, images, region=HOLE, seed=3, resamplings=2)
    kept = put_back(
        images, found, HOLE.bool()[None, None].expand(2, 1, -1, -1)
    )  # what was painted, exchanged for the original
    assert same(kept, images)
    assert torch.equal(outside(found), outside(images))
    assert not torch.equal(found.float(), images.float())


def test_values_out_of_the_range_of_the_data_come_back_too():
    images = painted.photos(1, "float32") * 3 - 1
    found = inpaint(painted.model(depth="float32"), images, region=HOLE)
    assert torch.equal(outside(found), outside(images))


@pytest.mark.parametrize("latent", [False, True])
def test_an_image_is_painted_the_same_alone_and_in_any_batch(latent):
    model, images = painted.model(latent=latent, labels=True), painted.photos(3)
    regions = torch.stack([HOLE, HOLE.T, HOLE.flip(0)])
    options = {"sampler": "ancestral", "seed": 4, "label": "dogs"}
    together = inpaint(model, images, region=regions, batch=2, **options).int()
    for k in range(3):
        alone = inpaint(model, images[k : k + 1], region=regions[k], first=k, **options).int()
        assert (alone[0] - together[k]).abs().max() <= 1


@pytest.mark.parametrize("process", ["Flow", "VPCosine", "VE", "Tabulated"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_on_every_process(name, process):
    """The last snapshot holds the known part exactly, and each one is where the schedule says."""
    process = REMEMBERED[process]
    x0, unknown = torch.full((3, 1, 1, 2), 0.7, dtype=F64), torch.tensor([[[[False, True]]]])
    noise = ImageNoise(0, range(3), (1, 1, 2))
    job = painted.job(painted.Pair(process), process, SAMPLERS[name], 5, lambda: noise().double())
    snapshots = list(repaint(job, x0, unknown, 2, 2))
    assert [s.t for s in snapshots] == [1.0, *(to for _, to in schedule(job.times, 2, 2))]
    assert [s.step for s in snapshots] == list(range(snapshots[-1].steps + 1))
    assert snapshots[-1].t == 0
    assert torch.equal(snapshots[-1].x[..., :1], x0[..., :1])
    assert snapshots[-1].x.isfinite().all()
    assert len(set(snapshots[-1].x[..., 1].flatten().tolist())) == 3


def test_the_known_part_lies_at_the_noise_of_each_time():
    process, count = REMEMBERED["VPCosine"], 2000
    x0, unknown = torch.full((count, 1, 1, 2), 0.7, dtype=F64), torch.tensor([[[[False, True]]]])
    job = painted.job(painted.Pair(process), process, Ancestral(), 4, painted.Normal(x0.shape))
    for snapshot in repaint(job, x0, unknown, 1, 1):
        at, known = level(process, snapshot.t), snapshot.x[..., 0]
        assert float(known.mean()) == pytest.approx(at.alpha * 0.7, abs=5 * at.sigma / count**0.5 + 1e-9)
        assert float(known.std()) == pytest.approx(at.sigma, rel=0.08, abs=1e-9)


@pytest.mark.parametrize("process", ["Flow", "VE"])
def test_the_unknown_follows_the_known(process):
    """Of a correlated pair, one place known to lie 1.5 deviations above the mean, the other has the mean of its
    conditional law: the nearer the more often each step is walked. Without that, half of the correlation is lost."""
    process, count = REMEMBERED[process], 2000
    pair = painted.Pair(process)
    known = pair.mean + 1.5 * pair.std
    expected, deviation = pair.mean + pair.rho * (known - pair.mean), pair.std * (1 - pair.rho**2) ** 0.5
    x0 = torch.full((count, 1, 1, 2), known, dtype=F64)
    x0[..., 1] = 99.0  # what lies below the mask is never looked at
    unknown = torch.tensor([[[[False, True]]]])

    def missed(resamplings):
        job = painted.job(pair, process, Ancestral(), 20, painted.Normal(x0.shape))
        x = painted.end(repaint(job, x0, unknown, resamplings, 1))[..., 1]
        assert 0.6 < float(x.std()) / deviation < 1.15
        return abs(float(x.mean()) - expected) / deviation

    once, four, often = missed(1), missed(4), missed(12)
    assert once > 0.6
    assert four < once / 2
    assert often < 0.15


def test_what_lies_below_the_mask_is_never_looked_at():
    model, images = painted.model(), painted.photos(1)
    other = put_back(255 - images, images, HOLE.bool()[None, None])
    assert same(inpaint(model, images, region=HOLE), inpaint(model, other, region=HOLE))


def test_the_schedule():
    times = [1.0, 0.75, 0.5, 0.25, 0.0]
    down = [(1.0, 0.75), (0.75, 0.5), (0.5, 0.25), (0.25, 0.0)]
    assert schedule(times, 1, 1) == schedule(times, 1, 3) == down
    assert schedule(times, 2, 1)[:4] == [*down[:2], (0.5, 0.75), (0.75, 0.5)]
    assert schedule(times, 3, 2) == [*down[:2], *down[2:], *2 * [(0.0, 0.5), *down[2:]]]
    for resamplings in (1, 2, 5):
        for jump in (1, 2, 3, 9):
            moves = schedule(times, resamplings, jump)
            assert all(a[1] == b[0] for a, b in pairwise(moves)), "without a gap"
            assert [moves.count(move) for move in down] == [
                1 if k // jump == 0 else resamplings for k in range(4)
            ]  # the way from pure noise once


def test_a_latent_place_is_unknown_if_any_of_its_pixels_is():
    region = torch.zeros(1, 1, 10, 9, dtype=torch.bool)
    region[0, 0, 3, 8] = True  # in the last, cut place of its row
    found = at_latents(region, 4)
    assert found.shape == (1, 1, 3, 3)
    assert found.nonzero().tolist() == [[0, 0, 0, 2]]
    whole = torch.rand(2, 1, 16, 12, generator=torch.Generator().manual_seed(0)) > 0.8
    blocks = whole.unfold(2, 4, 4).unfold(3, 4, 4).flatten(4).any(4)
    assert torch.equal(at_latents(whole, 4), blocks)


@pytest.mark.parametrize(("side", "factor"), [(33, 8), (9, 4), (24, 16), (5, 4), (16, 1)])
def test_the_places_of_a_region_are_the_codec_s_whatever_the_size(side, factor):
    """Pixel n lies in place n // factor; ceil(side / places) is another number for these sizes."""
    for pixel in range(side):
        region = torch.zeros(1, 1, side, side, dtype=torch.bool)
        region[0, 0, pixel, 0] = True
        found = at_latents(region, factor)
        assert found.shape == (1, 1, -(-side // factor), -(-side // factor))
        assert found.nonzero().tolist() == [[0, 0, pixel // factor, 0]]


def test_bad_regions():
    images = painted.photos(2)
    cases = {
        "marks nothing": torch.zeros(16, 16),
        "marks everything": torch.ones(16, 16),
        "of shape (16, 8) for images of 16 x 16 pixels": torch.ones(16, 8),
        "of shape (3, 16, 16)": HOLE.expand(3, 16, 16),
    }
    for sentence, region in cases.items():
        with pytest.raises(InputError, match=sentence.replace("(", r"\(").replace(")", r"\)")):
            as_region(region, images)
    with pytest.raises(InputError, match="marks nothing"):
        as_region(torch.stack([HOLE, HOLE * 0]), images)


def test_bad_requests():
    model, images = painted.model(), painted.photos(2)
    with pytest.raises(InputError, match="0 resamplings over jumps of 1 steps: give 1 or more of each"):
        inpaint(model, images, region=HOLE, resamplings=0)
    with pytest.raises(InputError, match="jumps of 0 steps"):
        inpaint(model, images, region=HOLE, jump=0)
    with pytest.raises(
        InputError, match=r"\(2, 3, 8, 8\) and uint8 were given, and this model's are \(B, 3, 16, 16\) and uint8"
    ):
        inpaint(model, painted.photos(2, side=8), region=HOLE)
    with pytest.raises(InputError, match="and float32 were given"):
        inpaint(model, images.float(), region=HOLE)
    with pytest.raises(InputError, match=r"\(0, 3, 16, 16\)"):
        inpaint(model, images[:0], region=HOLE)


@kinds
def test_an_image_continued(depth, latent):
    model, images = painted.model(depth=depth, latent=latent), painted.photos(2, depth)
    found = outpaint(model, images, margins=(3, 0, 5, 2), resamplings=1)
    assert found.shape == (2, 3, 18, 24)
    assert same(found[:, :, :16, 3:19], images)
    assert found[:, :, :16, :3].float().std() > 0
    assert outpaint(model, images[:1], margins=4, resamplings=1).shape == (1, 3, 24, 24)


def test_an_image_continued_is_guided_by_a_guide_model_of_its_own_size():
    model, images, guide = painted.model(), painted.photos(1), painted.model()
    with torch.no_grad():
        for parameter in guide.backbone.parameters():
            parameter.mul_(0.9)
    plain = outpaint(model, images, margins=4, resamplings=1)
    guided = outpaint(model, images, margins=4, resamplings=1, guide=guide, guidance=2.0)
    assert guided.shape == (1, 3, 24, 24)
    assert same(guided[:, :, 4:20, 4:20], images)
    assert not same(guided, plain)
    with pytest.raises(
        InputError, match="the guide model has other images than the model that it is to guide: 3 x 8 x 8"
    ):
        outpaint(model, images, margins=4, guide=at_size(guide, 8, 8), guidance=2.0)


def test_bad_margins():
    model, images = painted.model(), painted.photos(1)
    for margins in (0, (0, -1, 2, 0), -3):
        with pytest.raises(InputError, match="give 0 or more on each side, and more than 0 on one"):
            outpaint(model, images, margins=margins)
