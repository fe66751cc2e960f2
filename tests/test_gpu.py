"""What only a GPU can show. `bench/gpu.sh` runs these on a machine that has one."""

from dataclasses import replace

import pytest
import tiny
import torch

import tiny_latent
from debruit.autoencoders.kl import KL
from debruit.autoencoders.losses.criterion import Criterion
from debruit.autoencoders.vq import VQ
from debruit.judges.features.network import eager
from debruit.models.autoencoder import FirstStage
from debruit.models.diffusion import Model
from debruit.planning import two_stage
from debruit.planning.recommend import Budget
from debruit.training.run_folder import RunFolder
from debruit.training.supervisor import fit

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def test_an_image_is_the_same_on_both_devices(tmp_path):
    folder = RunFolder.create(tmp_path / "run", tiny.run(precision="fp32"))
    list(fit(folder, folder.run.source.build(), torch.device("cuda")))
    on_cpu, on_gpu = (Model.load(folder.path, device).generate(8, seed=1, steps=10) for device in ("cpu", "cuda"))
    assert (on_cpu.int() - on_gpu.int()).abs().float().mean() < 1, "bfloat16 against float32, of 255"


def test_features_are_in_full_float32_whatever_the_process_allows(monkeypatch):
    """Also where another thread trains with TF32 meanwhile."""
    network, x = torch.nn.Sequential(torch.nn.Conv2d(64, 64, 3, padding=1)), torch.randn(8, 64, 56, 56)
    expected = network.double()(x.double()).detach().float()
    forward = eager(network.float(), torch.device("cuda"))
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    with torch.inference_mode():
        torch.testing.assert_close(forward(x).cpu(), expected, rtol=1e-5, atol=1e-5)
    assert torch.backends.cudnn.allow_tf32


def test_bf16_training_stays_close_to_fp32(tmp_path):
    losses = []
    for precision in ("fp32", "bf16"):
        run = tiny.run(precision=precision, images=1600)
        folder = RunFolder.create(tmp_path / precision, run)
        losses.append([p.report.loss for p in fit(folder, run.source.build(), torch.device("cuda"))][-1])
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_resume_on_a_gpu_continues(tmp_path):
    folder = RunFolder.create(tmp_path / "run", tiny.run())
    device = torch.device("cuda")
    for progress in fit(folder, folder.run.source.build(), device):
        if progress.report.images_seen >= 64:
            break
    reports = list(fit(RunFolder.open(folder.path), folder.run.source.build(), device, resume=True))
    assert reports[-1].report.images_seen == 160


@pytest.mark.parametrize("bottleneck", [KL(channels=2), VQ(channels=2, codes=32)])
def test_both_stages_train_and_resume(tmp_path, bottleneck):
    device, first = torch.device("cuda"), tiny_latent.run()
    codec = replace(first.model.codec, bottleneck=bottleneck)
    first = replace(
        first, model=replace(first.model, codec=codec), criterion=Criterion(adversarial=tiny_latent.ADVERSARIAL)
    )
    folder = RunFolder.create(tmp_path / "ae", first)
    for progress in fit(folder, first.source.build(), device):
        if progress.report.images_seen >= 96:
            break
    assert list(fit(RunFolder.open(folder.path), first.source.build(), device, resume=True))[-1].saved
    stage = FirstStage.load(folder.path, "cuda")
    run = two_stage.on_latents(stage, first.source, first.data, device, Budget(images=320))
    latent = two_stage.create(tmp_path / "ldm", run, stage)
    assert list(fit(latent, first.source.build(), device))[-1].saved
    assert Model.load(latent.path, "cuda").generate(2).shape == (2, 1, 8, 8)
