"""debruit data doctor, debruit data get"""

from typing import Annotated

from cyclopts import Parameter

from debruit.apps.cli.numbers import Minutes, SideLength, Threads
from debruit.apps.console import text_only
from debruit.apps.process import prepare_process


def doctor(
    *source: Annotated[str, Parameter(name=["SOURCE"])],
    size: SideLength | None = None,
    minutes: Minutes = 20,
    device: str = "auto",
    threads: Threads = None,
) -> int:
    """Report what is in a source, what is broken, and what training on it costs with the recommended settings.

    Parameters
    ----------
    source
        A folder of images, Parquet files, tar shards or a built-in source; several files or folders of one kind are one
        source.
    size
        Side length of the training images, in pixels.
    minutes
        Training budget of the estimate.
    device
        auto, cpu or cuda.
    threads
        CPU threads. Default: the number of cores of this process. Another number changes results by rounding only.
    """
    from debruit.workflows.doctor import DoctorRequest
    from debruit.workflows.doctor import doctor as run

    text_only()
    prepare_process(threads)
    run(DoctorRequest(source, size=size, minutes=minutes, device=device))
    return 0


def get(name: Annotated[str, Parameter(name=["NAME"])], /) -> int:
    """Install or download a built-in source.

    Parameters
    ----------
    name
        A name from `debruit list data`.
    """
    from debruit.workflows.data_get import DataGetRequest, data_get

    data_get(DataGetRequest(name))
    return 0
