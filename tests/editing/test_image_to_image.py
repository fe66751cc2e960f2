"""Image to image, what all edits share, and sizes that a model was not trained at."""

import itertools

import pytest
import torch
from hearing import noticed
from oracles import F64, REMEMBERED, gaussian

import painted
from debruit import events
from debruit.conditioning.batch import ConditionBatch
from debruit.conditioning.edges import Canny
from debruit.conditioning.low_res import LowRes
from debruit.conditioning.mask import Mask
from debruit.editing.image_to_image import descend, image_to_image, nearest
from debruit.editing.inpainting import inpaint
from debruit.editing.interpolation import interpolate
from debruit.editing.inversion import invert, redraw
from debruit.editing.outpainting import outpaint
from debruit.editing.resizing import at_size
from debruit.editing.upscaling import upscale
from debruit.editing.variations import vary
from debruit.errors import InputError
from debruit.sampling.heun import Heun

MASK = Mask(channels=2)
SKY = {"mask_names": ("sky", "sea"), "palette": ((0, 0, 255), (0, 255, 0))}


@pytest.mark.parametrize("latent", [False, True])
def test_strength_1_draws_from_noise_alone(latent):
    model, images = painted.model(latent=latent), painted.photos(3)
    found = image_to_image(model, images, strength=1, seed=4, sampler="dpmpp_2m")
    assert torch.equal(found, model.generate(3, seed=4, sampler="dpmpp_2m"))


def test_the_image_is_left_by_its_strength():
    model, images = painted.model(depth="float32"), painted.photos(2, "float32")
    away = [
        (image_to_image(model, images, strength=s, steps=12, seed=1) - images).square().mean()
        for s in (0.08, 0.33, 0.67, 1)
    ]
    assert away == sorted(away)
    assert away[0] < away[-1] / 20


def test_the_walk_begins_at_the_image_with_noise_of_its_time():
    process, x0 = REMEMBERED["VPCosine"], torch.full((5, 1), 2.0, dtype=F64)
    noise = painted.Normal((5, 1))
    snapshots = list(descend(painted.job(gaussian(process), process, Heun(), 10, noise), x0, 6))
    eps = painted.Normal((5, 1))()
    t = torch.tensor(snapshots[0].t, dtype=F64)
    torch.testing.assert_close(snapshots[0].x, process.alpha(t) * x0 + process.sigma(t) * eps)
    assert snapshots[0].t == pytest.approx(0.4)
    assert len(snapshots) == 5
    assert snapshots[-1].t == 0


def test_the_nearest_time_of_the_grid():
    times = [1.0, 0.75, 0.5, 0.25, 0.0]
    assert [nearest(times, s) for s in (1, 0.9, 0.875, 0.8, 0.5, 0.3, 1e-6)] == [0, 0, 0, 1, 2, 3, 3]


def test_a_strength_that_no_step_is_near_is_reported():
    model, images = painted.model(), painted.photos(1)
    with noticed(match="strength 0.2 begins at 0.5, the nearest of the grid's 2 steps: more steps come closer"):
        image_to_image(model, images, strength=0.2, steps=2)


def test_bad_strengths():
    for strength in (0, 1.01, -0.1, float("nan")):
        with pytest.raises(InputError, match="give more than 0 .nothing changes. up to 1"):
            image_to_image(painted.model(), painted.photos(1), strength=strength)


def test_an_image_is_the_same_alone_and_in_any_batch():
    model, images = painted.model(labels=True), painted.photos(4)
    options = {"strength": 0.6, "sampler": "ancestral", "seed": 4, "label": "cats,dogs"}
    together = image_to_image(model, images, batch=3, **options).int()
    for k in range(4):
        alone = image_to_image(model, images[k : k + 1], first=k, **options).int()
        assert (alone[0] - together[k]).abs().max() <= 1


def test_a_condition_that_is_not_given_is_dropped():
    """Where drawing takes the classes in turn. An empty prompt of drawing is the guidance weight 0."""
    model, images = painted.model(labels=True), painted.photos(2)
    none = image_to_image(model, images, strength=1, seed=1)
    assert torch.equal(none, model.generate(2, seed=1, guidance=0))
    assert not torch.equal(none, model.generate(2, seed=1))
    assert torch.equal(
        image_to_image(model, images, strength=1, seed=1, label="dogs"), model.generate(2, seed=1, label="dogs")
    )


def test_guidance_needs_something_to_weigh():
    for model in (painted.model(labels=True), painted.model()):
        with pytest.raises(InputError, match="guidance weighs a condition, and none was given"):
            image_to_image(model, painted.photos(1), strength=0.5, guidance=2)
    image_to_image(painted.model(labels=True), painted.photos(1), strength=0.7, guidance=2, label="cats")


def test_bad_batches():
    with pytest.raises(InputError, match="a batch of 0 images"):
        image_to_image(painted.model(), painted.photos(1), strength=0.5, batch=0)


