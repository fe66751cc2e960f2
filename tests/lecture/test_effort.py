"""The time of a page: what it expects is what it does."""

import pytest
import torch
from lessons import Unshuffled, chained, fresh, unconditional

from debruit import events
from debruit.lecture import effort
from debruit.lecture.chapter import Calls
from debruit.lecture.chapters import CHAPTERS
from debruit.lecture.effort import Speed, calls_of, evaluations, measured, quick_detail, reporting
from debruit.lecture.page import page
from debruit.lecture.study import FULL, begin


def counted(study, work) -> tuple[int, int]:
    """The calls of the network and its evaluations while `work` runs."""
    batches = []
    handle = study.model.backbone.register_forward_pre_hook(lambda module, given: batches.append(len(given[0])))
    work()
    handle.remove()
    return len(batches), sum(batches)


@pytest.mark.parametrize("kind", ["chain", "latent", "unconditional"])
def test_every_chapter_states_its_evaluations(kind, short):
    """The evaluations that each chapter announces are those that it makes, within a tenth."""
    study = {
        "chain": lambda: begin(chained(), label=3),
        "latent": lambda: begin(fresh(codec=Unshuffled(), data_std=0.25), label=2),
        "unconditional": lambda: begin(unconditional()),
    }[kind]()
    for chapter in CHAPTERS:
        expected = chapter.calls(study)
        _, made = counted(study, lambda chapter=chapter: chapter.numbers(study))
        assert made == pytest.approx(evaluations(expected), rel=0.1, abs=4), chapter.key


def test_time_is_that_of_the_calls():
    speed = Speed(call=0.01, image=0.002)
    assert speed.seconds([Calls(count=10, batch=5), Calls(count=1, batch=1)]) == pytest.approx(10 * 0.02 + 0.012)
    assert evaluations([Calls(count=10, batch=5), Calls(count=1, batch=1)]) == 51


def test_quick_takes_the_first_detail_that_fits(study):
    fast, slow = Speed(call=0.0, image=1e-9), Speed(call=100.0, image=100.0)
    assert quick_detail(study, CHAPTERS, fast) == effort.QUICK[0]
    assert quick_detail(study, CHAPTERS, slow) == effort.QUICK[-1]
    costs = [evaluations(calls_of(study.at(detail), CHAPTERS)) for detail in (FULL, *effort.QUICK)]
    assert costs == sorted(costs, reverse=True)


def test_progress_is_reported_and_the_work_can_be_cancelled(study, monkeypatch):
    monkeypatch.setattr(effort, "REPORT_SECONDS", 0.0)
    heard, token = [], events.CancelToken()
    calls = calls_of(study, CHAPTERS)
    with events.listen(heard.append, token), reporting(study, calls, measured(study)):
        for _ in range(3):
            study.estimate(study.noise()(), torch.tensor([5]))
        assert [event.done for event in heard] == [1, 2]
        assert all(event.total == evaluations(calls) and event.eta >= 0 for event in heard)
        token.cancel()
        with pytest.raises(events.Cancelled):
            study.estimate(study.noise()(), torch.tensor([5]))
    assert not study.model.backbone._forward_pre_hooks, "the hook is removed"


def test_a_page_says_what_to_expect_first(study):
    heard = []
    with events.listen(heard.append):
        text = page(study, quick=True)
    first = heard[0].message
    assert first.startswith("expected time: ")
    assert "network evaluations" in first
    assert "the quick version of the page" in text
    assert "la version rapide de la page" in text
