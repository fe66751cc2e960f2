"""The forward process and the network's predictions."""

from debruit.events import say
from debruit.lecture.chapter import Calls, Chapter, Json
from debruit.lecture.forward import forward
from debruit.lecture.sprites import NOISE_SPAN, as_list, sheet, shown
from debruit.lecture.study import BATCH, Study


def numbers(study: Study) -> Json:
    """Return the images of the slider and the values under them."""
    f, span = study.once(forward), study.span
    chain, steps = study.chain.chain, study.steps
    say(f"forward process: {len(steps)} of {chain.steps} steps")
    rows = [shown(f.x_t, span), shown(f.eps_hat, NOISE_SPAN), shown(f.x0_hat, span)]
    rows += [shown(f.posterior, span), shown(f.mean, span)]
    height, width = rows[0].shape[1:3]
    return {
        "sheet": sheet(rows),
        "height": height,
        "width": width,
        "x0": sheet([shown(f.x0[None], span)]),
        "eps": sheet([shown(f.eps[None], NOISE_SPAN)]),
        "loss": as_list(f.simple_loss),
        "x0_error": as_list(((f.x0 - f.x0_hat) ** 2).flatten(1).mean(1)),
        "beta": as_list(chain.beta[steps]),
        "abar": as_list(chain.abar[steps]),
    }


def calls(study: Study) -> list[Calls]:
    return [Calls(count=-(-len(study.steps) // BATCH), batch=min(len(study.steps), BATCH))]


CHAPTER = Chapter(
    key="forward",
    title=("Adding noise, and predicting it", "Ajouter du bruit, et l'estimer"),
    text=(
        (
            "The forward process needs no training: at any step $t$, $x_t$ is a weighted sum of the image and of "
            "Gaussian noise $\\epsilon$. The network receives $x_t$ and $t$ (and its condition, if it has one) and "
            "predicts the noise, $\\epsilon_\\theta$; this is equivalent to predicting the clean image, $\\hat{x}_0$. "
            "Training (algorithm 1) minimises the squared difference of the two noises at random $t$. Move $t$ at the "
            "foot of the page: near $t = 1$ the image is clear and the noise is hard to tell; near $t = T$ it is the "
            "other way round, and $\\hat{x}_0$ becomes a blurred average of the images that are possible.",
            "Le processus de diffusion vers l'avant ne demande aucun entraînement : à toute étape $t$, $x_t$ est une "
            "somme pondérée de l'image et d'un bruit gaussien $\\epsilon$. Le réseau reçoit $x_t$ et $t$ (et sa "
            "condition, s'il en a une) et estime le bruit, $\\epsilon_\\theta$ ; cela revient à estimer l'image "
            "nette, $\\hat{x}_0$. L'entraînement (algorithme 1) minimise l'écart quadratique entre les deux bruits, "
            "pour des étapes $t$ tirées au hasard. Déplacez $t$ au bas de la page : près de $t = 1$, l'image est "
            "nette et le bruit se distingue mal ; près de $t = T$, c'est l'inverse, et $\\hat{x}_0$ devient une "
            "moyenne floue des images possibles.",
        ),
    ),
    equations=(
        r"x_t = \sqrt{\bar{\alpha}_t} \, x_0 + \sqrt{1 - \bar{\alpha}_t} \, \epsilon, "
        r"\quad \epsilon \sim \mathcal{N}(0, \mathbf{I})",
        r"\hat{x}_0 = \frac{x_t - \sqrt{1 - \bar{\alpha}_t} \, \epsilon_\theta(x_t, t)}{\sqrt{\bar{\alpha}_t}}",
        r"L_{t-1}^{\mathrm{simple}} = \mathbb{E}_{x_0 \sim q, \, \epsilon \sim \mathcal{N}, \, t \sim [1, T]} "
        r"[ \| \epsilon - \epsilon_\theta(x_t, t) \|^2 ]",
    ),
    functions=(
        "diffusion.chain.Chain.q",
        "diffusion.denoiser.Denoiser",
        "diffusion.prediction.solve",
        "diffusion.chain.Chain.posterior",
        "diffusion.chain.Chain.reverse",
        "lecture.forward.forward",
    ),
    labels={
        "posterior": ("posterior mean", "moyenne a posteriori"),
        "error_eps": ("mean of $(\\epsilon - \\epsilon_\\theta)^2$", "moyenne de $(\\epsilon - \\epsilon_\\theta)^2$"),
        "error_x0": ("mean of $(x_0 - \\hat{x}_0)^2$", "moyenne de $(x_0 - \\hat{x}_0)^2$"),
        "signal": ("signal left $\\sqrt{\\bar{\\alpha}_t}$", "signal restant $\\sqrt{\\bar{\\alpha}_t}$"),
        "x0": ("the image", "l'image"),
        "xt": ("noisy image", "image bruitée"),
        "eps": ("the noise", "le bruit"),
        "epshat": ("predicted noise", "bruit estimé"),
        "x0hat": ("predicted image", "image estimée"),
    },
    symbols={
        "x0": "x_0",
        "xt": "x_t",
        "eps": r"\epsilon",
        "epshat": r"\epsilon_\theta",
        "x0hat": r"\hat{x}_0",
        "posterior": r"\tilde{\mu}_t",
        "mean": r"\mu_\theta",
    },
    numbers=numbers,
    calls=calls,
)
