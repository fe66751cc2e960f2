"""The loss: the same in whatever space the network predicts, L_simple is the plain MSE, and the hybrid term moves
variances only."""

import pytest
import torch
from oracles import F64, PROCESSES
from torch import nn

from debruit.diffusion.chain import Chain, Cosine
from debruit.diffusion.denoiser import NOISE_SCALE, Denoiser
from debruit.diffusion.objective import Objective
from debruit.diffusion.prediction import PREDICTIONS, combine, prediction
from debruit.diffusion.process import Coefficients, expand
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.diffusion.weighting import Simple, Weighting
from debruit.errors import InputError
from debruit.seams import implementations

processes = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
STEPS = torch.tensor([1, 12, 27, 45, 60], dtype=F64) / 60  # the first and the last step among them
T = torch.tensor([0.05, 0.2, 0.45, 0.7, 0.95], dtype=F64)


def equivalent_network(process, predicts: str, data_std: float):
    """One denoiser, x_0^ = tanh(x_t) / 2, as a network of any prediction type behind the input scaling of Denoiser."""

    def network(scaled, noise_level, cond):
        c = Coefficients(process, noise_level / NOISE_SCALE, data_std)
        x_t = scaled * expand((c.alpha**2 * data_std**2 + c.sigma**2).sqrt(), scaled)
        x0 = torch.tanh(x_t) / 2
        eps = (x_t - expand(c.alpha, x_t) * x0) / expand(c.sigma, x_t)
        return combine(prediction(predicts), c, x0, eps)

    return network


@pytest.fixture
def drawn():
    """x_0 and eps, (5, 2, 3, 3)."""
    return torch.randn(2, len(T), 2, 3, 3, dtype=F64, generator=torch.Generator().manual_seed(0))


@processes
@pytest.mark.parametrize("norm", ["l2", "l1"])
@pytest.mark.parametrize("weighting", implementations(Weighting))
def test_the_loss_does_not_depend_on_what_the_network_predicts(weighting, norm, process, drawn):
    (x0, eps), objective = drawn, Objective(weighting=implementations(Weighting)[weighting](), norm=norm)
    losses = {
        name: objective.loss(Denoiser(equivalent_network(process, name, 0.5), process, name, 0.5), x0, T, eps)
        for name in PREDICTIONS
    }
    assert losses["x0"].shape == (len(T),)
    for name, loss in losses.items():
        torch.testing.assert_close(loss, losses["x0"], rtol=1e-4, atol=0, msg=lambda m, name=name: f"{name}: {m}")


@processes
@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_denoiser_undoes_its_own_scaling(predicts, process, drawn):
    x_t = drawn[0]
    found = Denoiser(equivalent_network(process, predicts, 0.5), process, predicts, 0.5)(x_t, T)
    torch.testing.assert_close(found.x0, torch.tanh(x_t) / 2, rtol=1e-6, atol=1e-6)
    one = Denoiser(equivalent_network(process, predicts, 0.5), process, predicts, 0.5)(x_t[1:2], 0.2)
    torch.testing.assert_close(one.eps, found.eps[1:2])


@processes
def test_the_network_sees_unit_variance_and_a_precise_time(process):
    seen = {}

    def network(x, noise_level, cond):
        seen.update(x=x, level=noise_level)
        return x

    g = torch.Generator().manual_seed(0)
    x0, eps, t = 0.5 * torch.randn(4, 20_000, generator=g), torch.randn(4, 20_000, generator=g), T[:4]
    c = Coefficients(process, t, 0.5)
    Denoiser(network, process, "v", 0.5)(expand(c.alpha, x0) * x0 + expand(c.sigma, x0) * eps, t)
    torch.testing.assert_close(seen["x"].std(1), torch.ones(4), rtol=0.03, atol=0)
    assert seen["level"].dtype == torch.float32
    Denoiser(network, process, "v", 0.5)(x0.bfloat16(), torch.full((4,), 0.999, dtype=F64))
    torch.testing.assert_close(seen["level"], torch.full((4,), 999.0))


