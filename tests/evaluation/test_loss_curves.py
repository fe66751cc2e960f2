"""When to stop, said from curves whose answer is plain; and the log of a real training."""

import json

import numpy as np
import pytest
import tiny
import torch

from debruit.errors import InputError
from debruit.evaluation.loss_curves import advice, read_curves
from debruit.training.run_folder import RunFolder
from debruit.training.supervisor import fit


def log(path, validation, training=None, planned=None, rises=None):
    """A log with a report without validation between two with one."""
    lines = []
    for k, value in enumerate(validation, start=1):
        record = {
            "images_seen": 1000 * k,
            "total_images": planned or 1000 * len(validation),
            "validation_loss": float(value),
        }
        record |= {f"validation_loss_q{q}": float(value) * (rises[q - 1][k - 1] if rises else 1) for q in range(1, 5)}
        trained = None if training is None else float(training[k - 1])
        record |= {"train_loss": trained} | {f"train_loss_q{q}": trained for q in range(1, 5)}
        lines += [json.dumps({"images_seen": 1000 * k - 500, "loss": 1.0}), json.dumps(record)]
    path.write_text("\n".join(lines) + "\n")
    return read_curves(path)


def test_overfitting_is_reported_with_where_and_when(tmp_path):
    k = np.arange(1, 21)
    validation = 1 + 0.02 * np.maximum(k - 8, 0) + 0.5 * np.maximum(8 - k, 0) / 8
    rises = [np.ones(20), np.ones(20), np.ones(20), 1 + 0.1 * np.maximum(k - 8, 0)]
    curves = log(tmp_path / "log.jsonl", validation, 1.4 / k**0.3, rises=rises)
    said = advice(curves)
    assert said.startswith("stop at about 8,000 images: since then the validation loss rose by 24.0 %")
    assert "while that of training images changed by -" in said
    assert "the quarter of times with the most noise" in said
    assert curves.gap[-1] > 0.5


def test_a_training_that_gets_worse_is_not_called_overfitting(tmp_path):
    k = np.arange(1, 21)
    both = 1 + 0.02 * np.maximum(k - 8, 0) + 0.5 * np.maximum(8 - k, 0) / 8
    said = advice(log(tmp_path / "log.jsonl", both, 0.9 * both))
    assert said.startswith("something is wrong since about 8,000 images: the validation loss rose by 24.0 %")
    assert "training images changed by +24.0 %, so this is no overfitting" in said


def test_a_falling_curve_says_go_on_or_train_longer(tmp_path):
    k = np.arange(1, 21)
    assert advice(log(tmp_path / "a", 1 / k, planned=40_000)).startswith("continue: at 20,000 of 40,000 images")
    said = advice(log(tmp_path / "a", 1 / k, 0.9 / k))
    assert said.startswith("train longer: the validation loss fell by 25.0 % over the last quarter of 20,000 images")
    assert "held-out images cost +11.1 % against training images" in said


def test_a_level_curve_is_enough(tmp_path):
    said = advice(log(tmp_path / "a", 1 + np.exp(-np.arange(20.0))))
    assert said.startswith(
        "this is enough: over the last quarter of 20,000 images the validation loss changed by -0.0 %"
    )


def test_scatter_is_not_taken_for_a_rise(tmp_path):
    """Level curves that jump by 2 % end up to 8 % above their lowest value, and nothing follows from that: few of 100
    say stop."""
    wrong = 0
    for seed in range(100):
        jumps = 0.02 * np.random.default_rng(seed).normal(size=40)
        curves = log(tmp_path / "a", np.exp(jumps))
        assert 0.008 < curves.scatter < 0.04
        wrong += advice(curves).startswith("stop")
    assert wrong <= 2
    rising = np.exp(jumps + 0.01 * np.maximum(np.arange(40) - 20, 0))
    assert advice(log(tmp_path / "a", rising)).startswith("stop at about"), "by 21 % over 20 validations"


def test_few_validations_and_training_losses_that_are_not_finite(tmp_path):
    assert advice(log(tmp_path / "a", [3.0, 2.0, 1.0])).startswith("3 validations are too few to say when to stop")
    curves = log(tmp_path / "a", 1 / np.arange(1, 9))
    assert np.isnan(curves.training).all()
    assert "training images" not in advice(curves)


def test_the_log_of_a_training(tmp_path):
    run = tiny.run(images=320)
    folder = RunFolder.create(tmp_path / "run", run)
    list(fit(folder, run.source.build(), torch.device("cpu")))
    curves = read_curves(folder.path)
    assert list(curves.images_seen) == [96, 192, 288, 320]
    assert curves.planned == 320
    for values in (curves.validation, curves.training, curves.validation_quarters, curves.training_quarters):
        assert np.isfinite(values).all()
    # 20 images in quarters of 5
    np.testing.assert_allclose(curves.training_quarters.mean(1), curves.training, rtol=1e-5)
    np.testing.assert_allclose(curves.validation_quarters.mean(1), curves.validation, rtol=1e-5)
    with open(folder.path / "log.jsonl", "a") as file:
        file.write('{"images_seen": 400, "validat')  # cut by an interruption
    assert len(read_curves(folder.path).images_seen) == 4
    assert advice(curves)


def test_logs_that_hold_nothing(tmp_path):
    with pytest.raises(InputError, match=r"there is no log.jsonl at"):
        read_curves(tmp_path / "log.jsonl")
    (tmp_path / "log.jsonl").write_text('{"images_seen": 5, "loss": 1.0}\n')
    with pytest.raises(InputError, match=r"holds no validation: the run held no images out"):
        read_curves(tmp_path)
