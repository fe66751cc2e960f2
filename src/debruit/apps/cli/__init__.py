"""The command line: `debruit VERB ...`, one file a verb, imported when it is called.

Exit codes: 0 done, 2 the user's input was wrong (one sentence), 1 a defect, 130 interrupted with everything saved, 141
nobody reads the text that is all a command makes (as for a program that SIGPIPE ends).
"""

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App
from cyclopts.exceptions import CycloptsError, MissingArgumentError, ValidationError

import debruit
from debruit import events, provenance
from debruit.apps import console
from debruit.apps.cli import command
from debruit.apps.cli.display import Display
from debruit.apps.cli.help import FlowingHelp
from debruit.apps.cli.old_flags import renamed
from debruit.apps.cli.optional_values import with_values
from debruit.apps.cli.signals import handled
from debruit.errors import InputError
from debruit.files.atomic import storage_problem

UNREAD = 141

app = App(
    name="debruit",
    help="Train, sample and study diffusion models on your own images.",
    version=debruit.__version__,
    help_format="plaintext",
    help_formatter=FlowingHelp(),
)
data = App(name="data", help="Examine a data source, or get a built-in one.", help_format="plaintext")
app.command(
    "debruit.apps.cli.train:train", name="train", help="Train a model on a folder of images or a built-in source."
)
app.command("debruit.apps.cli.sample:sample", name="sample", help="Generate images with a trained model.")
app.command(
    "debruit.apps.cli.edit:edit", name="edit", help="Vary, inpaint or outpaint an image, or interpolate between two."
)
app.command(
    "debruit.apps.cli.distill:distill", name="distill", help="Distil a model into one that needs a few evaluations."
)
app.command("debruit.apps.cli.upscale:upscale", name="upscale", help="Enlarge an image with a model trained for it.")
app.command(
    "debruit.apps.cli.evaluate:evaluate",
    name="evaluate",
    help="Evaluate a model: sample quality, likelihood, memorisation.",
)
app.command("debruit.apps.cli.compare:compare", name="compare", help="Compare models side by side.")
app.command(
    "debruit.apps.cli.sweep_samplers:sweep_samplers",
    name="sweep-samplers",
    help="Measure quality against cost for every sampler.",
)
app.command(
    "debruit.apps.cli.explain:explain",
    name="explain",
    help="Write an interactive lecture page for your model and image.",
)
app.command(data)
data.command(
    "debruit.apps.cli.data:doctor",
    name="doctor",
    help="Report what is in a source, what is broken, and what training on it costs.",
)
data.command("debruit.apps.cli.data:get", name="get", help="Install or download a built-in source.")
app.command("debruit.apps.cli.listing:listing", name="list", help="List recipes, samplers, models or data sources.")


@app.command(name="cite", help="Print the BibTeX entry of debruit, for a paper.")
def cite() -> int:
    """Print the BibTeX entry of debruit, for a paper."""
    print(provenance.BIBTEX)
    return 0


def main(arguments: Sequence[str] | None = None, *, started: float | None = None) -> int:
    """Run one command and return its exit code. `started` (time.monotonic()) is when it began, by default now."""
    command.begin(started)
    given = sys.argv[1:] if arguments is None else arguments
    token = events.CancelToken()
    with console.installed(speaks=bool(given) and not {"--help", "-h", "--version"} & set(given)):
        try:
            with (
                provenance.command(given),
                Display() as display,
                events.listen(display, token),
                handled(token),
            ):
                code = app(
                    with_values(renamed(given)), exit_on_error=False, print_error=False, result_action="return_value"
                )
            return code if isinstance(code, int) else 0
        except InputError as error:
            return _refuse(str(error))
        except CycloptsError as error:
            return _refuse(_describe(error, given))
        except (KeyboardInterrupt, events.Cancelled) as stop:
            console.complain(f"interrupted: {stop}" if str(stop) else "interrupted")
            return 130
        except BrokenPipeError:
            return UNREAD
        except OSError as error:
            reason = storage_problem(error)
            if reason is None:
                raise
            return _refuse(f"{error.filename or 'a file'} cannot be read or written: {reason}")


def _describe(error: CycloptsError, given: Sequence[str]) -> str:
    """Return the error of a command line as one sentence."""
    if isinstance(error, ValidationError) and error.argument is not None and error.argument.tokens:
        token = error.argument.tokens[0]
        return f"{token.keyword or error.argument.name} {token.value}: {error.exception_message}"
    sentence = " ".join(str(error).split())
    if isinstance(error, MissingArgumentError) and "MODEL" in sentence and {"--data", "--training-data"} & set(given):
        return (
            f"{sentence} --data and --training-data take all that follows them up to the next flag: "
            "name the model first"
        )
    return sentence


def _refuse(sentence: str) -> int:
    console.complain(sentence)
    return 2


def entry() -> None:
    """Run the console script. The time of the command counts from the start of the process. When everything is written,
    the process exits without tearing down torch, which takes more than a second on a busy machine.
    """
    code = main(started=process_start())
    if "torch" not in sys.modules:
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)


def process_start() -> float:
    """Return when this process started, as a value of time.monotonic(), or now if the system does not report it."""
    now = time.monotonic()
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])  # since the machine was started
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return now
    return now - age if 0 <= age < 3600 else now
