"""Muon: orthogonal updates for matrices and kernels, AdamW for the rest."""

import math

import pytest
import tiny
import torch
from torch import nn

from debruit.errors import InputError
from debruit.training.config import Optimiser
from debruit.training.optim.muon import Muon, newton_schulz
from debruit.training.state import build_optimiser

SETTINGS = {"lr": 0.01, "betas": (0.9, 0.99), "eps": 1e-8, "momentum": 0.9}


def parameters(*shapes):
    g = torch.Generator().manual_seed(0)
    found = [nn.Parameter(torch.randn(shape, generator=g)) for shape in shapes]
    for p in found:
        p.grad = torch.randn(p.shape, generator=g)
    return found


@pytest.mark.parametrize("shape", [(3, 20, 50), (2, 50, 20), (1, 96, 864), (2, 16, 16)])
def test_newton_schulz_is_about_the_orthogonal_factor(shape):
    g = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    found = newton_schulz(g)
    u, s, vt = torch.linalg.svd(g, full_matrices=False)
    inside = u.mT @ found @ vt.mT  # diagonal, since the iteration keeps the singular vectors
    values = inside.diagonal(dim1=1, dim2=2)
    assert (inside - torch.diag_embed(values)).abs().max() < 1e-3
    clear = s > 0.02 * s.norm(dim=1, keepdim=True)  # the smallest need more iterations than there are
    assert values[clear].min() > 0.5
    assert values.max() < 1.3


@pytest.mark.parametrize("decades", [0, 3, 6])
@pytest.mark.parametrize("shape", [(3, 64, 576), (2, 96, 96), (2, 200, 50)])
def test_in_bfloat16_the_factor_is_the_same_to_a_quarter(shape, decades):
    """Whatever the spread of the singular values: a Gram matrix in bfloat16 alone would be wrong by a factor of 100."""
    g = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    u, s, vt = torch.linalg.svd(g, full_matrices=False)
    g = u * torch.logspace(0, -decades, s.shape[1]) @ vt if decades else g
    exact, half = newton_schulz(g), newton_schulz(g.bfloat16())
    assert half.dtype == torch.bfloat16
    assert (half.float() - exact).norm() < 0.25 * exact.norm()
    assert torch.linalg.svdvals(half.float()).max() < 1.5


def test_half_the_precision_leaves_weights_and_momenta_in_float32():
    (kernel,), (exact,) = parameters((24, 8, 3, 3)), parameters((24, 8, 3, 3))
    before = exact.detach().clone()
    for parameter, half in ((kernel, True), (exact, False)):
        optimiser = Muon([{"params": [parameter], "weight_decay": 0.0, "matrices": True}], **SETTINGS, half=half)
        optimiser.step()
        assert {value.dtype for value in optimiser.state[parameter].values()} == {torch.float32}
    assert not torch.equal(kernel, exact)
    torch.testing.assert_close(kernel, exact, rtol=0, atol=0.1 * float((exact.detach() - before).abs().max()))


def test_a_step_moves_a_kernel_by_its_orthogonal_factor_and_decays_it():
    (kernel,) = parameters((24, 8, 3, 3))
    before, gradient = kernel.detach().clone(), kernel.grad.clone()
    Muon([{"params": [kernel], "weight_decay": 0.5, "matrices": True}], **SETTINGS).step()
    update = newton_schulz((1.9 * gradient).reshape(1, 24, 72)).reshape(kernel.shape)  # g + 0.9 (0.9 * 0 + g)
    expected = before * (1 - 0.01 * 0.5) - 0.01 * 0.2 * math.sqrt(72) * update
    torch.testing.assert_close(kernel.detach(), expected)


def test_momentum_is_remembered():
    (kernel,) = parameters((20, 30))
    optimiser = Muon([{"params": [kernel], "weight_decay": 0.0, "matrices": True}], **SETTINGS)
    first = kernel.grad.clone()
    optimiser.step()
    before = kernel.detach().clone()
    second = torch.randn_like(kernel)
    kernel.grad = second.clone()
    optimiser.step()
    momentum = 0.9 * first + second
    update = newton_schulz((second + 0.9 * momentum)[None])[0]
    torch.testing.assert_close(kernel.detach(), before - 0.01 * 0.2 * math.sqrt(30) * update)


def test_kernels_of_one_shape_are_updated_together_as_alone():
    pair = parameters((24, 8, 3, 3), (24, 8, 3, 3), (16, 24))
    alone = [nn.Parameter(p.detach().clone()) for p in pair]
    for p, q in zip(pair, alone, strict=True):
        q.grad = p.grad.clone()
    Muon([{"params": pair, "weight_decay": 0.0, "matrices": True}], **SETTINGS).step()
    for p, q in zip(pair, alone, strict=True):
        Muon([{"params": [q], "weight_decay": 0.0, "matrices": True}], **SETTINGS).step()
        torch.testing.assert_close(p, q)


def test_what_is_no_matrix_takes_the_steps_of_adamw():
    ours, theirs = parameters((7,), (5, 4)), parameters((7,), (5, 4))
    muon = Muon([{"params": ours, "weight_decay": 0.1}], **SETTINGS)
    adamw = torch.optim.AdamW(theirs, lr=0.01, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
    for _ in range(3):
        muon.step()
        adamw.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_every_parameter_is_in_one_group_and_narrow_ones_are_adams():
    backbone = tiny.run().model.build()
    optimiser = build_optimiser(Optimiser(kind="muon"), backbone)
    assert isinstance(optimiser, Muon)
    groups = [{id(p) for p in group["params"]} for group in optimiser.param_groups]
    assert set().union(*groups) == {id(p) for p in backbone.parameters()}
    assert sum(map(len, groups)) == len(list(backbone.parameters()))
    by_name = dict(backbone.named_parameters())
    matrices = next({id(p) for p in g["params"]} for g in optimiser.param_groups if g["matrices"])
    assert id(by_name["network.middle.0.conv_in.weight"]) in matrices
    assert id(by_name["network.head.weight"]) not in matrices
    assert id(by_name["network.norm.weight"]) not in matrices


def test_a_momentum_outside_its_range_is_refused():
    with pytest.raises(InputError, match="optimiser.momentum=1: give at least 0 and below 1"):
        Optimiser(momentum=1.0)
