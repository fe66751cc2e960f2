"""Algorithm 1 on the page: each line against NumPy, the gradient against finite differences, and the stepper."""

import numpy as np
import pytest
import torch
from lessons import chained
from test_page import browser, opened, reading  # noqa: F401 - a fixture

from debruit.lecture import chapters, page, training
from debruit.lecture.chapters import training as chapter
from debruit.lecture.maths import mathml
from debruit.lecture.study import Detail, begin
from debruit.lecture.training import training as algorithm_1

T = 12


def value(text):
    """The number that the page shows in English."""
    plain = text.replace(",", "").replace("−", "-").replace("·10", "e")
    return float(plain.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))


def double(**changes):
    """A study of a chain model whose network computes in float64."""
    study = begin(chained(T, **changes), label=3, seed=5)
    study.model.backbone.double()
    study.__dict__["x0"] = study.x0.double()
    return study


def cosine_abar(steps=T):
    """The lecture's cosine schedule, clipped, in NumPy."""
    f = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * np.pi / 2) ** 2
    beta = np.minimum(1 - f[1:] / f[:-1], 0.999)
    return np.concatenate([[1.0], np.cumprod(1 - beta)])


def network(study, x_t, t):
    """y_theta of the network itself, whose input has unit variance for data of standard deviation 1/2."""
    abar, model = cosine_abar()[t], study.model
    cond = model.backbone.cond({"label": torch.tensor([3])}, {"label": torch.tensor([True])})
    c_in = 1 / np.sqrt(abar / 4 + 1 - abar)
    return model.backbone(c_in * x_t, torch.tensor([1000 * t / T], dtype=torch.float64), cond)


def test_every_line_is_that_of_numpy():
    study = double()
    r, abar, x0 = algorithm_1(study), cosine_abar(), study.x0.numpy()
    for n, t in enumerate(r.steps):
        eps = r.eps[n : n + 1].numpy()
        x_t = np.sqrt(abar[t]) * x0 + np.sqrt(1 - abar[t]) * eps
        np.testing.assert_allclose(r.x_t[n : n + 1].numpy(), x_t, rtol=1e-6, atol=1e-9)
        with torch.no_grad():
            v = network(study, torch.from_numpy(x_t), t).numpy()
        eps_hat = np.sqrt(abar[t]) * v + np.sqrt(1 - abar[t]) * x_t
        np.testing.assert_allclose(r.eps_hat[n : n + 1].numpy(), eps_hat, rtol=1e-6, atol=1e-6)
        assert float(r.loss[n]) == pytest.approx(((eps - eps_hat) ** 2).sum(), rel=1e-6)
        assert float(r.mean_loss[n]) == pytest.approx(((eps - eps_hat) ** 2).mean(), rel=1e-6)
        truth = np.sqrt(abar[t]) * eps - np.sqrt(1 - abar[t]) * x0
        assert float(r.own_loss[n]) == pytest.approx(((truth - v) ** 2).mean(), rel=1e-6)


def test_the_gradient_is_the_slope_of_the_loss_and_the_step_is_taken_along_it():
    study, n = double(), 3
    r, abar = algorithm_1(study), cosine_abar()
    t, eps = r.steps[n], r.eps[n : n + 1]
    x_t = float(np.sqrt(abar[t])) * study.x0 + float(np.sqrt(1 - abar[t])) * eps

    def loss():
        eps_hat = float(np.sqrt(abar[t])) * network(study, x_t, t) + float(np.sqrt(1 - abar[t])) * x_t
        return ((eps - eps_hat) ** 2).sum()

    parameters = list(study.model.backbone.parameters())
    gradient = torch.autograd.grad(loss(), parameters, allow_unused=True)
    before = [p.detach().clone() for p in parameters]

    def moved(length):
        with torch.no_grad():
            for p, q, g in zip(parameters, before, gradient, strict=True):
                p.copy_(q if g is None else q - length * g)
            return float(loss())

    norm, rate = float(r.gradient[n]), float(r.rate[n])
    h = 1e-4 / norm**2
    assert (moved(-h) - moved(h)) / (2 * h) == pytest.approx(norm**2, rel=1e-4), "the slope along g is |g|^2"
    assert rate == pytest.approx(0.1 * float(r.loss[n]) / norm**2, rel=1e-9)
    assert moved(rate) == pytest.approx(float(r.after[n]), rel=1e-6)
    assert float(r.after[n]) < float(r.loss[n])


def test_the_model_is_left_as_it_is(study):
    before = {name: w.clone() for name, w in study.model.backbone.state_dict().items()}
    one, again = algorithm_1(study), algorithm_1(study)
    assert all(torch.equal(w, before[name]) for name, w in study.model.backbone.state_dict().items())
    assert all(p.grad is None for p in study.model.backbone.parameters())
    assert torch.equal(one.after, again.after), "each iteration starts from the same parameters"


