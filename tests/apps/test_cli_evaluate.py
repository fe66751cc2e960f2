"""evaluate, compare and samplers as a user meets them: files, exit codes and sentences."""

import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

import judging
import judging_latent
from debruit.apps.cli import main
from debruit.errors import InputError


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return judging.trained(tmp_path_factory.mktemp("runs") / "a")


@pytest.fixture
def projection(monkeypatch):
    return judging.look_through(judging.Projection(), monkeypatch)


def refused(capsys, *arguments):
    """The one sentence of a command that must exit with 2."""
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert code == 2, captured
    assert captured.err.startswith("debruit: ")
    assert captured.err.count("\n") == 1, "one sentence"
    return captured.err


def figures(folder):
    report = json.loads((folder / "report.json").read_text())
    return report["scores"], report["real_baseline"], report["analyses"]


def test_evaluate_makes_a_page_a_record_and_a_table(run, projection, tmp_path, capsys):
    out = tmp_path / "report"
    command = [
        "evaluate",
        str(run),
        "--data",
        "digits",
        "-n",
        "16",
        "--metrics",
        "frechet,colour,memorisation",
        "--out",
        str(out),
    ]
    assert main(command) == 0
    said = capsys.readouterr().out
    for part in ("FD-Projection", "real images", "16 samples", "near copies", "report.html"):
        assert part in said, part
    assert {p.name for p in out.iterdir()} == {
        "debruit.bib",
        "figure.png",
        "report.html",
        "report.json",
        "scores.csv",
        "scores.tex",
        "work",
    }
    assert Image.open(out / "figure.png").width > 500
    assert "FD-Projection" in (out / "scores.csv").read_text()
    assert "about " in said
    assert json.loads((out / "report.json").read_text())["command"].startswith(f"debruit evaluate {run} --data digits")
    assert (out / "report.html").read_text().startswith("<!doctype html>")


def test_without_data_and_folder_it_finds_both_itself(run, projection, tmp_path):
    shutil.copytree(run, tmp_path / "a")
    assert main(["evaluate", str(tmp_path / "a"), "-n", "8", "--metrics", "diversity"]) == 0
    assert (tmp_path / "a" / "evaluation" / "report.html").exists()
    shutil.copy(run / "model.safetensors", tmp_path / "m.safetensors")
    assert main(["evaluate", str(tmp_path / "m.safetensors"), "-n", "8", "--metrics", "diversity"]) == 0
    assert (tmp_path / "m-evaluation" / "report.json").exists()


def test_ctrl_c_says_how_to_go_on_and_going_on_gives_the_same(run, projection, tmp_path, capsys):
    def command(out):
        return ["evaluate", str(run), "-n", "16", "--metrics", "frechet,kid", "--out", str(tmp_path / out)]

    assert main(command("whole")) == 0
    projection.fails_after = projection.seen
    assert main(command("cut")) == 130
    said = capsys.readouterr().err
    assert "interrupted: finished parts are kept in" in said
    assert "rerun the same command to continue" in said
    assert f"debruit evaluate {run} -n 16 --out {tmp_path / 'cut'} --metrics frechet,kid" in said
    assert not (tmp_path / "cut" / "report.html").exists()
    projection.fails_after = None
    assert main(command("cut")) == 0
    assert figures(tmp_path / "cut") == figures(tmp_path / "whole")


@pytest.mark.parametrize("count", [9, 12])
def test_a_folder_of_images_is_brought_to_the_models_size(run, projection, tmp_path, count):
    """Nine are too few for a manifold's neighbours: those scores are left out, and the others made."""
    generator = np.random.default_rng(0)
    for k in range(count):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (20, 20), dtype=np.uint8)).save(tmp_path / "pictures" / f"{k}.png")
    out = tmp_path / "out"
    assert main(["evaluate", str(run), "--data", str(tmp_path / "pictures"), "-n", "8", "--out", str(out)]) == 0
    report = json.loads((out / "report.json").read_text())
    assert (report["data"]["height"], report["counts"]["training"]) == (8, 0)
    assert {"accuracy", "memorisation", "bound"} <= report["left_out"].keys()


