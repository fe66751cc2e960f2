"""The DDPM of the lecture and of Ho, Jain, Abbeel 2020: linear chain of 1000 steps, eps prediction, L_simple, ancestral
sampling."""

from debruit.data.sources.fashion_mnist import FashionMnist
from debruit.diffusion.chain import Chain, Linear
from debruit.diffusion.density import UniformSteps
from debruit.diffusion.objective import Objective
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.diffusion.weighting import Simple
from debruit.images.spec import DataSpec
from debruit.models.config import ModelConfig
from debruit.networks.unet import UNet
from debruit.recipes import settings
from debruit.sampling.ancestral import Ancestral
from debruit.sampling.grids import ChainSteps
from debruit.training.config import Ema, Run


def ddpm_fashion_mnist_28() -> Run:
    """The lecture's DDPM on Fashion-MNIST: its chain, its loss and its sampler (algorithm 2 as printed: x_0^ is not
    clipped), with a network of a laptop's size. `ddpm-fashion`, which comes with debruit, was trained by it.

    Cost: 10 minutes on two CPU cores. Score: recognisable garments, far worse than `debruit train fashion-mnist
    --minutes 10` reaches (a Frechet distance of 1.05; README.md); the sampler takes 1000 steps.

    debruit train ddpm-fashion-mnist-28 --out runs/ddpm --minutes 10
    """
    spec = settings.images("fashion-mnist", channels=1, side=28, count=60_000)
    network = settings.unet(channels=28, multipliers=(1, 2, 2), blocks=1, attention=(2, 4), heads=1)
    optimiser = settings.adamw(
        1e-3, betas=(0.9, 0.99), weight_decay=0.01, clip_norm=1.0, warmup_images=5_000, decay="linear"
    )
    return settings.run(
        source=FashionMnist(split="train", folder=None),
        model=ddpm(spec, network, clip=False),
        objective=l_simple(),
        optimiser=optimiser,
        ema=settings.ema(),
        images=100_000,
        minutes=10,
        batch=64,
    )


def ddpm_cifar10_32() -> Run:
    """The DDPM paper's CIFAR-10 model, 35.7 M parameters, on a folder of 32-pixel images.

    Cost: about 10 hours on one data-centre GPU; on a CPU, months. Score: FID 3.17 after 800 k steps of 128 images,
    published.

    debruit train ddpm-cifar10-32 ./cifar10 --out runs/cifar --flip
    """
    spec = settings.images("cifar10", channels=3, side=32, count=50_000)
    network = settings.unet(channels=128, multipliers=(1, 2, 2, 2), blocks=2, attention=(2,), heads=1, dropout=0.1)
    optimiser = settings.adamw(2e-4, betas=(0.9, 0.999), weight_decay=0.0, clip_norm=1.0, warmup_images=640_000)
    return settings.run(
        source=settings.folder("cifar10", 32, labelled=True),
        model=ddpm(spec, network, clip=True),
        objective=l_simple(),
        optimiser=optimiser,
        ema=Ema(halflife_images=887_000, ramp=0.05),
        images=102_400_000,
        batch=128,
        flip=True,
    )


def ddpm(spec: DataSpec, network: UNet, *, clip: bool) -> ModelConfig:
    """The paper's model around a network: no preconditioning (data_std 1), beta~ as the reverse variance. With `clip`,
    x_0^ is clipped to the data's range in sampling, as in the paper's code.
    """
    chain = Chain(schedule=Linear(start=1e-4, end=0.02), steps=1000, zero_terminal_snr=False)
    return settings.model(
        data=spec,
        process=Tabulated(chain=chain),
        predicts="eps",
        network=network,
        data_std=1.0,
        sampling=settings.sampling(Ancestral(variance="posterior"), ChainSteps(), steps=1000, clip=clip),
    )


def l_simple() -> Objective:
    """Algorithm 1's loss: t uniform on 1..T, weight 1 on eps."""
    return Objective(
        density=UniformSteps(steps=1000),
        weighting=Simple(space="eps"),
        norm="l2",
        low_discrepancy=False,
        variance_weight=0.001,
    )
