"""Algorithm 1, line by line."""

import torch
from torch import Tensor

from debruit.events import say
from debruit.lecture.chapter import Both, Calls, Chapter, Json
from debruit.lecture.sprites import NOISE_SPAN, as_list, sheet, shown
from debruit.lecture.study import Study
from debruit.lecture.training import SHARE, parameter_count, training, with_gradients

# what the network is trained on in its own space: ||y - y_theta||^2 / ||eps - eps_theta||^2 = (det / alpha)^2
SPACES: dict[str, Both] = {
    "own_eps": (
        "This network predicts $\\epsilon$: training compares these same two noises.",
        "Ce réseau estime $\\epsilon$ : son entraînement compare ces deux mêmes bruits.",
    ),
    "own_x0": (
        "This network predicts $x_0$: training compares $x_0$ with $\\hat{x}_0$, and $\\| x_0 - \\hat{x}_0 \\|^2$ is "
        "this loss times $(1 - \\bar{\\alpha}_t) / \\bar{\\alpha}_t$.",
        "Ce réseau estime $x_0$ : son entraînement compare $x_0$ et $\\hat{x}_0$, et $\\| x_0 - \\hat{x}_0 \\|^2$ est "
        "cette perte multipliée par $(1 - \\bar{\\alpha}_t) / \\bar{\\alpha}_t$.",
    ),
    "own_v": (
        "This network predicts $v$: training compares $v$ with $v_\\theta$, and $\\| v - v_\\theta \\|^2$ is this "
        "loss times $1 / \\bar{\\alpha}_t$ (for a process that preserves the variance).",
        "Ce réseau estime $v$ : son entraînement compare $v$ et $v_\\theta$, et $\\| v - v_\\theta \\|^2$ est cette "
        "perte multipliée par $1 / \\bar{\\alpha}_t$ (pour un processus qui conserve la variance).",
    ),
    "own_other": (
        "This network predicts another quantity, $y = a x_0 + b \\epsilon$ (see the head of the page): training "
        "compares $y$ with $y_\\theta$, and $\\| y - y_\\theta \\|^2$ is this loss times a factor that depends on $t$ "
        "alone.",
        "Ce réseau estime une autre grandeur, $y = a x_0 + b \\epsilon$ (voir en tête de page) : son entraînement "
        "compare $y$ et $y_\\theta$, et $\\| y - y_\\theta \\|^2$ est cette perte multipliée par un facteur qui ne "
        "dépend que de $t$.",
    ),
    "own_weight": (
        "The model file records neither the norm of that comparison (squares or absolute values), nor the weight of "
        "each $t$, nor how often each was drawn: a training may differ from algorithm 1 in all three.",
        "Le fichier du modèle n'enregistre ni la norme de cette comparaison (carrés ou valeurs absolues), ni le poids "
        "de chaque $t$, ni la fréquence de son tirage : l'entraînement a pu s'écarter de l'algorithme 1 sur ces trois "
        "points.",
    ),
    "own_learned": (
        "A second term, on the variance that this network has learned, is not shown.",
        "Un second terme, sur la variance que ce réseau a apprise, n'est pas montré.",
    ),
}


