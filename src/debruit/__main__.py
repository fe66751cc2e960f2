"""python -m debruit: the command line."""

from debruit.apps.cli import entry

if __name__ == "__main__":
    entry()
