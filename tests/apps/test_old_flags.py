"""Former names of flags and verbs still work, and are not shown."""

import contextlib

import pytest

from debruit.apps.cli import main
from debruit.apps.cli.old_flags import FLAGS, VERBS, renamed

CASES = [(verb, old, new) for verb, names in FLAGS.items() for old, new in names.items()]


@pytest.mark.parametrize(("verb", "old", "new"), CASES)
def test_an_old_flag_means_the_new_one_and_is_hidden(verb, old, new, capsys):
    assert renamed([verb, "m", old, "1", f"{old}=2"]) == [verb, "m", new, "1", f"{new}=2"]
    with contextlib.suppress(SystemExit):
        main([verb, "--help"])
    words = capsys.readouterr().out.split()
    assert any(word.strip(",") == new for word in words)
    assert not any(word.strip(",") == old for word in words)


@pytest.mark.parametrize(("old", "new"), VERBS.items())
def test_an_old_verb_means_the_new_one_and_is_hidden(old, new, capsys):
    assert renamed([old, "m"]) == [new, "m"]
    with contextlib.suppress(SystemExit):
        main(["--help"])
    words = capsys.readouterr().out.split()
    assert new in words
    assert old not in words


def test_what_is_no_old_name_stays():
    assert renamed([]) == []
    assert renamed(["train", "--interval", "3"]) == ["train", "--interval", "3"]
    assert renamed(["sample", "--prompt", "a --jump"]) == ["sample", "--prompt", "a --jump"]
