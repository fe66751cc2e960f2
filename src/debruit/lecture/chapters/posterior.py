"""The posterior of one step of one pixel, and the model's."""

import torch

from debruit.lecture.chapter import Chapter, Json
from debruit.lecture.forward import forward
from debruit.lecture.sprites import LARGEST_GRID, as_list, packed, stride, thinned
from debruit.lecture.study import Study


def numbers(study: Study) -> Json:
    """Return the values of the pixels that can be chosen, and the coefficients of mu~ = a x_0 + b x_t
    (Chain.posterior)."""
    f, chain = study.once(forward), study.chain.chain
    i = torch.tensor(study.steps)
    one, zero = torch.ones(len(i), 1).double(), torch.zeros(len(i), 1).double()
    x0 = thinned(f.x0, LARGEST_GRID)
    learned = f.variance.shape[-1] > 1
    return {
        "stride": stride(*f.x0.shape[-2:], LARGEST_GRID),
        "channels": x0.shape[0],
        "height": x0.shape[1],
        "width": x0.shape[2],
        "size": list(f.x0.shape[-2:]),
        "x0": packed(x0),
        "x_t": packed(thinned(f.x_t, LARGEST_GRID)),
        "x0_hat": packed(thinned(f.x0_hat, LARGEST_GRID)),
        "unit": 4096,
        "a": as_list(chain.posterior(one, zero, i).mean),
        "b": as_list(chain.posterior(zero, one, i).mean),
        "posterior_variance": as_list(f.posterior_variance),
        "variance": as_list(f.variance.flatten(1).mean(1)),
        "log_variance": packed(thinned(f.variance, LARGEST_GRID).log(), 2048) if learned else None,
    }


CHAPTER = Chapter(
    key="posterior",
    title=("The step back, with and without knowing the image", "L'étape inverse, selon que l'image est connue ou non"),
    text=(
        (
            "If $x_0$ is known, the posterior $q(x_{t-1}|x_t, x_0)$ of the previous step is a Gaussian, by Bayes' "
            "theorem. The model does not know $x_0$ and uses $\\hat{x}_0$ in its place: $p_\\theta(x_{t-1}|x_t)$. The "
            "two have the same variance (unless the network has learned its own) and differ in their means; their "
            "divergence, summed over the pixels and averaged over $x_t$, is one term of the bound. Here they are for "
            "the chosen pixel.",
            "Si $x_0$ est connu, la distribution a posteriori $q(x_{t-1}|x_t, x_0)$ de l'étape précédente est "
            "gaussienne, d'après le théorème de Bayes. Le modèle ne connaît pas $x_0$ et met $\\hat{x}_0$ à sa "
            "place : $p_\\theta(x_{t-1}|x_t)$. Les deux distributions ont la même variance (sauf si le réseau a "
            "appris la sienne) et diffèrent par leurs moyennes ; leur divergence, sommée sur les pixels et moyennée "
            "sur $x_t$, est un terme de la limite supérieure variationnelle. Les voici pour le pixel choisi.",
        ),
    ),
    equations=(
        r"q(x_{t-1} | x_t, x_0) = \mathcal{N}(\tilde{\mu}_t(x_t, x_0), \; \tilde{\beta}_t \mathbf{I})",
        r"\tilde{\beta}_t = \frac{1 - \bar{\alpha}_{t-1}}{1 - \bar{\alpha}_t} \beta_t",
        r"\tilde{\mu}_t(x_t, x_0) = \frac{\sqrt{\bar{\alpha}_{t-1}} \, \beta_t}{1 - \bar{\alpha}_t} x_0 "
        r"+ \frac{\sqrt{\alpha_t} \, (1 - \bar{\alpha}_{t-1})}{1 - \bar{\alpha}_t} x_t",
        r"\tilde{\mu}_t = \frac{1}{\sqrt{\alpha_t}} ( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}} \epsilon )",
        r"p_\theta(x_{t-1} | x_t) = \mathcal{N}(\tilde{\mu}_t(x_t, \hat{x}_0), \; \sigma_t^2 \mathbf{I})",
    ),
    functions=(
        "diffusion.chain.Chain.posterior",
        "diffusion.chain.Chain.posterior_from_eps",
        "diffusion.chain.Chain.reverse",
        "diffusion.gaussian.Gaussian.kl",
    ),
    labels={
        "channel": ("channel", "canal"),
        "whole": ("on the whole axis", "sur tout l'axe"),
        "zoomed": ("close up", "de près"),
        "divergence": ("divergence of this pixel", "divergence de ce pixel"),
        "nats": ("nats", "nats"),
        "point": (
            "At $t = 1$ the posterior has no variance left: it is the point $x_0$, and the bound uses $L_0$ instead "
            "of a divergence: for 8-bit images, minus the log-probability of the image's grey levels.",
            "À $t = 1$, la distribution a posteriori n'a plus de variance : c'est le point $x_0$. La limite prend "
            "alors $L_0$ au lieu d'une divergence : pour des images de 8 bits, l'opposé de la log-probabilité des "
            "niveaux de gris de l'image.",
        ),
    },
    symbols={
        "posterior_variance": r"\tilde{\beta}_t",
        "variance": r"\sigma_t^2",
        "q": r"q(x_{t-1} | x_t, x_0)",
        "p": r"p_\theta(x_{t-1} | x_t)",
    },
    numbers=numbers,
)