@pytest.mark.parametrize("which", ["study", "flowing"])
def test_the_prediction_is_the_studys(which, request):
    """In the chain's coordinates, for a chain and for a process in continuous time, pure noise included."""
    study = request.getfixturevalue(which)
    r = algorithm_1(study, iterations=30)
    assert study.chain.chain.steps in r.steps
    eps_hat = study.estimate(r.x_t, torch.tensor(r.steps)).eps
    torch.testing.assert_close(r.eps_hat, eps_hat, rtol=1e-4, atol=1e-5)
    for values in (r.loss, r.own_loss, r.gradient, r.rate, r.after):
        assert values.isfinite().all()


@pytest.mark.parametrize(("predicts", "factor"), [("v", lambda a: 1 / a), ("x0", lambda a: (1 - a) / a)])
def test_the_factors_between_the_losses_are_those_of_the_text(predicts, factor):
    r, abar = algorithm_1(double(predicts=predicts)), cosine_abar()
    expected = [float(m) * factor(abar[t]) for m, t in zip(r.mean_loss, r.steps, strict=True)]
    np.testing.assert_allclose(r.own_loss.numpy(), expected, rtol=1e-4)
    assert f"own_{predicts}" in chapter.SPACES


def test_the_steps_are_uniform_and_gradients_can_be_left_out(monkeypatch):
    quick = begin(chained(4), label=1, detail=Detail(gradients=False, iterations=5))
    r = algorithm_1(quick, iterations=400)
    counts = np.bincount(r.steps, minlength=5)
    assert counts[0] == 0
    assert ((counts[1:] - 100) ** 2 / 100).sum() < 16, "chi squared of three degrees of freedom: p > 1e-3"
    assert r.gradient is r.rate is r.after is None
    assert [(c.count, c.batch) for c in chapter.calls(quick)] == [(5, 1)]
    full = begin(chained(4), label=1)
    assert [(c.count, c.batch) for c in chapter.calls(full)] == [(24, 1)]
    monkeypatch.setattr(training, "LARGEST", 10)
    assert algorithm_1(full).gradient is None
    assert chapter.numbers(full)["gradient"] is None


def test_an_arrow_to_the_left_is_understood():
    assert "<mo>←</mo>" in mathml(r"\theta \leftarrow \theta")


def test_the_lines_are_stepped_through_by_keyboard(browser, monkeypatch, tmp_path, study):  # noqa: F811
    keys = ("forward", "posterior", "training")
    monkeypatch.setattr(page, "CHAPTERS", tuple(c for c in chapters.CHAPTERS if c.key in keys))
    tab, complaints = opened(browser, tmp_path / "p.html", page.page(study), viewport={"width": 390, "height": 800})
    r = algorithm_1(study)
    here = lambda: tab.inner_text("#panel-training .here").strip()  # noqa: E731
    waiting = lambda: tab.locator("#panel-training .waiting").count()  # noqa: E731
    back, line, iteration = (tab.locator("#panel-training .stepper button").nth(n) for n in range(3))
    assert here().startswith("2:")
    assert waiting() == 4
    assert reading(tab, "training")[:3] == ["–", "–", "–"]
    back.press("Enter")
    assert here() == "1:\nrepeat"
    assert back.get_attribute("aria-disabled") == "true"
    for expected in (4, 4, 3, 2, 1, 0, 0, 0):
        line.press("Space")
        assert waiting() == expected
    assert here().startswith("6:")
    line.press("Enter")
    assert here().startswith("2:"), "the next iteration"
    iteration.click()
    iteration.click()
    shown = [value(v) for v in reading(tab, "training")[:3]]
    expected = [r.steps[2], float(study.chain.chain.abar[r.steps[2]]), float(r.loss[2])]
    assert shown == pytest.approx(expected, rel=1e-3)
    for _ in range(12):
        iteration.press("Enter")
    assert tab.inner_text("#panel-training output") == "iteration 12 of 12, line 5"
    assert value(reading(tab, "training")[7]) == pytest.approx(float(r.after[11]), rel=1e-3)
    assert tab.locator("#panel-training circle").count() == 13
    tab.click("[data-language=fr]")
    assert tab.inner_text("#panel-training output") == "itération 12 sur 12, ligne 5"
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []


def test_a_network_that_predicts_eps_has_one_loss():
    study = begin(chained(T, predicts="eps"), label=3)
    data = chapter.numbers(study)
    assert data["own"] is None
    assert data["space"] == "own_eps"