def numbers(study: Study) -> Json:
    """Return the images and the numbers of each iteration."""
    r, span = study.once(training), study.span
    say(f"algorithm 1: {len(r.steps)} iterations{'' if r.gradient is not None else ', without gradients'}")
    rows = [shown(r.eps, NOISE_SPAN), shown(r.x_t, span), shown(r.eps_hat, NOISE_SPAN)]
    rows.append(shown(r.eps - r.eps_hat, NOISE_SPAN))
    predicts = study.model.config.predicts

    def middle(x: Tensor) -> list[float | None]:
        return as_list(x[..., 0, x.shape[-2] // 2, x.shape[-1] // 2])

    return {
        "sheet": sheet(rows),
        "steps": r.steps,
        "abar": as_list(study.chain.chain.abar[torch.tensor(r.steps)]),
        "loss": as_list(r.loss),
        "mean": as_list(r.mean_loss),
        "own": None if predicts == "eps" else as_list(r.own_loss),
        "gradient": r.gradient if r.gradient is None else as_list(r.gradient),
        "rate": r.rate if r.rate is None else as_list(r.rate),
        "after": r.after if r.after is None else as_list(r.after),
        "share": SHARE,
        "values": r.x0.numel(),
        "parameters": parameter_count(study),
        "pixel": {"x0": middle(r.x0[None]), "eps": middle(r.eps), "x_t": middle(r.x_t), "eps_hat": middle(r.eps_hat)},
        "space": f"own_{predicts}" if f"own_{predicts}" in SPACES else "own_other",
        "learned": study.model.config.learned_variance,
    }


def calls(study: Study) -> list[Calls]:
    """One evaluation an iteration, and with gradients one more after the step; passes back are not evaluations."""
    return [Calls(count=study.detail.iterations * (2 if with_gradients(study) else 1), batch=1)]


CHAPTER = Chapter(
    key="training",
    title=("Algorithm 1, line by line", "L'algorithme 1, ligne par ligne"),
    text=(
        (
            "Training repeats five operations: take an image, draw a step $t$, draw a noise $\\epsilon$, form $x_t$ "
            "in closed form, and take a gradient step that makes $\\epsilon_\\theta(x_t, t)$ more like $\\epsilon$. "
            "Here they are run with this model on this image; the algorithm draws its own $t$, so the slider at the "
            "foot of the page does not move this chapter. Look at the loss: for a trained network it depends far more "
            "on $t$ than on the noise. Near $t = 1$ there is hardly any noise in $x_t$ to be seen, and even the best "
            "network keeps a loss there. The difference of the two noises often shows a ghost of the image: it is "
            "$\\hat{x}_0 - x_0$, scaled.",
            "L'entraînement répète cinq opérations : prendre une image, tirer une étape $t$, tirer un bruit "
            "$\\epsilon$, calculer $x_t$ par la formule explicite, et faire un pas de gradient qui rapproche "
            "$\\epsilon_\\theta(x_t, t)$ de $\\epsilon$. Les voici exécutées avec ce modèle sur cette image ; "
            "l'algorithme tire ses propres $t$, et le curseur au bas de la page n'agit donc pas sur ce chapitre. "
            "Regardez la valeur de la fonction de perte : pour un réseau entraîné, elle dépend bien plus de $t$ que "
            "du bruit. Près de $t = 1$, presque aucun bruit n'est visible dans $x_t$, et même le meilleur réseau y "
            "garde une erreur. La différence des deux bruits montre souvent un fantôme de l'image : c'est $\\hat{x}_0 "
            "- x_0$, à un facteur près.",
        ),
        (
            "The gradient step is really taken, on a copy: the gradient $g$ is that of all parameters, and $\\eta = "
            "\\| \\epsilon - \\epsilon_\\theta \\|^2 / (10 \\, \\| g \\|^2)$ is chosen so that, to first order, a "
            "tenth of the loss goes. Then the parameters are set back, and each iteration starts from the trained "
            "model. Training itself takes far smaller steps, on the mean over a batch of images. Loss and gradient "
            "are those of the sum over all values, as printed; programs usually divide by their number.",
            "Le pas de gradient est réellement fait, sur une copie : le gradient $g$ est celui de tous les "
            "paramètres, et $\\eta = \\| \\epsilon - \\epsilon_\\theta \\|^2 / (10 \\, \\| g \\|^2)$ est choisi pour "
            "ôter, au premier ordre, un dixième de la perte. Puis les paramètres sont rétablis, et chaque itération "
            "part du modèle entraîné. Le véritable entraînement fait des pas bien plus petits, calculés sur la "
            "moyenne d'un lot d'images. La perte et son gradient sont ceux de la somme sur toutes les valeurs, comme "
            "l'écrit l'algorithme ; les programmes la divisent d'ordinaire par leur nombre.",
        ),
    ),
    equations=(
        r"L_{t-1}^{\mathrm{simple}} = \mathbb{E}_{x_0 \sim q, \, \epsilon \sim \mathcal{N}, \, t \sim [1, T]} "
        r"[ \| \epsilon - \epsilon_\theta(x_t, t) \|^2 ]",
        r"\theta \leftarrow \theta - \eta \, \nabla_\theta \| \epsilon - \epsilon_\theta(x_t, t) \|^2",
    ),
    functions=(
        "diffusion.chain.Chain.q",
        "diffusion.denoiser.Denoiser.raw",
        "diffusion.prediction.solve",
        "diffusion.objective.Objective.loss",
        "lecture.training.training",
    ),
    labels={
        "algorithm1": ("Algorithm 1: training", "Algorithme 1 : entraînement"),
        "a1_1": ("repeat", "répéter"),
        "a1_2": ("$x_0 \\sim q(x_0)$", "$x_0 \\sim q(x_0)$"),
        "a1_3": ("$t \\sim \\mathrm{Uniform}(\\{1, \\dots, T\\})$", "$t \\sim \\mathrm{Uniform}(\\{1, \\dots, T\\})$"),
        "a1_4": ("$\\epsilon \\sim \\mathcal{N}(0, \\mathbf{I})$", "$\\epsilon \\sim \\mathcal{N}(0, \\mathbf{I})$"),
        "a1_5": (
            "take a gradient descent step on $\\nabla_\\theta \\| \\epsilon - \\epsilon_\\theta(\\sqrt{"
            "\\bar{\\alpha}_t} x_0 + \\sqrt{1 - \\bar{\\alpha}_t} \\epsilon, \\, t) \\|^2$",
            "faire un pas de descente de gradient suivant $\\nabla_\\theta \\| \\epsilon - "
            "\\epsilon_\\theta(\\sqrt{\\bar{\\alpha}_t} x_0 + \\sqrt{1 - \\bar{\\alpha}_t} \\epsilon, \\, t) \\|^2$",
        ),
        "a1_5a": (
            "$x_t = \\sqrt{\\bar{\\alpha}_t} \\, x_0 + \\sqrt{1 - \\bar{\\alpha}_t} \\, \\epsilon$",
            "$x_t = \\sqrt{\\bar{\\alpha}_t} \\, x_0 + \\sqrt{1 - \\bar{\\alpha}_t} \\, \\epsilon$",
        ),
        "a1_5b": ("$\\epsilon_\\theta(x_t, t)$, by the network", "$\\epsilon_\\theta(x_t, t)$, par le réseau"),
        "a1_5c": (
            "the loss $\\| \\epsilon - \\epsilon_\\theta(x_t, t) \\|^2$",
            "la perte $\\| \\epsilon - \\epsilon_\\theta(x_t, t) \\|^2$",
        ),
        "a1_5d": (
            "its gradient $g$, and the step $\\theta \\leftarrow \\theta - \\eta \\, g$",
            "son gradient $g$, et le pas de gradient $\\theta \\leftarrow \\theta - \\eta \\, g$",
        ),
        "a1_6": ("until converged", "jusqu'à convergence"),
        "next_line": ("next line", "ligne suivante"),
        "next_iteration": ("next iteration", "itération suivante"),
        "back": ("back", "retour"),
        "iteration": ("iteration", "itération"),
        "of": ("of", "sur"),
        "line": ("line", "ligne"),
        "difference_eps": ("their difference", "leur différence"),
        "loss_sum": ("$\\| \\epsilon - \\epsilon_\\theta \\|^2$", "$\\| \\epsilon - \\epsilon_\\theta \\|^2$"),
        "loss_mean": ("its mean over the values", "sa moyenne sur les valeurs"),
        "loss_own": (
            "mean squared error of what the network predicts",
            "erreur quadratique moyenne de ce que le réseau estime",
        ),
        "gradient_norm": ("$\\| g \\|$", "$\\| g \\|$"),
        "rate": ("$\\eta$", "$\\eta$"),
        "after_step": ("loss after the gradient step", "perte après le pas de gradient"),
        "no_gradients": (
            "Gradients are left out: the page was asked to be quick, or the network has more than 50 million "
            "parameters.",
            "Les gradients sont omis : la version rapide de la page a été demandée, ou le réseau a plus de 50 "
            "millions de paramètres.",
        ),
        "middle_pixel": ("middle pixel", "pixel central"),
        "loss_by_t": (
            "mean of $(\\epsilon - \\epsilon_\\theta)^2$ by $t$",
            "moyenne de $(\\epsilon - \\epsilon_\\theta)^2$ selon $t$",
        ),
        "done": ("iterations done", "itérations faites"),
        "to_come": ("to come", "à venir"),
        "one_noise": ("one fixed noise at every $t$", "un même bruit à chaque $t$"),
        **SPACES,
    },
    symbols={"difference_eps": r"\epsilon - \epsilon_\theta"},
    numbers=numbers,
    calls=calls,
)
