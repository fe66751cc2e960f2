"""The figures: made without a display, with the panels' numbers in them; and what they refuse."""

import dataclasses
import sys

import numpy as np
import pytest
from lessons import Unshuffled, fresh
from matplotlib.figure import Figure

from debruit.errors import InputError
from debruit.lecture import figures
from debruit.lecture.figures.base import picks
from debruit.lecture.forward import forward
from debruit.lecture.reverse import reverse
from debruit.lecture.samplers import samplers
from debruit.lecture.schedules import schedules
from debruit.lecture.study import begin
from debruit.lecture.terms import terms
from debruit.lecture.training import training
from debruit.lecture.walk import walk


def rendered(figure: Figure) -> Figure:
    """The figure, once rendered: mathtext is parsed and layouts are solved."""
    figure.canvas.draw()
    return figure


def test_forward_and_step_back(study):
    panel = forward(study)
    figure = rendered(figures.forward_chain(panel, columns=4))
    assert len(figure.axes) == 5 * 4
    first = figure.axes[0].get_images()[0].get_array()
    expected = ((panel.x_t[0, 0].clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    np.testing.assert_array_equal(np.asarray(first), expected)
    figure = rendered(figures.step_back(panel, row=2, column=5, columns=3))
    line = figure.axes[0].get_lines()[0]
    peak = line.get_xdata()[line.get_ydata().argmax()]
    k = next(k for k in picks(len(panel.steps), 4) if panel.posterior_variance[k] > 0)
    assert peak == pytest.approx(float(panel.posterior[k, 0, 2, 5]), abs=0.05)
    with pytest.raises(InputError, match="no pixel in channel 0, row 8, column 0"):
        figures.step_back(panel, row=8, column=0)


def test_the_other_panels(study):
    figure = rendered(figures.schedule_curves(schedules(study)))
    widths = [line.get_linewidth() for line in figure.axes[1].get_lines()]
    assert widths.count(3) == 1, "the model's own curve is the thick one"
    figure = rendered(figures.walk_histograms(walk(study.chain.chain, study.steps), x0=0.5, columns=3))
    assert len(figure.axes) == 3
    figure = rendered(figures.bound_terms(terms(study)))
    assert len(figure.axes[0].patches) == study.chain.chain.steps - 1
    both = reverse(study, images=1)
    for own in (False, True):
        assert len(rendered(figures.algorithm_2(both, own=own, columns=3)).axes) == 6 * 3
    assert len(rendered(figures.both_runs(both)).axes) == 2 * 9
    figure = rendered(figures.clipped_share(both))
    np.testing.assert_allclose(figure.axes[0].get_lines()[1].get_ydata(), both.own.outside)
    with pytest.raises(InputError, match="neither guide nor clip"):
        figures.algorithm_2(dataclasses.replace(both, own=None), own=True)
    panel = training(study, iterations=4)
    assert len(rendered(figures.algorithm_1(panel, columns=3)).axes) == 4 * 3
    figure = rendered(figures.losses_by_t(panel, forward(study)))
    np.testing.assert_allclose(figure.axes[0].get_lines()[1].get_ydata(), panel.mean_loss)
    table = samplers(study, budgets=(2, 4))
    figure = rendered(figures.sampler_table(table, study.model.config.data))
    assert len(figure.axes) == 2 * len(table.rows)


def test_latent_channels(short):
    from debruit.lecture.latents import latents

    study = begin(fresh(codec=Unshuffled(), data_std=0.25), label=2)
    panel = latents(study)
    assert panel is not None
    assert len(rendered(figures.latent_channels(panel, study.model.config.data, columns=3)).axes) == 5 * 3


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r"pip install 'debruit\[plot\]'"):
        figures.walk_histograms(walk(begin(fresh(), label=1).chain.chain, [1, 2]), columns=2)
