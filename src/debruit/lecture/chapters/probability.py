"""The chain as probability: the theorems, on data whose distribution is known."""

import math

from debruit.lecture.chapter import Chapter, Json
from debruit.lecture.probability import probability
from debruit.lecture.sprites import as_list
from debruit.lecture.study import Study


def numbers(study: Study) -> Json:
    """Return the distributions of the data, the steps of all jumps, and the trajectories.

    abar is not rounded: the script needs 1 - abar_t / abar_s, which is small.
    """
    p = study.once(probability)
    toys = [
        {name: getattr(toy.data, name).tolist() for name in ("weights", "means", "variances")}
        | {"name": toy.name, "paths": as_list(toy.paths), "log_joint": as_list(toy.log_joint)}
        for toy in p.toys
    ]
    return {
        "toys": toys,
        "span": study.span,
        "limit": math.ceil(math.hypot(study.span, 2.5)),  # x_t = cos(u) x_0 + sin(u) eps, |x_0| <= span, |eps| < 2.5
        "count": p.toys[0].paths.shape[1],
        "jumps": p.jumps,
        "earlier": p.earlier.tolist(),
        "abar": p.abar.tolist(),
        "before": p.before.tolist(),
    }


CHAPTER = Chapter(
    key="probability",
    title=("The chain as probability", "La chaîne en termes de probabilités"),
    text=(
        (
            "A DDPM is built on a Markov chain, and a few theorems carry the whole lecture. Here each can be checked "
            "with numbers, since the data is a single number $x_0$ whose distribution is known: two grey levels, or "
            "the values of this page's image. The chain is that of the other chapters. The lecture takes steps from "
            "$t - 1$ to $t$; the panel allows any $s < t$, since a longer jump shows the same things on a larger "
            "scale.",
            "Un DDPM est fondé sur une chaîne de Markov, et quelques théorèmes portent tout le cours. Chacun se "
            "vérifie ici par le calcul, car la donnée est un seul nombre $x_0$ dont la distribution est connue : deux "
            "niveaux de gris, ou les valeurs de l'image de cette page. La chaîne est celle des autres chapitres. Le "
            "cours va de l'étape $t - 1$ à l'étape $t$ ; la figure accepte tout $s < t$, car un saut plus long montre "
            "la même chose en plus grand.",
        ),
        (
            "The map is the joint distribution $q(x_s, x_t)$, with a marginal on each side. Drag $x_t$: the row of "
            "the map at $x_t$ is $q(x_t|x_s) \\, q(x_s)$; divided by $q(x_t)$, it is $q(x_s|x_t)$, drawn beneath it. "
            "That is Bayes' theorem.",
            "La carte est la distribution conjointe $q(x_s, x_t)$, avec une distribution marginale de chaque côté. "
            "Déplacez $x_t$ : la ligne de la carte en $x_t$ est $q(x_t|x_s) \\, q(x_s)$ ; divisée par $q(x_t)$, elle "
            "donne $q(x_s|x_t)$, tracée au-dessous. C'est le théorème de Bayes.",
        ),
        (
            "But that quotient needs $q(x_s)$ and $q(x_t)$, hence the whole distribution of the data: a sum of a few "
            "terms here, an integral over all images in general, which is why $q(x_{t-1}|x_t)$ is intractable. Once "
            "$x_0$ is given, the data drops out: $q(x_s|x_t, x_0)$ is one Gaussian with a closed form. Compare a long "
            "jump, where $q(x_s|x_t)$ can have several modes, with a single step, where it is almost a Gaussian: this "
            "is what justifies a Gaussian $p_\\theta(x_{t-1}|x_t)$, and why the steps must be small.",
            "Mais ce quotient exige de connaître $q(x_s)$ et $q(x_t)$, donc toute la distribution des données : ici "
            "une somme de quelques termes, en général une intégrale sur toutes les images. C'est pourquoi "
            "$q(x_{t-1}|x_t)$ est insoluble. Dès que $x_0$ est donné, la distribution des données n'intervient plus : "
            "$q(x_s|x_t, x_0)$ est une seule gaussienne, de formule explicite. Comparez un long saut, où $q(x_s|x_t)$ "
            "peut avoir plusieurs modes, et une seule étape, où elle est presque gaussienne : c'est ce qui justifie "
            "l'hypothèse gaussienne pour $p_\\theta(x_{t-1}|x_t)$, et c'est pourquoi les étapes doivent être petites.",
        ),
    ),
    equations=(
        r"q(x_t | x_{t-1}) = \frac{q(x_{t-1} | x_t) \, q(x_t)}{q(x_{t-1})}",
        r"q(x_{t-1} | x_t) = \frac{q(x_t | x_{t-1}) \, q(x_{t-1})}{q(x_t)}",
        r"q(x_0) = \int q(x_{0:T}) \, d x_{1:T}",
        r"q(x_{t-1}, x_t) = q(x_t | x_{t-1}) \, q(x_{t-1})",
        r"q(x_{1:T} | x_0) = q(x_T | x_{0:T-1}) \, q(x_{T-1} | x_{0:T-2}) \cdots q(x_1 | x_0)",
        r"q(x_T | x_{0:T-1}) = q(x_T | x_{T-1})",
        r"q(x_{1:T} | x_0) = \prod_{t=1}^{T} q(x_t | x_{t-1})",
        r"q(x_t | x_{t-1}) = q(x_t | x_{t-1}, x_0) "
        r"= \frac{q(x_{t-1} | x_t, x_0) \, q(x_t | x_0)}{q(x_{t-1} | x_0)}",
        r"p_\theta(x_{0:T}) = p_\theta(x_T) \prod_{t=1}^{T} p_\theta(x_{t-1} | x_t)",
    ),
    functions=(
        "lecture.probability.probability",
        "lecture.probability.theorems",
        "lecture.mixture.joint_density",
        "lecture.mixture.reverse",
        "lecture.mixture.posterior",
        "lecture.probability.trajectories",
    ),
    labels={
        "prob_data": ("distribution of the data", "distribution des données"),
        "prob_levels": ("two grey levels: 30 % dark, 70 % bright", "deux niveaux de gris : 30 % sombre, 70 % clair"),
        "prob_image": ("the values of this image", "les valeurs de cette image"),
        "prob_jump": ("jump $t - s$", "saut $t - s$"),
        "prob_map": (
            "$q(x_s, x_t)$, its marginals, and $q(x_s|x_t)$",
            "$q(x_s, x_t)$, ses distributions marginales, et $q(x_s|x_t)$",
        ),
        "prob_near": ("the step back, close up", "l'étape inverse, de près"),
        "prob_exact": ("$q(x_s|x_t)$, exact", "$q(x_s|x_t)$, exacte"),
        "prob_known": ("$q(x_s|x_t, x_0)$", "$q(x_s|x_t, x_0)$"),
        "prob_gaussian": (
            "Gaussian with the mean and variance of $q(x_s|x_t)$",
            "gaussienne de mêmes moyenne et variance que $q(x_s|x_t)$",
        ),
        "prob_theorem": ("theorem, at the chosen point", "théorème, au point choisi"),
        "prob_left": ("left side", "membre de gauche"),
        "prob_right": ("right side", "membre de droite"),
        "prob_bayes": ("Bayes", "Bayes"),
        "prob_marginal": ("marginal", "marginal"),
        "prob_conditional": ("conditional probabilities", "probabilités conditionnelles"),
        "prob_markov": ("Bayes with $x_0$, Markov", "Bayes avec $x_0$, Markov"),
        "prob_point": (
            "$s = 0$: $x_s$ is $x_0$ itself, so $q(x_s|x_0)$ is a point and has no density.",
            "$s = 0$ : $x_s$ est $x_0$ lui-même, donc $q(x_s|x_0)$ est un point, sans densité.",
        ),
        "prob_far": (
            "KL of $q(x_s|x_t)$ from the Gaussian with its mean and variance",
            "divergence entre $q(x_s|x_t)$ et la gaussienne de mêmes moyenne et variance",
        ),
        "prob_paths": (
            "$p_\\theta(x_{0:T})$: trajectories of the reverse process over $q(x_t)$",
            "$p_\\theta(x_{0:T})$ : trajectoires du processus inverse, sur $q(x_t)$",
        ),
        "prob_path": ("trajectory", "trajectoire"),
        "prob_model": (
            "Here $p_\\theta$ is algorithm 2 with the best possible estimate, $\\hat{x}_0 = \\mathbb{E}[x_0|x_t]$, "
            "exactly. The play button moves along the trajectory from $x_T$ to $x_0$, and $\\log p_\\theta$ gains one "
            "term a step.",
            "Ici $p_\\theta$ est l'algorithme 2 avec la meilleure estimation possible, $\\hat{x}_0 = "
            "\\mathbb{E}[x_0|x_t]$, calculée exactement. La lecture animée parcourt la trajectoire de $x_T$ à $x_0$, "
            "et $\\log p_\\theta$ reçoit un terme de plus à chaque étape.",
        ),
    },
    symbols={
        "prob_xs": "x_s",
        "prob_xt": "x_t",
        "prob_x0": "x_0",
        "prob_s": "s",
        "prob_qs": "q(x_s)",
        "prob_qt": "q(x_t)",
        "prob_step": "q(x_t | x_s)",
        "prob_expected": r"\mathbb{E}[x_0 | x_t]",
        "prob_mean": r"\mathbb{E}[x_s | x_t, x_0]",
        "prob_variance": r"\text{var}[x_s | x_t, x_0]",
        "prob_bayes": r"\frac{q(x_t | x_s) \, q(x_s)}{q(x_t)} = q(x_s | x_t)",
        "prob_marginal": r"\int q(x_t | x_s) \, q(x_s) \, d x_s = q(x_t)",
        "prob_conditional": r"q(x_s, x_t) = q(x_t | x_s) \, q(x_s)",
        "prob_markov": r"\frac{q(x_s | x_t, x_0) \, q(x_t | x_0)}{q(x_s | x_0)} = q(x_t | x_s)",
        "prob_last": r"\log p_\theta(x_T)",
        "prob_part": r"\log p_\theta(x_{t:T})",
        "prob_whole": r"\log p_\theta(x_{0:T})",
    },
    numbers=numbers,
)
