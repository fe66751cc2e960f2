"""Algorithm 2 on the page, as printed and as the model is sampled, against NumPy, and its stepper."""

import numpy as np
import pytest
import torch
from lessons import Unshuffled, chained, fresh, unconditional
from test_page import browser, opened, reading  # noqa: F401 - a fixture
from test_training_chapter import cosine_abar, network, value

from debruit.diffusion.chain import Chain
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.lecture import chapters, page
from debruit.lecture.chains import respaced
from debruit.lecture.chapters import reverse as chapter
from debruit.lecture.reverse import Changes, own_settings, reverse
from debruit.lecture.study import Detail, begin
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.config import SamplingConfig

T = 12


def double(detail=None, **changes):
    """A study of a chain model whose network computes in float64, sampled without guidance."""
    study = begin(chained(T, sampling=SamplingConfig(steps=3), **changes), label=3, seed=5, detail=detail)
    study.model.backbone.double()
    study.__dict__["x0"] = study.x0.double()
    return study


def by_numpy(study, abar, chosen, *, clip, count=2):
    """x at every step chosen, from T down to 0, by algorithm 2 in NumPy; sigma_t^2 = beta~_t."""
    noise = study.job(count).noise
    x, xs = noise().numpy().astype(np.float64), []
    for j in range(len(chosen) - 1, 0, -1):
        t, a, before = chosen[j], abar[chosen[j]], abar[chosen[j - 1]]
        alpha, xs = a / before, [*xs, x]
        with torch.no_grad():
            v = np.concatenate([network(study, torch.from_numpy(image[None]), t).numpy() for image in x])
        eps, x0 = np.sqrt(a) * v + np.sqrt(1 - a) * x, np.sqrt(a) * x - np.sqrt(1 - a) * v
        if clip:
            x0 = np.clip(x0, -1, 1)
            mean = (np.sqrt(before) * (1 - alpha) * x0 + np.sqrt(alpha) * (1 - before) * x) / (1 - a)
        else:
            mean = (x - (1 - alpha) / np.sqrt(1 - a) * eps) / np.sqrt(alpha)
        z = noise().numpy() if j > 1 else 0.0
        x = mean + np.sqrt((1 - before) / (1 - a) * (1 - alpha)) * z
    return [*xs, x]


@pytest.mark.parametrize("clip", [False, True])
def test_every_step_is_that_of_numpy_with_the_same_noise(clip):
    study = double()
    r, xs = reverse(study, images=2), by_numpy(study, cosine_abar(), range(T + 1), clip=clip)
    run = r.own if clip else r.printed
    assert r.steps == list(range(1, T + 1))
    for t in r.steps:
        scale = max(1.0, np.abs(xs[T - t + 1]).max())
        np.testing.assert_allclose(run.x_t[t - 1].numpy(), xs[T - t][0], rtol=1e-6, atol=1e-6 * scale)
        np.testing.assert_allclose(run.x_next[t - 1].numpy(), xs[T - t + 1][0], rtol=1e-6, atol=1e-6 * scale)
    np.testing.assert_allclose(run.strip[:, -1].numpy(), xs[-1], rtol=1e-6, atol=1e-6)
    assert own_settings(study) == Changes(clips=True, guided=False)
    if clip:
        assert run.x0_hat.abs().max() <= 1
        both = [by_numpy(study, cosine_abar(), range(T + 1), clip=c) for c in (False, True)]
        gaps = [np.sqrt(((a - b) ** 2).mean()) for a, b in zip(*both, strict=True)]
        np.testing.assert_allclose(r.difference.flip(0).numpy(), gaps[:-1], rtol=1e-6, atol=1e-9)
        assert r.end == pytest.approx(gaps[-1], rel=1e-6)
        assert gaps[-1] > 0.01, "clipping acts"


