"""Users of containers: no home, no name, a home that cannot be written."""

import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hearing import noticed

from debruit.apps.cli import main
from debruit.errors import InputError
from debruit.files import home


@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """A user without an entry in passwd and without any variable; the folder for temporary files is `tmp_path`."""

    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in (
        "HOME",
        "USER",
        "LOGNAME",
        "LNAME",
        "USERNAME",
        "XDG_CACHE_HOME",
        "DEBRUIT_CACHE",
        "MPLCONFIGDIR",
        "TRITON_CACHE_DIR",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / f"debruit-{os.getuid()}"


def test_without_a_home_the_cache_is_a_temporary_folder_of_ones_own_which_is_reported(nobody):
    with noticed(match=f"no home folder: the cache is {nobody}; to keep it elsewhere set DEBRUIT_CACHE"):
        assert home.cache() == nobody
    assert stat.S_IMODE(nobody.stat().st_mode) == 0o700


def test_it_is_reported_once_and_the_verbs_work(nobody, tmp_path, capsys):
    assert main(["data", "doctor", "digits"]) == 0
    assert capsys.readouterr().out.count("set DEBRUIT_CACHE") == 1
    assert (nobody / "data").is_dir()
    assert os.environ["USER"] == f"uid-{os.getuid()}"
    assert os.environ["MPLCONFIGDIR"] == str(nobody / "matplotlib")


def test_a_home_that_cannot_be_made_is_as_none(nobody, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
    with noticed(match=r"/file/home/.cache/debruit cannot be made: the cache is"):
        assert home.cache() == nobody


def test_a_usual_home_is_used_and_nothing_said(nobody, monkeypatch, tmp_path, recwarn):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home.cache() == tmp_path / ".cache" / "debruit"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert home.cache() == tmp_path / "x" / "debruit"
    assert not recwarn.list


@pytest.mark.parametrize("there", ["link", "file"])
def test_a_temporary_folder_of_somebody_else_is_not_used(there, nobody, tmp_path):
    nobody.symlink_to(tmp_path) if there == "link" else nobody.write_text("")
    with pytest.raises(InputError, match="set DEBRUIT_CACHE to a folder that can be written"):
        home.cache()


def test_paths_with_the_home_of_nobody(nobody, monkeypatch, capsys):
    monkeypatch.setenv("DEBRUIT_CACHE", "~/cache")
    with pytest.raises(InputError, match="write the path without ~"):
        home.cache()
    monkeypatch.delenv("DEBRUIT_CACHE")
    assert main(["data", "doctor", "~/photos"]) == 2
    assert "~/photos: the home folder of that user is not known" in capsys.readouterr().err


def test_a_process_of_an_unknown_user(tmp_path):
    """The whole program under another number, where this one may become another and the interpreter may be read by
    others."""
    command = [sys.executable, "-m", "debruit", "data", "doctor", "digits"]
    source = str(Path(home.__file__).parents[2])
    tmp_path.chmod(0o777)
    become = {"user": 54321, "group": 54321, "extra_groups": []} if os.getuid() == 0 else {}
    try:
        done = subprocess.run(
            command,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": source, "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            cwd="/",
            **become,
        )
    except PermissionError:
        pytest.skip("another user cannot run this interpreter")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
