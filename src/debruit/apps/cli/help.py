"""The layout of --help: each text flows at the width of the terminal, whatever the line breaks of its docstring."""

from typing import TYPE_CHECKING

from cyclopts.help import DefaultFormatter, HelpPanel

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions


class FlowingHelp(DefaultFormatter):
    """The formatter of cyclopts, with the descriptions of arguments and flags on one line before they are wrapped."""

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: HelpPanel) -> None:
        """Show one panel."""
        from rich.text import Text

        for entry in panel.entries:
            text = getattr(entry.description, "primary_renderable", None)
            if isinstance(text, Text):
                entry.description.primary_renderable = Text(" ".join(text.plain.split()), end=text.end)
        super().__call__(console, options, panel)
