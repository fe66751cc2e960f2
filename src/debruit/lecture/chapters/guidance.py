"""Predictions and samples with and without the condition."""

from debruit.conditioning.guidance_terms import guidable
from debruit.events import say
from debruit.lecture.chapter import Calls, Chapter, Json
from debruit.lecture.guidance import guidance
from debruit.lecture.sprites import as_list, sheet, shown
from debruit.lecture.study import BATCH, Study


def numbers(study: Study) -> Json | None:
    """Return both predictions along the chain, and the samples; None where nothing can be guided."""
    g, span = guidance(study), study.span
    if g is None:
        return None
    say(f"guidance: {len(g.weights)} weights from the same noise")
    difference = g.conditional - g.unconditional
    rows = [shown(g.unconditional, span), shown(g.conditional, span), shown(difference, span)]
    spec = study.model.config.data
    samples = [shown(spec.to_model(images), 1.0) for images in g.images.transpose(0, 1)]
    return {
        "sheet": sheet(rows),
        "grid": sheet(samples),
        "images": len(samples),
        "weights": list(g.weights),
        "evaluations": list(g.evaluations),
        "clean_gap": as_list(g.clean_gap),
        "noise_gap": as_list(g.noise_gap),
    }


def calls(study: Study) -> list[Calls]:
    if not guidable(study.model.config.conditioners, study.conditions(1)):
        return []
    evaluations = sum(study.job(1, guidance=weight).evaluations for weight in study.detail.weights)
    frames = Calls(count=-(-len(study.steps) // BATCH), batch=min(len(study.steps), BATCH))
    return [frames, Calls(count=evaluations, batch=study.detail.guided_images)]


CHAPTER = Chapter(
    key="guidance",
    title=("With and without the condition", "Avec et sans la condition"),
    text=(
        (
            "The network was trained with its condition $y$ given for most images and dropped for the others, so it "
            "has two predictions for the same $x_t$. Guidance extrapolates from the unconditional one through the "
            "conditional one: $w = 0$ ignores the condition, $w = 1$ is the model as trained, and above 1 the effect "
            "of the condition is amplified. By Bayes' theorem the difference is, up to a factor that depends on $t$ "
            "alone, the gradient of $\\log q_t(y|x)$, that is of a classifier, although none was trained. In "
            "$\\hat{x}_0$ it is largest where little of the image is left; near $t = 1$ the image itself shows what "
            "it is. A larger $w$ gives images that match the condition more clearly, vary less, and in the end have "
            "too much contrast.",
            "Le réseau a été entraîné avec sa condition $y$ pour la plupart des images et sans elle pour les autres : "
            "il donne donc deux estimations pour un même $x_t$. Le guidage extrapole à partir de l'estimation "
            "inconditionnelle, dans la direction de l'estimation conditionnelle : $w = 0$ ignore la condition, $w = "
            "1$ est le modèle tel qu'il a été entraîné, et au-delà l'effet de la condition est amplifié. D'après le "
            "théorème de Bayes, la différence des deux estimations est, à un facteur près qui ne dépend que de $t$, "
            "le gradient de $\\log q_t(y|x)$, celui d'un classifieur, bien qu'aucun n'ait été entraîné. Sur "
            "$\\hat{x}_0$, elle est la plus grande là où il reste peu de l'image ; près de $t = 1$, l'image montre "
            "d'elle-même ce qu'elle est. Un $w$ plus grand donne des images qui répondent plus nettement à la "
            "condition, varient moins, et finissent par être trop contrastées.",
        ),
    ),
    equations=(
        r"\hat{x}_0 = u + w \, (c - u), \quad u = \hat{x}_0(x_t), \quad c = \hat{x}_0(x_t, y)",
        r"\nabla_x \log q_t(x | y) - \nabla_x \log q_t(x) = \nabla_x \log q_t(y | x)",
    ),
    functions=(
        "sampling.guidance.classifier_free.classifier_free",
        "conditioning.guidance_terms.branches",
        "lecture.guidance.guidance",
    ),
    labels={
        "uncond": ("unconditional prediction", "estimation inconditionnelle"),
        "cond": ("conditional prediction", "estimation conditionnelle"),
        "gap": ("the difference", "la différence"),
        "clean_gap": (
            "root mean square of the difference in $\\hat{x}_0$",
            "moyenne quadratique de la différence sur $\\hat{x}_0$",
        ),
        "noise_gap": ("the same in $\\epsilon_\\theta$", "la même sur $\\epsilon_\\theta$"),
    },
    symbols={"uncond": "u", "cond": "c", "gap": "c - u"},
    numbers=numbers,
    calls=calls,
)
