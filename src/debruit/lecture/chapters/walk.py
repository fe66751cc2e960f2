"""The chain step by step, and in closed form."""

from debruit.events import say
from debruit.lecture.chapter import Chapter, Json
from debruit.lecture.sprites import as_list, packed
from debruit.lecture.study import Study
from debruit.lecture.walk import walk


def numbers(study: Study) -> Json:
    """Return the walkers that started at 0, and the coefficients that move them to any pixel."""
    w = walk(study.chain.chain, study.steps, seed=study.seed)
    say(f"one step at a time: {w.walkers.shape[1]:,} walkers")
    return {
        "walkers": packed(w.walkers),
        "count": w.walkers.shape[1],
        "unit": 4096,
        "signal": as_list(w.signal),
        "mean": as_list(w.mean),
        "variance": as_list(w.variance),
    }


CHAPTER = Chapter(
    key="walk",
    title=("One step at a time, or in closed form", "Étape par étape, ou par la formule explicite"),
    text=(
        (
            "Random trajectories start at the value of the chosen pixel (click one in any image) and take the steps "
            "of the chain one after the other: move a little towards 0, add a little noise. The histogram shows where "
            "they are after $t$ steps; the curve is the closed form, computed without any step. Because the two "
            "agree, training is cheap: any $x_t$ costs one sample of noise.",
            "Des trajectoires aléatoires partent de la valeur du pixel choisi (cliquez sur un pixel de n'importe "
            "quelle image) et parcourent la chaîne étape par étape : la valeur se rapproche un peu de 0, puis un peu "
            "de bruit s'y ajoute. L'histogramme montre où elles se trouvent après $t$ étapes ; la courbe est la "
            "formule explicite, calculée sans parcourir aucune étape. Puisque les deux concordent, l'entraînement est "
            "peu coûteux : tout $x_t$ ne demande qu'un seul échantillon de bruit.",
        ),
    ),
    equations=(
        r"q(x_t | x_{t-1}) = \mathcal{N}(\sqrt{1 - \beta_t} \, x_{t-1}, \; \beta_t \mathbf{I})",
        r"q(x_t | x_0) = \mathcal{N}(\sqrt{\bar{\alpha}_t} \, x_0, \; (1 - \bar{\alpha}_t) \mathbf{I})",
    ),
    functions=("diffusion.chain.Chain.q_step", "diffusion.chain.Chain.q", "lecture.walk.walk"),
    labels={
        "walkers": ("trajectories", "trajectoires"),
        "stepwise": ("one step at a time", "étape par étape"),
        "closed": ("closed form", "formule explicite"),
    },
    numbers=numbers,
)
