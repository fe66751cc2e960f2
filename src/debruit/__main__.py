"""python -m debruit: the command line."""

from debruit.apps.cli import entry

entry()