def test_every_kth_step_is_the_respaced_chain():
    """Nichol and Dhariwal: the betas of the chosen steps are 1 - abar_t / abar_{t'}, and the
    network is asked at their t.
    """
    study = double(Detail(chain_steps=5))
    r, abar = reverse(study, images=2), cosine_abar()
    chosen = [0, 1, 4, 6, 9, 12]
    assert respaced(study.chain.chain, 5)[1] == chosen
    np.testing.assert_allclose(r.chain.beta[1:].numpy(), 1 - abar[chosen[1:]] / abar[chosen[:-1]], rtol=1e-9)
    np.testing.assert_allclose(r.chain.abar.numpy(), abar[chosen], rtol=1e-9)
    for clip, run in ((False, r.printed), (True, r.own)):
        xs = by_numpy(study, abar, chosen, clip=clip)
        np.testing.assert_allclose(run.strip[:, -1].numpy(), xs[-1], rtol=1e-6, atol=1e-6)
    assert set(r.steps) == set(chosen[1:])
    assert all(chosen[chosen.index(t) - 1] == s for t, s in zip(r.steps, r.before, strict=True))
    assert [(c.count, c.batch) for c in chapter.calls(study)] == [(5, 8)]
    assert respaced(study.chain.chain, 1)[1] == [0, T]
    assert respaced(study.chain.chain, 99)[0] is study.chain.chain


@pytest.mark.parametrize("which", ["study", "flowing"])
def test_the_second_run_is_the_packages_ancestral_sampling(which, request):
    """Guided and clipped: the last frame is the image that the model's own job draws on the chain's steps from this
    x_T; each frame's parts add up."""
    study = request.getfixturevalue(which)
    r = reverse(study)
    assert (own_settings(study).clips, own_settings(study).guided) == (True, True)
    for run in (r.printed, r.own):
        torch.testing.assert_close(run.mean + run.kick, run.x_next)
        assert run.kick[0].abs().max() == 0, "no noise in the last step"
        torch.testing.assert_close(run.x_next[0], run.strip[0, -1])
        torch.testing.assert_close(run.x_t[-1], run.strip[0, 0], msg="the first frame is the noise")
        torch.testing.assert_close(run.x_next[1:], run.x_t[:-1], msg="every step is shown")
    times = study.chain.times.flip(0).tolist()
    job = study.job(4, sampler=Ancestral(), guidance=study.guidance, clip=True)
    last = job.final(x=float(study.chain.scale[-1]) * job.noise(), times=times)
    torch.testing.assert_close(r.own.strip[:, -1].float(), last.x, rtol=1e-3, atol=2e-3)

    class Steps:
        def times(self, process, steps):
            return times

    images = study.model.generate(
        4, seed=5, label=3, sampler=Ancestral(), grid=Steps(), steps=12, guidance=study.guidance
    )
    assert (study.model.images(r.own.strip[:, -1].float()).int() - images.int()).abs().max() <= 1


def test_the_share_outside_is_that_of_the_unclipped_estimate():
    study = double()
    r, abar = reverse(study, images=1), cosine_abar()
    for run in (r.printed, r.own):
        for k, t in enumerate(r.steps):
            with torch.no_grad():
                v = network(study, run.x_t[k : k + 1], t).numpy()
            x0 = np.sqrt(abar[t]) * run.x_t[k : k + 1].numpy() - np.sqrt(1 - abar[t]) * v
            assert float(run.outside[k]) == pytest.approx((np.abs(x0) > 1).mean())


