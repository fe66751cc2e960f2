"""The fixtures of data_files.py, for the tests of this folder."""

from data_files import *  # noqa: F403