def test_compare_and_samplers(run, projection, tmp_path, capsys):
    other = judging.trained(tmp_path / "b", images=32)
    out = tmp_path / "compared"
    assert main(["compare", str(run), str(other), "-n", "20", "--metrics", "frechet,colour", "--out", str(out)]) == 0
    assert json.loads((out / "report.json").read_text())["kind"] == "comparison"
    capsys.readouterr()
    arguments = [
        "sweep-samplers",
        str(other),
        "--data",
        "digits",
        "-n",
        "12",
        "--evaluations",
        "2,3",
        "--budget",
        "3",
        "--store",
    ]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "from now on" in said
    report = json.loads((other / "samplers" / "report.json").read_text())
    best = report["points"][report["best"]]
    assert main(["sample", str(other), "-n", "2", "--out", str(tmp_path / "x.png")]) == 0
    assert f"({best['sampler']}, {best['settings']['steps']} steps" in capsys.readouterr().out


def test_bad_requests(run, projection, tmp_path, capsys):
    big = tmp_path / "colour"
    big.mkdir()
    for k in range(9):
        Image.fromarray(np.full((16, 16, 3), (k, 255 - k, 40), np.uint8)).save(big / f"{k}.png")
    cases = {
        ("evaluate", tmp_path / "nowhere"): "there is no model at",
        ("evaluate", run, "-n", "0"): "-n 0: figures need at least 2 samples",
        ("evaluate", run, "--metrics", "frecht"): "did you mean 'frechet'?",
        ("evaluate", run, "--metrics", "bound"): "ask for likelihood",
        ("evaluate", run, "--data", big, "-n", "8"): "(RGB, uint8) and the model samples 8 x 8",
        ("evaluate", run, "--data", "digts"): "did you mean 'digits'?",
        ("evaluate", run, "--features", "inception"): "unknown feature network",
        ("evaluate", run, "--out", run / "run.json"): "is a file: give a folder",
        ("compare", run): "name two or more to compare",
        ("compare", run, run): "named twice",
        ("sweep-samplers", run, "--evaluations", "5,x"): "give positive numbers",
        ("sweep-samplers", run, "-n", "1"): "at least 2 samples",
        ("sweep-samplers", run, "--budget", "0", "-n", "4"): "1 or more",
    }
    for arguments, sentence in cases.items():
        out = [] if "--out" in arguments else ["--out", tmp_path / "out"]
        assert sentence in refused(capsys, *arguments, *out), arguments
        assert arguments[0] != "compare" or not (tmp_path / "out" / "work" / "2").exists(), (
            "refused before anything is written"
        )


@pytest.fixture(scope="module")
def latent(tmp_path_factory):
    """The files of an autoencoder and of a model on its latents."""
    folder, stage = tmp_path_factory.mktemp("latent"), judging_latent.stage()
    model = judging_latent.latent_model(stage.config.codec, stage.module)
    return judging_latent.saved(stage, folder / "ae"), judging_latent.saved(model, folder / "ldm")


def test_an_autoencoder_has_a_report_of_its_own(latent, projection, tmp_path, capsys):
    out = tmp_path / "report"
    assert main(["evaluate", latent[0], "--data", "digits", "-n", "30", "--out", str(out)]) == 0
    said = " ".join(capsys.readouterr().out.split())  # a title may be cut into lines
    for part in (
        "reconstructions of images of digits",
        "PSNR",
        "rFD-Projection",
        "training images",
        "active units",
        "report.html",
    ):
        assert part in said, part
    report = json.loads((out / "report.json").read_text())
    assert (report["counts"]["heldout_reconstruction"], report["counts"]["train_reconstruction"]) == (30, 30)
    assert report["scores"] == []
    assert "an autoencoder, which draws no images" in report["left_out"]["frechet"]