def test_released_networks_count_the_steps_of_the_chain_from_0(drawn):
    """c_noise is 1000 t + time_offset: i in 1..T by default, i - 1 in 0..T-1 with the offset of released networks."""
    seen = []

    def network(x, noise_level, cond):
        seen.append(noise_level)
        return x

    process, i = Tabulated(chain=Chain(steps=1000)), torch.tensor([1.0, 2.0, 500.0, 999.0, 1000.0], dtype=F64)
    Denoiser(network, process, "eps")(drawn[0], i / 1000)
    Denoiser(network, process, "eps", time_offset=-1.0)(drawn[0], i / 1000)
    torch.testing.assert_close(seen[0].double(), i)
    torch.testing.assert_close(seen[1].double(), i - 1)


def test_l_simple_on_eps_is_the_plain_mse(drawn):
    """Algorithm 1: ||eps - eps_theta(sqrt(abar) x_0 + sqrt(1 - abar) eps, t)||^2, mean over values."""
    (x0, eps), process = (part.float() for part in drawn), PROCESSES["Tabulated"]
    network = lambda x, level, cond: torch.sin(x) + expand(level, x) / 1000  # noqa: E731
    loss = Objective(weighting=Simple(space="eps")).loss(Denoiser(network, process, "eps"), x0, T, eps)
    abar = process.chain.abar[(T * 1000).round().long()].float()[:, None, None, None]
    x_t = abar.sqrt() * x0 + (1 - abar).sqrt() * eps
    expected = (eps - torch.sin(x_t) - T.float()[:, None, None, None]).square().mean((1, 2, 3))
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)


def test_l1_is_the_mean_absolute_error(drawn):
    (x0, eps), process = drawn, PROCESSES["VPCosine"]
    zero = lambda x, level, cond: torch.zeros_like(x)  # noqa: E731
    loss = Objective(weighting=Simple(space="eps"), norm="l1").loss(Denoiser(zero, process, "eps"), x0, T, eps)
    torch.testing.assert_close(loss, eps.abs().mean((1, 2, 3)).float())


class TwoHeads(nn.Module):
    """Predicts `mean` x in the first half of its channels and the constant `fraction` in the second."""

    def __init__(self):
        super().__init__()
        self.mean, self.fraction = nn.Parameter(torch.tensor(0.7)), nn.Parameter(torch.tensor(0.3))

    def forward(self, x, level, cond):
        return torch.cat([self.mean * x, self.fraction * torch.ones_like(x)], dim=1)


def test_the_second_half_of_the_channels_is_the_fraction():
    """From [-1, 1] to [0, 1]; and the first half is the prediction."""
    denoise = Denoiser(TwoHeads(), PROCESSES["VPCosine"], "v", learned_variance=True)
    x = torch.randn(2, 3, 4, 4)
    found = denoise(x, 0.5)
    torch.testing.assert_close(found.fraction, torch.full_like(x, 0.65))
    torch.testing.assert_close(found.x0, (0.5**0.5 - 0.7 * 0.5**0.5) * x)


def gradients(network, weight: float, drawn) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    x0, eps = (part.float().clamp(-1, 1) for part in drawn)
    process = Tabulated(chain=Chain(schedule=Cosine(), steps=60))
    objective = Objective(weighting=Simple(space="eps"), variance_weight=weight)
    loss = objective.loss(Denoiser(network, process, "eps", learned_variance=True), x0, STEPS, eps)
    grads = torch.autograd.grad(loss.sum(), (network.mean, network.fraction), allow_unused=True)
    return loss.detach(), *grads


def test_the_hybrid_term_has_no_gradient_into_the_mean(drawn):
    network = TwoHeads()
    plain, of_mean, of_fraction = gradients(network, 0.0, drawn)
    hybrid, with_bound, learned = gradients(network, 0.001, drawn)
    assert of_fraction == 0
    assert (hybrid != plain).all()
    torch.testing.assert_close(with_bound, of_mean, rtol=1e-6, atol=0)
    assert learned.isfinite()
    assert learned != 0
    _, _, twice = gradients(network, 0.002, drawn)
    torch.testing.assert_close(twice, 2 * learned, rtol=1e-5, atol=0)


def test_a_learned_variance_needs_a_chain(drawn):
    x0, eps = (part.float() for part in drawn)
    with pytest.raises(InputError, match="needs a process with a chain: set process=Tabulated"):
        Objective().loss(Denoiser(TwoHeads(), PROCESSES["Flow"], "v", learned_variance=True), x0, T, eps)