def test_where_the_settings_change_nothing_there_is_one_run(short):
    latent = begin(fresh(codec=Unshuffled(), data_std=0.25, sampling=SamplingConfig(steps=3)), label=2, seed=1)
    r = reverse(latent, images=2)
    assert not own_settings(latent).any
    assert r.own is None
    assert r.difference.abs().max() == r.end == 0
    assert chapter.numbers(latent)["own"] is None
    assert [(c.count, c.batch) for c in chapter.calls(latent)] == [(12, 4)]
    guided = begin(fresh(codec=Unshuffled(), data_std=0.25), label=2, seed=1)
    assert (own_settings(guided).clips, own_settings(guided).guided) == (False, True)
    assert reverse(guided, images=1).own.x_next.isfinite().all()
    assert [(c.count, c.batch) for c in chapter.calls(guided)] == [(12, 4), (12, 8)]
    assert chapter.numbers(guided)["own"]["decoded"].startswith("data:image/png")
    learned = chapter.numbers(begin(chained(learned_variance=True), label=3))
    assert (learned["learned"], learned["printed"]["decoded"]) == (True, None)
    assert own_settings(begin(unconditional())).clips


def test_a_chain_that_ends_without_signal():
    """alpha_T = 0: the printed mean is 0 / 0 there, and the posterior's takes its role."""
    chain = Chain(steps=T, zero_terminal_snr=True)
    study = begin(unconditional(process=Tabulated(chain=chain), predicts="v"), seed=2)
    r = reverse(study)
    assert float(r.chain.alpha[-1]) == 0
    assert r.printed.x_next.isfinite().all()
    torch.testing.assert_close(r.printed.mean[-1], chain.abar[-2].sqrt() * r.printed.x0_hat[-1])


def test_the_lines_and_both_runs_are_reached_by_keyboard(browser, monkeypatch, tmp_path, study):  # noqa: F811
    keys = ("forward", "posterior", "reverse")
    monkeypatch.setattr(page, "CHAPTERS", tuple(c for c in chapters.CHAPTERS if c.key in keys))
    tab, complaints = opened(browser, tmp_path / "p.html", page.page(study), viewport={"width": 390, "height": 800})
    r = reverse(study)
    here = lambda: tab.inner_text("#panel-reverse .listing:visible .here").strip()  # noqa: E731
    waiting = lambda: tab.locator("#panel-reverse .waiting").count()  # noqa: E731
    printed, own, back, line, frame = (tab.locator("#panel-reverse .stepper button").nth(n) for n in range(5))
    tab.fill("#t", "11")
    assert waiting() == 0, "at first everything is shown"
    for _ in range(4):
        back.press("Enter")
    assert here().startswith("1:")
    assert back.get_attribute("aria-disabled") == "true"
    assert (waiting(), tab.evaluate("state.k")) == (5, 11)
    for expected in (5, 4, 2, 0, 0):
        line.press("Space")
        assert waiting() == expected
    assert here() == "5:\nend for"
    line.press("Enter")
    assert (here()[:2], tab.evaluate("state.k")) == ("2:", 10)
    own.press("Enter")
    assert own.get_attribute("aria-pressed") == "true"
    for expected in (4, 3, 3, 2, 0):
        line.press("Enter")
        assert waiting() == expected, "the prediction of x_0 appears when it was guided and clipped"
    for _ in range(10):
        frame.press("Enter")
    assert tab.evaluate("state.k") == 0
    line.press("Enter")
    line.press("Enter")
    assert here().startswith("6:")
    shown = reading(tab, "reverse")
    assert [value(shown[n]) for n in (1, 2, 3)] == pytest.approx([0, float(r.difference[0]), r.end], rel=1e-2)
    tab.fill("#t", "6")
    for run, button in ((r.printed, printed), (r.own, own)):
        button.click()
        sum_, result = reading(tab, "reverse")[4].split(" = ")
        assert value(result) == pytest.approx(float(run.x_next[6, 0, 4, 4]), rel=1e-3)
        said = eval(sum_.replace("−", "-").replace("·", "*"))
        assert said == pytest.approx(float(run.x_next[6, 0, 4, 4]), rel=5e-3, abs=2e-3)
    assert tab.locator("#panel-reverse .strips canvas").count() == 8
    tab.click("[data-language=fr]")
    assert tab.inner_text("#panel-reverse .strips span >> nth=0") == "échantillon 0, tel qu'écrit"
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []
