"""Up to the noise and back: orders of accuracy on data whose flow is known, round trips of models, and what is made in
the space of noise."""

import math

import pytest
import torch
from hearing import noticed
from oracles import F64, REMEMBERED, Mixture, gaussian, log_snr_grid

import painted
from debruit.editing.interpolation import interpolate
from debruit.editing.inversion import ascend, invert, redraw, reversible
from debruit.editing.slerp import slerp
from debruit.editing.variations import vary
from debruit.errors import InputError
from debruit.sampling.ddim import DDIM
from debruit.sampling.dpmpp_2m import DPMpp2M
from debruit.sampling.euler import Euler
from debruit.sampling.heun import Heun

PROCESSES = {name: REMEMBERED[name] for name in ("Flow", "VPCosine", "VE")}
processes = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
samplers = pytest.mark.parametrize("sampler", [Euler(), Heun()], ids=["Euler", "Heun"])


class LogSNRGrid:
    """Off the singular ends."""

    def times(self, process, steps):
        return log_snr_grid(process, steps)


class Unasked:
    def __call__(self):
        raise AssertionError("an inversion drew noise")


def order(error, steps=64):
    return math.log2(error(steps) / error(2 * steps))


@samplers
@processes
@pytest.mark.parametrize("law", [gaussian, Mixture])
def test_the_order_upwards(law, process, sampler):
    """Against the exact flow: the same quantile at the noisy end."""
    oracle = law(process)

    def error(steps):
        job = painted.job(oracle, process, sampler, steps, Unasked(), LogSNRGrid())
        low, high = job.times[-1], job.times[0]
        x = torch.linspace(-0.8, 0.9, 21, dtype=F64)[:, None]
        exact = oracle.flow(x, low, high)
        return float((painted.end(ascend(job, x)) - exact).abs().max() / exact.abs().max())

    assert order(error) == pytest.approx(sampler.order, abs=0.3)


@samplers
@processes
def test_the_order_of_the_round_trip(process, sampler):
    """Euler's error down does not undo that up. Heun's does so to one order more than its own, since its order is even:
    h^2 changes no sign with h."""
    oracle = gaussian(process)

    def error(steps):
        job = painted.job(oracle, process, sampler, steps, Unasked(), LogSNRGrid())
        x = torch.linspace(-0.8, 0.9, 21, dtype=F64)[:, None]
        return float((painted.end(job.run(painted.end(ascend(job, x)))) - x).abs().max())

    found = order(error)
    assert found > sampler.order - 0.3
    assert found == pytest.approx({1: 1, 2: 3}[sampler.order], abs=0.3)


@processes
def test_from_clean_images_to_noise_and_back(process):
    """On a whole grid, from t = 0, where no denoiser is asked: x_1 has the law of noise, and the way back ends where it
    began."""

    class Careful(Mixture):
        def __call__(self, x, t):
            assert t > 0, "eps is not defined at t = 0"
            return super().__call__(x, t)

    oracle = Careful(process, (1.0,), (0.3,), (0.5,))
    x0 = 0.3 + 0.5 * torch.linspace(-2, 2, 21, dtype=F64)[:, None]
    sigma = float(process.sigma(torch.ones((), dtype=F64)))
    missed = []
    for steps in (20, 80):
        job = painted.job(oracle, process, Heun(), steps, Unasked())
        x1 = painted.end(ascend(job, x0))
        missed.append(float((painted.end(job.run(x1)) - x0).abs().max()))
    assert missed[1] < missed[0] / 2
    assert missed[1] < 0.02
    assert float(x1.std() / sigma) == pytest.approx(float(((x0 - 0.3) / 0.5).std()), rel=0.05)


def test_a_model_gives_its_images_back():
    """Those that it drew itself lie on its flow; the more steps, the nearer."""
    model = painted.model(depth="float32")
    noise = torch.randn(1, *model.config.latent_shape, generator=torch.Generator().manual_seed(0))
    images = redraw(model, noise, steps=16)
    near, far = ((redraw(model, invert(model, images, steps=n), steps=n) - images).square().mean() for n in (16, 4))
    assert near < far / 4
    assert near < 1e-3


def test_a_latent_model_inverts_its_latents():
    """Each image has the autoencoder's latents at the bottom of the walk, and those are what its noise is drawn back
    to."""
    model, images = painted.model(latent=True), painted.photos(1)
    x = redraw(model, invert(model, images, steps=16), steps=16)
    assert (x.float() - model.images(model.latents(images)).float()).abs().mean() < 4


def test_an_inversion_is_the_same_alone_and_in_any_batch():
    model, images = painted.model(labels=True), painted.photos(3)
    together = invert(model, images, batch=2, label="cats,dogs")
    for k in range(3):
        torch.testing.assert_close(
            invert(model, images[k : k + 1], first=k, label="cats,dogs")[0], together[k], rtol=0, atol=1e-4
        )


