"""Quality at 20 network evaluations, for samplers and grids, on one trained Fashion-MNIST model: the comparison behind
the default.

    python bench/fashion/samplers.py runs/f -n 500 [--guidance 1.5]

Frechet distance to the 10,000 test images in the classifier's features. All rows start from the same noise, so
differences are due to the sampler.
"""

import argparse
import time

import numpy as np
from classifier import load_classifier
from fashion_data import load
from score import features, frechet, predictions

import debruit
from debruit.sampling.ddim import DDIM
from debruit.sampling.dpmpp_2m import DPMpp2M
from debruit.sampling.dpmpp_2m_sde import DPMpp2MSDE
from debruit.sampling.euler import Euler
from debruit.sampling.grids import Karras, UniformLogSNR, UniformTime
from debruit.sampling.heun import Heun
from debruit.sampling.unipc import UniPC

EVALUATIONS = 20
NARROW = UniformLogSNR(low=-8, high=6)
CASES = {
    "euler, uniform t": (Euler(), UniformTime()),
    "ddim eta 1, uniform t": (DDIM(eta=1.0), UniformTime()),
    "heun, uniform t": (Heun(), UniformTime()),
    "heun, uniform t, 8 steps": (Heun(), UniformTime(), 8),
    "heun, uniform t, 7 steps": (Heun(), UniformTime(), 7),
    "heun, karras": (Heun(), Karras(sigma_min=0.02)),
    "heun, karras to 0.1": (Heun(), Karras(sigma_min=0.1)),
    "dpmpp_2m, uniform t": (DPMpp2M(), UniformTime()),
    "dpmpp_2m, karras": (DPMpp2M(), Karras(sigma_min=0.02)),
    "dpmpp_2m, uniform log-SNR": (DPMpp2M(), NARROW),
    "dpmpp_2m_sde, uniform t": (DPMpp2MSDE(), UniformTime()),
    "unipc, uniform t": (UniPC(), UniformTime()),
    "unipc, uniform log-SNR": (UniPC(), NARROW),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("-n", type=int, default=500)
    parser.add_argument("--guidance", type=float, nargs="*", default=[1.5])
    parser.add_argument("--only", default="", help="cases whose name contains this")
    options = parser.parse_args()
    model, judge = debruit.load(options.model, device="cpu"), load_classifier()
    reference = features(load("test")[0], judge)
    labels = np.arange(options.n) % 10
    print(f"| sampler and grid | guidance | steps | FD, n = {options.n} | recognised |\n|-|-|-|-|-|")
    for name, (sampler, grid, *fewer) in CASES.items():
        if options.only not in name:
            continue
        most = max(s for s in range(1, EVALUATIONS + 1) if sampler.evaluations(s) <= EVALUATIONS)
        steps = fewer[0] if fewer else most
        for guidance in options.guidance:
            start = time.perf_counter()
            images = model.generate(
                options.n, sampler=sampler, grid=grid, steps=steps, guidance=guidance, seed=0, batch=100
            )
            pixels = images[:, 0].numpy()
            score, hits = (
                frechet(features(pixels, judge), reference),
                float((predictions(pixels, judge) == labels).mean()),
            )
            seconds = time.perf_counter() - start
            print(
                f"| {name} | {guidance:g} | {steps} | {score:.2f} | {hits:.1%} |   <!-- {seconds:.0f} s -->", flush=True
            )


if __name__ == "__main__":
    main()
