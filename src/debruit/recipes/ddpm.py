"""The DDPM of the lecture and of Ho, Jain, Abbeel 2020: linear chain of 1000 steps, eps prediction, L_simple, ancestral sampling."""

from debruit.data.sources.fashion_mnist import FashionMnist
from debruit.data.sources.folder import Folder
from debruit.diffusion.chain import Chain, Linear
from debruit.diffusion.density import UniformSteps
from debruit.diffusion.objective import Objective
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.diffusion.weighting import Simple
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.networks.unet import UNet
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.config import SamplingConfig
from debruit.sampling.grids import ChainSteps
from debruit.training.config import Ema, Optimiser, Run


def ddpm_fashion_mnist_28() -> Run:
    """The lecture's DDPM on Fashion-MNIST: its chain, its loss and its sampler (x_0 clipped to the data's range, as in the paper's code), at a laptop's width.

    Costs 10 minutes on two CPU cores; recognisable garments, well behind what the same minutes buy without a recipe.
    debruit train ddpm-fashion-mnist-28 --out runs/ddpm --minutes 10
    """
    spec = DataSpec(name="fashion-mnist", channels=1, height=28, width=28, depth="uint8", low=0, high=255, count=60_000)
    network = UNet(channels=32, multipliers=(1, 2, 2), attention=(4,), head_channels=32)
    return Run(
        source=FashionMnist(), model=ddpm(spec, network), objective=l_simple(), images=100_000, minutes=10, batch=64,
        optimiser=Optimiser(kind="adamw", lr=1e-3),
    )  # fmt: skip


def ddpm_cifar10_32() -> Run:
    """The DDPM paper's CIFAR-10 model, 35.7 M parameters, on a folder of 32-pixel images (FID 3.17 after 800 k steps of 128, published).

    Costs about 10 hours on one data-centre GPU; on a CPU, months.
    debruit train ddpm-cifar10-32 ./cifar10 --out runs/cifar --flip
    """
    spec = DataSpec(name="cifar10", channels=3, height=32, width=32, depth="uint8", low=0, high=255, count=50_000)
    network = UNet(channels=128, multipliers=(1, 2, 2, 2), attention=(2,), heads=1, dropout=0.1)
    return Run(
        source=Folder(path="cifar10", size=32), model=ddpm(spec, network), objective=l_simple(), images=102_400_000, batch=128,
        optimiser=Optimiser(kind="adamw", lr=2e-4, betas=(0.9, 0.999), weight_decay=0.0, warmup_images=640_000, decay="none"),
        ema=Ema(halflife_images=887_000), flip=True,
    )  # fmt: skip


def ddpm(spec: DataSpec, network: UNet) -> ModelConfig:
    """The paper's model around a network: no preconditioning (data_std 1), beta~ as the reverse variance."""
    return ModelConfig(
        data=spec, process=Tabulated(chain=Chain(schedule=Linear(), steps=1000)), predicts="eps", network=network, data_std=1.0,
        sampling=SamplingConfig(sampler=Ancestral(), grid=ChainSteps(), steps=1000),
    )  # fmt: skip


def l_simple() -> Objective:
    """Algorithm 1's loss: t uniform on 1..T, weight 1 on eps."""
    return Objective(density=UniformSteps(steps=1000), weighting=Simple(space="eps"), low_discrepancy=False)