def test_samplers_that_walk_both_ways():
    for same in (Euler(), Heun()):
        assert reversible(same) == same
    assert reversible(DDIM()) == Euler()
    for other in (DDIM(eta=1.0), DPMpp2M(), Heun(churn=0.1), Heun(coordinates="sigma")):
        assert reversible(other) == Heun()


def test_another_sampler_is_replaced_and_that_is_reported():
    model, images = painted.model(), painted.photos(1)
    with noticed(match="dpmpp_2m cannot be run backwards: heun without noise is used instead"):
        said = invert(model, images, sampler="dpmpp_2m")
    assert torch.equal(said, invert(model, images, sampler="heun"))


def test_the_weight_of_an_inversion_is_1_unless_it_is_given():
    model, images = painted.model(labels=True), painted.photos(1)
    model.config = painted.replace(model.config, sampling=painted.replace(model.config.sampling, guidance=3.0))
    plain = invert(model, images, label="cats")
    assert torch.equal(plain, invert(model, images, label="cats", guidance=1))
    assert not torch.equal(plain, invert(model, images, label="cats", guidance=3))
    assert not torch.equal(plain, invert(model, images, label="dogs"))


def test_slerp_keeps_norms_and_turns_evenly():
    a, b = torch.randn(2, 5, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=F64)
    b = b / b.flatten(1).norm(dim=1)[:, None, None, None] * a.flatten(1).norm(dim=1)[:, None, None, None]
    angle = lambda x, y: torch.arccos(torch.cosine_similarity(x.flatten(1), y.flatten(1)))  # noqa: E731
    whole = angle(a, b)
    for w in (0.1, 0.25, 0.5, 0.9):
        found = slerp(a, b, w)
        torch.testing.assert_close(found.flatten(1).norm(dim=1), a.flatten(1).norm(dim=1))
        torch.testing.assert_close(angle(a, found), w * whole)
        torch.testing.assert_close(found, slerp(b, a, 1 - w))
        torch.testing.assert_close(found[2:3], slerp(a[2:3], b[2:3], w))
    assert torch.equal(slerp(a, b, 0), a)
    assert torch.equal(slerp(a, b, 1), b)


def test_slerp_of_unequal_norms_and_of_one_direction():
    a, b = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 5.0]])
    torch.testing.assert_close(slerp(a, b, 0.5), torch.full((1, 2), 4 / 2**0.5))
    torch.testing.assert_close(slerp(a, 2 * a, 0.5), 1.5 * a)


def test_interpolation_ends_at_its_images():
    model, images = painted.model(), painted.photos(2)
    found = interpolate(model, images, frames=5, batch=2, seed=1)
    assert found.shape == (5, 3, 16, 16)
    ends = redraw(model, invert(model, images, seed=1), seed=1)
    assert (found[[0, 4]].int() - ends.int()).abs().max() <= 1
    assert torch.equal(interpolate(model, images, frames=5, seed=9), interpolate(model, images, frames=5, seed=1)), (
        "no noise"
    )
    backwards = interpolate(model, images.flip(0), frames=5)
    assert (found.flip(0).int() - backwards.int()).abs().max() <= 1


def test_variations_leave_the_image_by_their_amount():
    model, image = painted.model(depth="float32"), painted.photos(1, "float32").expand(4, -1, -1, -1)
    own = redraw(model, invert(model, image))
    away = [float((vary(model, image, amount=a, seed=2) - own).square().mean()) for a in (1e-4, 0.2, 0.6, 1.0)]
    assert away[0] < 1e-4
    assert away == sorted(away)
    found = vary(model, image, seed=2, batch=3)
    assert len({tuple(x.flatten().tolist()) for x in found}) == 4
    alone = vary(model, image[:1], seed=2, first=2)
    torch.testing.assert_close(alone[0], found[2], rtol=0, atol=1e-3)
    torch.testing.assert_close(vary(model, image, amount=1.0, seed=2), vary(model, 1 - image, amount=1.0, seed=2))


def test_bad_requests_in_the_space_of_noise():
    model, images = painted.model(), painted.photos(2)
    for frames, sentence in ((1, "1 frames: give 2 or more"), (0, "0 frames")):
        with pytest.raises(InputError, match=sentence):
            interpolate(model, images, frames=frames)
    with pytest.raises(InputError, match="1 images to interpolate between: give two"):
        interpolate(model, images[:1])
    for amount in (0, 1.5, -1, math.nan):
        with pytest.raises(InputError, match="give more than 0 .the image itself. up to 1"):
            vary(model, images, amount=amount)
    with pytest.raises(InputError, match="convert them first"):
        invert(model, painted.photos(1, side=8))
