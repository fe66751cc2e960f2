"""Former names of flags and verbs, which still work and are not shown."""

from collections.abc import Mapping, Sequence

FLAGS: Mapping[str, Mapping[str, str]] = {
    "sample": {
        "--interval": "--guidance-interval",
        "--rescale": "--guidance-rescale",
        "--weaker": "--guide-model",
    },
    "train": {"--words": "--tokenizer"},
    "edit": {"--jump": "--jump-length"},
    "evaluate": {"--network": "--features"},
    "compare": {"--network": "--features"},
    "sweep-samplers": {"--network": "--features"},
}
VERBS: Mapping[str, str] = {"samplers": "sweep-samplers"}


def renamed(arguments: Sequence[str]) -> list[str]:
    """Return a command line with the present names of its verb and flags."""
    if not arguments:
        return []
    verb = VERBS.get(arguments[0], arguments[0])
    return [verb, *(_flag(argument, FLAGS.get(verb, {})) for argument in arguments[1:])]


def _flag(argument: str, names: Mapping[str, str]) -> str:
    """Return --old or --old=VALUE with the new name of the flag."""
    flag, equals, value = argument.partition("=")
    return f"{names[flag]}{equals}{value}" if flag in names else argument
