"""The codebook: nearest codes, gradients, usage and revival."""

import pytest
import torch

from debruit.autoencoders import vq
from debruit.autoencoders.codec import Moments
from debruit.autoencoders.vq import VQ, nearest
from debruit.rng import Purpose, stream


def module(codes: int = 16, channels: int = 3, **changes):
    built = VQ(channels=channels, codes=codes, **changes).build()
    torch.nn.init.normal_(built.codebook.weight)
    return built


def excess(latents, codebook, codes) -> float:
    """By how much the squared distance to these codes is greater than to the nearest, at most; by brute force in
    float64."""
    difference = latents.double().permute(0, 2, 3, 1)[:, :, :, None, :] - codebook.double()
    distances = difference.square().sum(-1)
    return float((distances.gather(-1, codes[..., None])[..., 0] - distances.amin(-1)).max())


@pytest.mark.parametrize("at_once", [1, 100, 2**24])
@pytest.mark.parametrize("spread", [1.0, 1e-4])
def test_nearest_is_brute_force(monkeypatch, at_once, spread):
    """In pieces of any size, and with codes as close together as a fresh codebook of 8192 has them."""
    monkeypatch.setattr(vq, "DISTANCES", at_once)
    latents, codebook = torch.randn(2, 3, 4, 5), torch.randn(32, 3) * spread
    assert excess(latents, codebook, nearest(latents, codebook)) < 1e-6 * spread


def test_nearest_is_exact_under_autocast():
    latents, codebook = torch.randn(2, 3, 8, 8), torch.randn(200, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert excess(latents, codebook, nearest(latents, codebook)) < 1e-6


def test_a_fresh_codebook_is_even_within_one_over_codes():
    weight = VQ(codes=64).build().codebook.weight
    assert float(weight.detach().abs().max()) <= 1 / 64
    assert float(weight.detach().std()) == pytest.approx(1 / 64 / 3**0.5, rel=0.2)


def test_the_decoder_gets_codes_and_the_encoder_their_gradient():
    """Straight-through: the gradient at z is what it would be at e, and none reaches the codebook through the
    reconstruction."""
    built = module()
    z = torch.randn(2, 3, 4, 4, requires_grad=True)
    passed = built(Moments(z), None)
    e = built.codebook(passed.codes).movedim(-1, 1).detach().requires_grad_()
    torch.testing.assert_close(passed.decodable, built.post(e))
    torch.testing.assert_close(built.decode(z), passed.decodable)
    loss = lambda decodable: decodable.pow(3).sum()  # noqa: E731
    (expected,) = torch.autograd.grad(loss(built.post(e)), e)
    found, codebook = torch.autograd.grad(loss(passed.decodable), [z, built.codebook.weight], allow_unused=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert codebook is None


@pytest.mark.parametrize("beta", [0.25, 2.0])
def test_the_penalty_moves_codes_and_commits_the_encoder(beta):
    built = module(beta=beta)
    z = torch.randn(2, 3, 4, 4, requires_grad=True)
    passed = built(Moments(z), None)
    e = built.codebook(passed.codes).movedim(-1, 1).detach()
    torch.testing.assert_close(passed.penalty, (1 + beta) * (z - e).square().mean((1, 2, 3)))
    on_z, on_codes = torch.autograd.grad(passed.penalty.sum(), [z, built.codebook.weight])
    torch.testing.assert_close(on_z, beta * 2 * (z - e).detach() / z[0].numel())
    expected = torch.zeros_like(on_codes)
    rows = (2 * (e - z) / z[0].numel()).detach().permute(0, 2, 3, 1).reshape(-1, 3)
    torch.testing.assert_close(on_codes, expected.index_add(0, passed.codes.flatten(), rows))


def counted(built, codes: torch.Tensor, repeats: int = 1):
    """Quantises latents that lie on these codes, (B, h, w), in training mode."""
    for _ in range(repeats):
        built.train()(Moments(built.codebook(codes).movedim(-1, 1).detach()), None)
    return built


def test_usage_is_an_average_over_images_not_batches():
    codes = torch.randint(0, 4, (1, 5, 5)).expand(8, 5, 5)  # all images use the same codes
    whole, parts = module(usage_images=16), module(usage_images=16)
    parts.load_state_dict(whole.state_dict())
    counted(whole, codes)
    for part in codes.split(2):
        counted(parts, part)
    torch.testing.assert_close(whole.usage, parts.usage)
    share = torch.bincount(codes.flatten(), minlength=16) / codes.numel()
    torch.testing.assert_close(counted(whole, codes).usage, (1 / 16 + share) / 2)  # 16 images: one half-life
    assert float(whole.usage.sum()) == pytest.approx(1)


def test_usage_is_still_outside_of_training():
    built = module().eval()
    before = built.usage.clone()
    built(Moments(torch.randn(2, 3, 4, 4)), None)
    built.decode(torch.randn(2, 3, 4, 4))
    assert torch.equal(built.usage, before)


def test_perplexity_counts_the_codes_in_use():
    built = module(codes=16, usage_images=1)
    assert built.perplexity == pytest.approx(16)
    counted(built, torch.arange(4).view(1, 2, 2), repeats=40)
    assert built.perplexity == pytest.approx(4)
    assert built.dead.tolist() == [False] * 4 + [True] * 12


@pytest.mark.parametrize("places", [4, 30])
def test_revival_moves_dead_codes_onto_latents(places):
    """Deterministic by the generator; codes in use stay; with enough latents no two codes get the same."""
    built = counted(module(codes=16, usage_images=1), torch.arange(4).view(1, 2, 2), repeats=40)
    before, latents = built.codebook.weight.detach().clone(), torch.randn(1, 3, 1, places)
    assert built.revive(latents, stream(Purpose.CODES, 7, 0, 0)) == 12
    after = built.codebook.weight.detach()
    assert torch.equal(after[:4], before[:4])
    same = (after[4:, None] == latents[0, :, 0].T).all(-1)  # (12, places)
    assert same.sum(1).tolist() == [1] * 12
    assert int(same.sum(0).max()) == (1 if places >= 12 else 3)
    assert not built.dead.any()
    assert built.revive(latents, stream(Purpose.CODES, 8, 0, 0)) == 0
    assert torch.equal(built.codebook.weight, after)

    again = counted(module(codes=16, usage_images=1), torch.arange(4).view(1, 2, 2), repeats=40)
    again.codebook.weight.data.copy_(before)
    again.revive(latents, stream(Purpose.CODES, 7, 0, 0))
    assert torch.equal(again.codebook.weight, after)
    again.codebook.weight.data.copy_(before)
    again.usage.copy_(torch.tensor([0.25] * 4 + [0.0] * 12))
    again.revive(latents, stream(Purpose.CODES, 9, 0, 0))
    assert not torch.equal(again.codebook.weight, after)


def test_revived_codes_are_used():
    """What revival is for: a codebook that collapsed onto one code quantises well again."""
    built = module(codes=8, usage_images=4)
    latents = torch.randn(4, 3, 6, 6) + 5
    with torch.no_grad():
        built.codebook.weight[0] = 5.0
    for _ in range(20):
        error = float(built(Moments(latents), None).penalty.detach().mean())
    assert built.revive(latents, stream(Purpose.CODES, 0, 0, 0)) >= 6
    passed = built(Moments(latents), None)
    assert len(passed.codes.unique()) >= 7
    assert float(passed.penalty.detach().mean()) < 0.7 * error
