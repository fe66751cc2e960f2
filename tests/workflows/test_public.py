"""The public functions: each verb from Python, as events and a value, without a word printed."""

import inspect
from dataclasses import MISSING, fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import debruit
import judging
import painted
from debruit import events
from debruit.apps.cli import compare, distill, edit, evaluate, explain, sample, sweep_samplers, upscale
from debruit.apps.cli.data import doctor, get
from debruit.apps.cli.sampling_flags import SamplingFlags
from debruit.conditioning.low_res import LowRes
from debruit.errors import InputError
from debruit.models import model_file
from debruit.models.diffusion import Model, load
from debruit.workflows.compare import CompareRequest
from debruit.workflows.data_get import DataGetRequest
from debruit.workflows.distill_request import DistillRequest
from debruit.workflows.doctor import DoctorRequest
from debruit.workflows.edit_request import EditRequest
from debruit.workflows.evaluate import EvaluateRequest
from debruit.workflows.explain import ExplainRequest
from debruit.workflows.sample import SampleRequest
from debruit.workflows.sweep_samplers import SweepRequest
from debruit.workflows.upscale import UpscaleRequest

REQUESTS = {
    sample.sample: SampleRequest,
    edit.edit: EditRequest,
    upscale.upscale: UpscaleRequest,
    explain.explain: ExplainRequest,
    distill.distill: DistillRequest,
    doctor: DoctorRequest,
    get: DataGetRequest,
    evaluate.evaluate: EvaluateRequest,
    compare.compare: CompareRequest,
    sweep_samplers.sweep_samplers: SweepRequest,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a model of classes, one of super-resolution, and two images."""
    folder = tmp_path_factory.mktemp("public")
    painted.model(labels=True).save(folder / "c.safetensors")
    painted.model(conditioners=[LowRes()]).save(folder / "sr.safetensors")
    for k, pixels in enumerate(painted.photos(2)):
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(folder / f"{k}.png")
    return folder


@pytest.mark.parametrize("verb", REQUESTS, ids=lambda verb: verb.__name__)
def test_a_request_has_the_options_of_its_verb_and_their_defaults(verb):
    """All but `threads`, which belongs to the process, `command`, which a report names, and `started`."""
    parameters = dict(inspect.signature(verb).parameters)
    flags = {name: p.default for name, p in parameters.items() if name not in ("flags", "threads", "set_")}
    flags |= {"set": ()} if "set_" in parameters else {}
    if "flags" in parameters:
        flags |= {f.name: f.default for f in fields(SamplingFlags) if f.name not in ("threads", "set_")} | {"set": ()}
    options = {f.name: f.default for f in fields(REQUESTS[verb]) if f.name not in ("command", "started")}
    assert set(options) == set(flags)
    for name, default in options.items():
        if flags[name] is not inspect.Parameter.empty and default is not MISSING:
            assert flags[name] in (default, Path(str(default))), name


def test_samples_are_a_value_and_nothing_is_printed(place, capfd):
    heard = []
    work = debruit.sample(place / "c.safetensors", n=3, steps=2, batch=2, label="cats")
    for event in work:
        heard.append(event)
    result = work.result()
    wanted = load(place / "c.safetensors").generate(3, steps=2, batch=2, label="cats")
    assert torch.equal(result.images, wanted)
    assert result.paths == ()
    assert (result.evaluations, result.branches) == (3, 1)
    progress = [event for event in heard if event.done is not None]
    assert [e.stage for e in progress] == ["sampling"] * len(progress)
    assert (progress[-1].done, progress[-1].total) == (3, 3)
    assert capfd.readouterr() == ("", "")


def test_every_verb_gives_a_value_and_prints_nothing(place, tmp_path, capfd):
    model = load(place / "c.safetensors")
    files = debruit.sample(model, n=2, steps=1, out=tmp_path / "many").result()
    assert files.images is None
    assert [path.name for path in files.paths] == ["000000.png", "000001.png"]
    edited = debruit.edit(model, image=place / "0.png", strength=0.6, n=2, steps=2).result()
    assert edited.images.shape == (2, 3, 16, 16)
    found = debruit.edit(model, image=place / "0.png", invert=True, steps=4).result()
    assert found.noise.shape == (1, 3, 16, 16)
    assert found.psnr > 0
    frames = debruit.edit(model, interpolate=(place / "0.png", place / "1.png"), frames=3, steps=2).result()
    assert len(frames.images) == 3
    larger = debruit.upscale(place / "sr.safetensors", image=place / "0.png", steps=1).result()
    assert larger.images.shape == (1, 3, 64, 64)
    assert larger.size == (64, 64)
    page = debruit.explain(model, image=place / "0.png", label="cats").result()
    assert page.path is None
    assert page.html.startswith("<!doctype html>")
    assert capfd.readouterr() == ("", "")


def test_reports_are_values_and_nothing_is_printed(tmp_path, monkeypatch, capfd):
    judging.look_through(judging.Projection(), monkeypatch)
    run = judging.trained(tmp_path / "a", images=32)
    other = judging.trained(tmp_path / "b", images=64)
    capfd.readouterr()
    work = debruit.evaluate(run, n=12, metrics=["frechet", "colour"])
    stages = {event.stage for event in work if event.done is not None}
    result = work.result()
    assert {"samples", "features"} <= stages
    assert {score.name for score in result.evaluation.scores} >= {"frechet"}
    assert result.paths[0] == run / "evaluation" / "report.html"
    assert all(path.exists() for path in result.paths)
    compared = debruit.compare([run, other], n=12, metrics="frechet", out=tmp_path / "compared").result()
    assert len(compared.comparison.evaluations) == 2
    assert compared.comparison.differences[1]
    swept = debruit.sweep_samplers(run, n=12, evaluations=[2, 3], budget=3, out=tmp_path / "swept").result()
    assert swept.sweep.best in swept.sweep.points
    assert swept.stored == ()
    assert capfd.readouterr() == ("", "")


def test_a_cancelled_evaluation_says_how_to_resume(tmp_path, monkeypatch):
    judging.look_through(judging.Projection(), monkeypatch)
    run = judging.trained(tmp_path / "a", images=32)
    work = debruit.evaluate(run, n=12, metrics="frechet,colour")
    next(event for event in work if event.stage == "samples")
    work.cancel()
    with pytest.raises(events.Cancelled, match=f"rerun the same command to continue: debruit evaluate {run} -n 12"):
        work.result()
    assert debruit.evaluate(run, n=12, metrics="frechet,colour").result().paths


def test_a_misspelt_option_names_the_nearest_at_once(place):
    with pytest.raises(debruit.InputError, match="debruit.sample has no option 'stepz', did you mean 'steps'?"):
        debruit.sample(place / "c.safetensors", stepz=3)  # ty: ignore[unknown-argument]
    with pytest.raises(debruit.InputError, match="debruit.edit has no option 'jump', did you mean 'jump_length'?"):
        debruit.edit(place / "c.safetensors", jump=3)  # ty: ignore[unknown-argument]


@pytest.mark.parametrize(
    "option", [{"n": 0}, {"n": 2.5}, {"steps": "x"}, {"seed": -1}, {"guidance_rescale": float("nan")}]
)
def test_a_value_out_of_range_is_refused_at_once(place, option):
    with pytest.raises(debruit.InputError, match=f"sample: {next(iter(option))}: .* is not valid"):
        debruit.sample(place / "c.safetensors", **option)


@pytest.mark.parametrize(
    ("verb", "options", "expected"),
    [
        ("train", {"source": "digits", "images": [3]}, "train: images: .* is not valid, expected Optional.int."),
        ("train", {"source": "digits", "images": "3"}, "train: images: '3' is not valid, expected Optional.int."),
        ("train", {"source": 3}, "train: source: 3 is not valid"),
        ("train", {"source": "digits", "out": {"a": 1}}, "train: out: .* is not valid, expected str | Path"),
        ("sample", {"model": "x", "prompt": {"a": 1}}, "sample: prompt: .* is not valid"),
        ("sample", {"model": "x", "guidance_interval": ("0.1", "0.8")}, "sample: guidance_interval: .* is not valid"),
        ("sample", {"model": object()}, "sample: model: .* is not valid"),
        ("edit", {"model": "x", "outpaint": (1, 2)}, "edit: outpaint: .* is not valid"),
        ("compare", {"models": "runs/a"}, "compare: models: 'runs/a' is not valid"),
        ("doctor", {"source": [3]}, "doctor: source: .* is not valid"),
    ],
)
def test_a_value_of_another_type_is_refused_at_once(verb, options, expected):
    with pytest.raises(debruit.InputError, match=expected):
        getattr(debruit, verb)(**options)


def test_a_call_with_too_few_or_too_many_arguments_is_an_input_error():
    with pytest.raises(debruit.InputError, match="debruit.sample needs model: give a value"):
        debruit.sample()  # ty: ignore[missing-argument]
    with pytest.raises(debruit.InputError, match=r"debruit.upscale needs image: give a value"):
        debruit.upscale("runs/a")  # ty: ignore[missing-argument]
    sentence = r"debruit.sample takes 1 by position \(model\), and 3 were given: give all others by name"
    with pytest.raises(debruit.InputError, match=sentence):
        debruit.sample("runs/a", 4, 2)  # ty: ignore[too-many-positional-arguments]
    with pytest.raises(debruit.InputError, match="debruit.sample was given model twice, by position and by name"):
        debruit.sample("runs/a", model="runs/b")  # ty: ignore[parameter-already-assigned]


def test_a_misspelt_option_of_a_model_names_the_nearest(place):
    model = load(place / "c.safetensors")
    with pytest.raises(debruit.InputError, match="settings takes no 'stepz', did you mean 'steps'?"):
        model.settings(stepz=3)  # ty: ignore[invalid-argument-type]
    with pytest.raises(debruit.InputError, match="settings takes no 'xyz'; it takes sampler, steps, .*, clip$"):
        model.settings(xyz=3)  # ty: ignore[invalid-argument-type]
    with pytest.raises(debruit.InputError, match="bound takes no 'varianse', did you mean 'variance'?"):
        model.bound(torch.zeros(1, 3, 16, 16), varianse="beta")  # ty: ignore[invalid-argument-type]


def test_settings_are_one_text_too(place):
    one = debruit.sample(place / "c.safetensors", n=1, set="steps=3").result()
    assert one.sampling.steps == 3


def test_settings_are_changed_by_names_or_as_on_the_command_line(place):
    one = debruit.sample(place / "c.safetensors", n=1, set={"grid": "Karras", "steps": 3}).result()
    other = debruit.sample(place / "c.safetensors", n=1, set=["grid=Karras", "steps=3"]).result()
    assert one.sampling == other.sampling
    assert one.sampling.steps == 3
    assert torch.equal(one.images, other.images)


def test_an_error_of_the_work_is_raised_by_its_result(place):
    with pytest.raises(debruit.InputError, match="did you mean 'cats'?"):
        debruit.sample(place / "c.safetensors", label="cat").result()


def test_six_requests_at_once_give_six_equal_answers(place):
    model = load(place / "c.safetensors")
    works = [debruit.sample(model, n=2, steps=3, seed=5) for _ in range(6)]
    images = [work.result().images for work in works]
    assert all(torch.equal(image, images[0]) for image in images)
    assert torch.equal(images[0], model.generate(2, steps=3, seed=5))


def test_cancelled_work_keeps_what_is_finished_and_the_same_request_resumes(place, tmp_path):
    whole = debruit.sample(place / "c.safetensors", n=6, batch=2, steps=2, out=tmp_path / "whole").result()
    options = {"n": 6, "batch": 2, "steps": 2, "out": tmp_path / "part"}
    work = debruit.sample(place / "c.safetensors", **options)
    for event in work:
        if event.done is not None and event.done >= 2:
            work.cancel()
            break
    with pytest.raises(events.Cancelled, match="of 6 images are in .*; rerun the same command to continue"):
        work.result()
    kept = len(list((tmp_path / "part").iterdir()))
    assert 2 <= kept < 6
    resumed = debruit.sample(place / "c.safetensors", **options)
    said = [event.message for event in resumed if event.message]
    assert f"{kept} images with these settings already exist and are kept" in said
    for one, other in zip(whole.paths, resumed.result().paths, strict=True):
        assert np.array_equal(np.asarray(Image.open(one)), np.asarray(Image.open(other)))


def test_a_loaded_model_is_distinguished_from_another_by_its_weights(place, tmp_path):
    model, out = load(place / "c.safetensors"), Path(tmp_path / "out")
    debruit.sample(model, n=1, steps=1, out=out).result()
    debruit.sample(model, n=2, steps=1, out=out).result()
    other = Model(model.config, model.config.build())
    with pytest.raises(debruit.InputError, match=r"holds 2 images with other settings \(model"):
        debruit.sample(other, n=3, steps=1, out=out).result()


def test_a_source_that_is_installed_is_reported(capfd):
    work = debruit.data_get("digits")
    messages = [event.message for event in work]
    assert messages == [work.result().summary]
    assert messages[0].startswith("digits is already here: ")
    with pytest.raises(InputError, match="did you mean 'digits'"):
        debruit.data_get("digit").result()
    assert capfd.readouterr() == ("", "")


def test_explain_reads_the_model_file_once(place, monkeypatch):
    headers = []
    monkeypatch.setattr(
        model_file, "header", lambda path, header=model_file.header: headers.append(path) or header(path)
    )
    debruit.explain(place / "c.safetensors", image=place / "0.png", label="cats").result()
    assert headers == [place / "c.safetensors"]


def test_a_path_is_data_too(tmp_path):
    """A `Path` is a folder, never the name of a built-in source."""
    for k in range(20):
        Image.new("L", (8, 8), 10 * k).save(tmp_path / f"{k}.png")
    by_path, by_text = (debruit.doctor(given, minutes=1.0).result().findings for given in (tmp_path, str(tmp_path)))
    assert by_path == by_text
    with pytest.raises(InputError, match=r"there is no source and no folder '.*digits'"):
        debruit.doctor(Path("digits")).result()