def test_progress_grows_to_the_number_of_images():
    model, images = painted.model(), painted.photos(3)
    region = torch.eye(16)
    for work in (
        lambda **o: image_to_image(model, images, strength=0.7, **o),
        lambda **o: inpaint(model, images, region=region, **o),
        lambda **o: vary(model, images, **o),
        lambda **o: interpolate(model, images[:2], frames=3, **o),
    ):
        heard: list[events.Event] = []
        with events.listen(heard.append):
            work(batch=2)
        done = [event.done for event in heard if event.stage == "editing"]
        assert all(a <= b for a, b in itertools.pairwise(done))
        assert done[-1] == pytest.approx(3)
        assert 0 <= done[0] < 1.5
        assert {event.total for event in heard} == {3}


def test_an_edit_is_cancelled_between_steps():
    model, token, heard = painted.model(), events.CancelToken(), []

    def cancel(event):
        heard.append(event)
        token.cancel()

    with events.listen(cancel, token), pytest.raises(events.Cancelled):
        image_to_image(model, painted.photos(1), strength=0.7)
    assert len(heard) == 1


def test_a_model_at_another_size_shares_its_weights():
    model = painted.model(latent=True, labels=True, conditioners=[MASK], has=SKY)
    larger = at_size(model, 20, 26)
    assert larger.config.latent_shape == (2, 10, 13)
    assert ConditionBatch.full(larger.config, 1).values["mask"].shape == (1, 20, 26)
    assert ConditionBatch.full(model.config, 1).values["mask"].shape == (1, 16, 16)
    pairs = zip(model.backbone.parameters(), larger.backbone.parameters(), strict=True)
    assert all(a.data_ptr() == b.data_ptr() for a, b in pairs)
    assert larger.generate(2, steps=2).shape == (2, 3, 20, 26)


def test_at_its_own_size_a_model_is_itself():
    model = painted.model(labels=True, conditioners=[MASK], has=SKY)
    assert torch.equal(at_size(model, 16, 16).generate(2, seed=1), model.generate(2, seed=1))


def test_a_mask_condition_covers_the_larger_canvas():
    model, image = painted.model(conditioners=[MASK], has=SKY), painted.photos(1)
    masks = [torch.zeros(24, 24, dtype=torch.uint8), torch.ones(24, 24, dtype=torch.uint8)]
    sky, sea = (outpaint(model, image, margins=4, mask=mask) for mask in masks)
    assert sky.shape == (1, 3, 24, 24)
    assert not torch.equal(sky, sea)
    assert torch.equal(sky[:, :, 4:20, 4:20], sea[:, :, 4:20, 4:20])


@pytest.mark.parametrize("latent", [False, True])
def test_super_resolution_of_any_size(latent):
    model = painted.model(latent=latent, conditioners=[LowRes()])
    small = painted.photos(3, side=4)
    found = upscale(model, small, batch=2, seed=3)
    assert found.shape == (3, 3, 16, 16)
    assert torch.equal(found, model.generate(3, image=small, seed=3))
    for k in range(3):
        assert (upscale(model, small[k : k + 1], first=k, seed=3)[0].int() - found[k].int()).abs().max() <= 1
    assert (upscale(model, small[1:], first=1, seed=3).int() - found[1:].int()).abs().max() <= 1
    assert upscale(model, small[:1, :, :3], seed=3).shape == (1, 3, 12, 16)
    assert upscale(model, painted.photos(1, side=7)).shape == (1, 3, 28, 28)


def test_an_enlarging_model_is_guided_by_a_guide_model_at_any_size():
    model, guide = (painted.model(conditioners=[LowRes()]) for _ in range(2))
    with torch.no_grad():
        for parameter in guide.backbone.parameters():
            parameter.mul_(0.9)
    small = painted.photos(1, side=6)
    guided = upscale(model, small, guide=guide, guidance=2.0)
    assert guided.shape == (1, 3, 24, 24)
    assert not torch.equal(guided, upscale(model, small))


def test_a_model_that_enlarges_edits_nothing():
    model = painted.model(conditioners=[LowRes()])
    with pytest.raises(InputError, match="always needs a small image to enlarge, so it cannot edit"):
        image_to_image(model, painted.photos(1), strength=0.5)


def test_bad_enlargements():
    with pytest.raises(InputError, match="enlarges no images, since it was trained with label: .* --condition low-res"):
        upscale(painted.model(labels=True), painted.photos(1, side=4))
    with pytest.raises(InputError, match="since it was trained with no condition"):
        upscale(painted.model(), painted.photos(1, side=4))
    with pytest.raises(InputError, match="since it was trained with canny"):
        upscale(painted.model(conditioners=[Canny()]), painted.photos(1, side=4))
    with pytest.raises(InputError, match=r"\(1, 1, 4, 4\) to enlarge, and this model's are \(B, 3, h, w\)"):
        upscale(painted.model(conditioners=[LowRes()]), painted.photos(1, side=4, channels=1))


def test_a_condition_of_the_model_goes_through_every_edit():
    """Conditions reach the network by the same door in all of them."""
    model, images = painted.model(labels=True), painted.photos(1)
    for edit in (
        lambda label: image_to_image(model, images, strength=0.7, label=label),
        lambda label: inpaint(model, images, region=torch.eye(16), label=label),
        lambda label: outpaint(model, images, margins=2, label=label),
        lambda label: vary(model, images, label=label),
        lambda label: redraw(model, invert(model, images, label="cats"), label=label),
    ):
        assert not torch.equal(edit("cats"), edit("dogs"))
