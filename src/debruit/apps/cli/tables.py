"""Tables of a result on the standard output."""

from rich.console import Console
from rich.table import Table

NO_TERMINAL = 110  # columns


def show_tables(*tables: Table) -> None:
    """Print tables, as wide as the terminal, or NO_TERMINAL columns wide."""
    console = Console(soft_wrap=False, width=None if Console().is_terminal else NO_TERMINAL, highlight=False)
    for table in tables:
        console.print(table)
