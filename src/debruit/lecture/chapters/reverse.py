"""Algorithm 2."""

from debruit.events import say
from debruit.lecture.chapters.base import Calls, Chapter, Json
from debruit.lecture.reverse import reverse
from debruit.lecture.sprites import NOISE_SPAN, sheet, shown
from debruit.lecture.study import Study


def numbers(study: Study) -> Json:
    """Return the parts of each step shown, and a strip of frames for each image."""
    r, span = reverse(study), study.span
    say(f"algorithm 2: {study.chain.chain.steps} steps")
    rows = [shown(r.x_t, span), shown(r.eps_hat, NOISE_SPAN), shown(r.x0_hat, span), shown(r.mean, span)]
    rows += [shown(r.kick, NOISE_SPAN), shown(r.x_next, span)]
    strip = sheet([shown(images, span) for images in r.strip])
    return {"sheet": sheet(rows), "strip": strip, "images": len(r.strip), "strip_steps": r.strip_steps}


def calls(study: Study) -> list[Calls]:
    return [Calls(count=study.chain.chain.steps, batch=study.detail.images * study.branches)]


CHAPTER = Chapter(
    key="reverse",
    title=("Algorithm 2, frame by frame", "L'algorithme 2, image par image"),
    text=(
        (
            "Sampling runs backwards from pure noise: evaluate the network, move to the mean $\\mu_\\theta$, and add "
            "a little fresh noise $\\sigma_t z$ (none in the last step). Press play at the foot of the page. The "
            "noise of each step is shown at its true size: it shrinks as the image appears. The early steps decide "
            "what the image shows, the late ones its edges and textures.",
            "La génération part du bruit pur, à rebours : évaluer le réseau, aller à la moyenne $\\mu_\\theta$, "
            "ajouter un peu de bruit neuf $\\sigma_t z$ (aucun au dernier pas). Lancez la lecture au bas de la page. "
            "Le bruit de chaque pas est montré à sa vraie taille : il diminue quand l'image apparaît. Les premiers "
            "pas décident de ce que montre l'image, les derniers de ses bords et de ses textures.",
        ),
    ),
    equations=(
        r"x_T \sim \mathcal{N}(0, \mathbf{I}), \qquad t = T, \dots, 1",
        r"x_{t-1} = \frac{1}{\sqrt{\alpha_t}} ( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}} "
        r"\epsilon_\theta(x_t, t) ) + \sigma_t z",
    ),
    functions=(
        "sampling.ancestral.Ancestral",
        "sampling.loop.trajectory",
        "sampling.sampler.Transition.posterior_mean",
        "lecture.reverse.reverse",
    ),
    labels={
        "mean": ("the model's mean", "moyenne du modèle"),
        "kick": ("noise added in this step", "bruit ajouté à ce pas"),
        "next": ("one step cleaner", "un pas plus net"),
        "sample": ("sample", "échantillon"),
    },
    symbols={"kick": r"\sigma_t z", "next": "x_{t-1}"},
    numbers=numbers,
    calls=calls,
)
