"""The flags that name data: each takes one source, or several files or folders of one kind, which are one source."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from debruit.errors import InputError

Sources = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")]


def check_no_models(flag: str, given: Sequence[str] | None) -> None:
    """InputError where a flag that takes several sources was given models after them."""
    from debruit.models.model_file import shipped
    from debruit.training.run_folder import RUN

    for text in given or ():
        path = Path(text)
        if path.suffix == ".safetensors" or (path / RUN).exists() or (not path.exists() and text in shipped()):
            raise InputError(
                f"{flag} takes all that follows it up to the next flag, and {text} is a model: name the models first, "
                f"debruit compare MODEL MODEL {flag} SOURCE"
            )
