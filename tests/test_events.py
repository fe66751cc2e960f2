"""Events that are changed on their way to a listener."""

from dataclasses import replace

from debruit import events


def test_mapped_events_are_changed_dropped_or_added():
    heard: list[events.Event] = []

    def change(event):
        if event.done is None:
            return event
        events.say(f"at {event.done}")  # reaches the outer listener, and not `change` again
        return None if event.done == 1 else replace(event, done=10 * event.done)

    with events.listen(heard.append), events.mapped(change):
        events.say("begin")
        events.progress("work", 1, 2)
        events.progress("work", 2, 2)
    assert [event.message or event.done for event in heard] == ["begin", "at 1", "at 2", 20]


def test_mapped_events_need_no_listener(caplog):
    with events.mapped(lambda event: event):
        events.progress("work", 1, 2)
        events.notice("it was resized")
    assert caplog.messages == ["it was resized"]


def test_only_progress_is_heard():
    heard: list[events.Event] = []
    with events.listen(heard.append), events.progress_only():
        events.say("a line")
        events.notice("a notice")
        events.progress("work", 1, 2)
    assert [event.stage for event in heard] == ["work"]
