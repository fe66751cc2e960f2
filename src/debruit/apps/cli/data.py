"""debruit data doctor, debruit data get"""

from typing import Annotated

from cyclopts import Parameter

from debruit.apps.cli.numbers import ImageSet, Minutes, Threads
from debruit.apps.threads import set_threads
from debruit.console import say, text_only
from debruit.errors import InputError


def doctor(
    *source: Annotated[str, Parameter(name=["SOURCE"])],
    size: ImageSet | None = None,
    minutes: Minutes = 20,
    device: str = "auto",
    threads: Threads = None,
) -> int:
    """What is in a source, what is broken, and what training on it will cost with the recommended settings.

    Parameters
    ----------
    source
        A folder of images, Parquet files, tar shards or a built-in source; several files or folders of one kind are one source.
    size
        Side of the images to train on, in pixels.
    minutes
        The budget that the estimate is for.
    device
        auto, cpu or cuda.
    threads
        CPU threads, by default as many as this process has cores; another number changes results by rounding alone.
    """
    from debruit.data.doctor.doctor import examine
    from debruit.data.find import find_source
    from debruit.data.split import split_of
    from debruit.models.diffusion import choose_device
    from debruit.planning import conditions, heuristics
    from debruit.planning.division import with_division
    from debruit.recipes import sized
    from debruit.text.wordpiece import reads_captions
    from debruit.training.allocator import prepare

    if not source:
        raise InputError(
            "name what to look into: a folder of images, Parquet files, tar shards or a built-in source (debruit list data)"
        )
    prepare()
    text_only()
    set_threads(threads)
    place = choose_device(device)
    chosen = sized(find_source(source), size)
    report = examine(chosen)
    for line in report.lines():
        say(line)
    dataset = chosen.build()
    names = conditions.usual(chosen, dataset)
    if "text" in names and not reads_captions():
        names.remove("text")
        say(
            "the captions are left out of the cost: the package tokenizers is not installed (pip install 'debruit[text]')"
        )
    found = conditions.conditioners(chosen, dataset, names)
    run, speed = heuristics.fitted(
        with_division(
            heuristics.recommend(
                chosen, report.spec, place, minutes=minutes, conditioners=found,
                split=conditions.planned_split(dataset, reads=[c.reads for c in found]),
            ),
            dataset,
            None,
        ),
        place,
    )  # fmt: skip
    say("")
    for line in heuristics.summary(run, place, speed, split_of(dataset, run)):
        say(line)
    return 0


def get(name: Annotated[str, Parameter(name=["NAME"])], /) -> int:
    """Install or download a built-in source.

    Parameters
    ----------
    name
        A name from `debruit list data`.
    """
    from debruit.data.sources.get import get as fetch
    from debruit.files.keys import root
    from debruit.files.outputs import check_folder

    check_folder(root(), folders=("sources",), flag="the cache")
    say(fetch(name, say))
    return 0