def test_a_latent_model_is_evaluated_with_its_autoencoder_and_its_samplers_compared(
    latent, projection, tmp_path, capsys
):
    out, metrics = tmp_path / "report", "frechet,psnr,rfd,codec"
    assert main(["evaluate", latent[1], "-n", "16", "--metrics", metrics, "--out", str(out)]) == 0
    said = " ".join(capsys.readouterr().out.split())  # a title may be cut into lines
    for part in ("reconstructed", "reconstructions of images", "rFD-Projection"):
        assert part in said, part
    report = json.loads((out / "report.json").read_text())
    assert [s["name"] for s in report["reconstructed_baseline"]] == ["frechet"]
    command = [
        "sweep-samplers",
        latent[1],
        "-n",
        "8",
        "--evaluations",
        "2",
        "--budget",
        "2",
        "--store",
        "--out",
        str(tmp_path / "s"),
    ]
    assert main(command) == 0
    assert json.loads((tmp_path / "s" / "report.json").read_text())["kind"] == "samplers"
    assert main(["sample", latent[1], "-n", "2", "--out", str(tmp_path / "x.png")]) == 0


def test_what_an_autoencoder_cannot_do(latent, run, tmp_path, capsys):
    ae, ldm = latent
    needs = "is an autoencoder, which generates no images, and this needs a diffusion model: train one on its latents"
    cases = {
        ("sweep-samplers", ae): needs,
        ("sample", ae): needs,
        ("compare", run, ae): needs,
        ("compare", ae, ae): needs,
        ("evaluate", ae, "--metrics", "kid"): "--metrics kid: this is an autoencoder, which draws no images by itself",
        ("evaluate", ldm, "--metrics", "bound"): "is not defined by its chain alone",
        ("evaluate", run, "--metrics", "rfd"): "this model works on pixels and has no autoencoder",
        ("compare", ldm, run, "--metrics", "rfd"): "--metrics rfd: this describes one model",
    }
    for arguments, sentence in cases.items():
        assert sentence in refused(capsys, *arguments, "--out", tmp_path / "out"), arguments
    assert not list((tmp_path).glob("out/report*"))


@pytest.mark.parametrize("verb", ["evaluate", "compare", "sweep-samplers"])
def test_without_matplotlib_nothing_is_begun(run, monkeypatch, capsys, verb):
    monkeypatch.setattr("debruit.workflows.report_files.find_spec", lambda name: None)
    assert "plots need matplotlib" in refused(capsys, verb, run)


def test_help_loads_nothing_heavy():
    import subprocess

    for verb in ("evaluate", "compare", "sweep-samplers"):
        check = (
            f"from debruit.apps.cli import main; import sys; main(['{verb}', '--help']); assert 'torch' not in "
            "sys.modules"
        )
        subprocess.run([sys.executable, "-c", check], check=True, capture_output=True)


@pytest.mark.parametrize("verb", ["evaluate", "sweep-samplers", "compare"])
def test_each_file_of_a_report_is_checked_before_the_work(verb, tmp_path, capsys):
    from debruit.workflows.report_files import FILES

    models = ["openmoji-64", *["nowhere"] * (verb == "compare")]
    for name in FILES:
        (tmp_path / name / name).mkdir(parents=True)
        said = refused(capsys, verb, *models, "--out", tmp_path / name)
        assert f"{name}/{name} is a folder, and a file of that name is to be written" in said


@pytest.mark.parametrize("verb", ["evaluate", "sweep-samplers", "compare"])
def test_the_command_of_a_report_has_its_threads(verb, tmp_path, monkeypatch):
    from debruit.workflows import rerun

    commands = []

    def recorded(*given, **process):
        commands.append(rerun_command(*given, **process))
        raise InputError("enough")

    rerun_command = rerun.rerun_command
    monkeypatch.setattr(rerun, "rerun_command", recorded)
    monkeypatch.setattr("debruit.apps.process.set_threads", lambda threads, **_: None)
    assert main([verb, "m", "--threads", "3"]) == 2
    assert main([verb, "m"]) == 2
    assert commands == [f"debruit {verb} m --threads 3", f"debruit {verb} m"]
