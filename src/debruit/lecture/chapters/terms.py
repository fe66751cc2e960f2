"""The terms of the bound."""

import torch

from debruit.events import say
from debruit.lecture.chapter import Calls, Chapter, Json
from debruit.lecture.sprites import as_list
from debruit.lecture.study import Study
from debruit.lecture.terms import has_decoder, strata_of, terms


def numbers(study: Study) -> Json:
    """Return the terms in bits/dim."""
    t = study.once(terms)
    bits, error = t.bits(t.total), t.bits(t.total_error)
    without = "" if t.decoder else " without L_0"
    of_chain = "" if study.chain.own else f", as a chain of {study.chain.chain.steps} steps"
    say(f"bound of this image: {bits:.2f} +- {error:.2f} bits/dim{without}{of_chain}")
    per_step = t.dimensions * torch.log(torch.tensor(2.0))
    return {
        "first": t.first.tolist(),
        "last": t.last.tolist(),
        "bits": as_list(t.nats / per_step),
        "error": as_list(t.error / per_step),
        "simple": as_list(t.simple),
        "weight": as_list(t.weight),
        "prior": t.bits(t.prior),
        "decoder": [t.bits(value) for value in t.decoder] if t.decoder else None,
        "sum": t.bits(float((t.counts * t.nats).sum())),
        "total": bits,
        "total_error": error,
        "learned": study.variance == "learned",
    }


def calls(study: Study) -> list[Calls]:
    groups = len(strata_of(study.chain.chain.steps, study.detail.strata))
    return [Calls(count=groups + has_decoder(study), batch=study.detail.draws)]


CHAPTER = Chapter(
    key="terms",
    title=("What training minimises", "Ce que l'entraînement minimise"),
    text=(
        (
            "The bound on $-\\log p_\\theta(x_0)$ is a sum over the steps, here for this image: $L_T$ (what is left "
            "of the image at the end; nothing to learn), one divergence for each step, and $L_0$, minus the "
            "log-probability of the image's grey levels in the last step. The variance of the reverse step is the "
            "lecture's, $\\tilde{\\beta}_t$ (or the one that the network has learned), here and wherever debruit "
            "reports this bound. With $\\tilde{\\beta}_t$, each divergence is a squared error times a weight that "
            "depends on $t$ alone. $L_{\\mathrm{simple}}$ drops this weight: it trades the likelihood of the smallest "
            "details for the errors that are visible. A network that predicts something else ($x_0$, $v$, the "
            "velocity) weights the same errors by another factor of $t$.",
            "La limite supérieure variationnelle de $-\\log p_\\theta(x_0)$ est une somme sur les étapes, ici pour "
            "cette image : $L_T$ (ce qui reste de l'image à la fin ; il n'y a rien à apprendre), une divergence par "
            "étape, et $L_0$, l'opposé de la log-probabilité des niveaux de gris de l'image à la dernière étape. La "
            "variance de l'étape inverse est celle du cours, $\\tilde{\\beta}_t$ (ou celle que le réseau a apprise), "
            "ici et partout où debruit donne cette limite. Avec $\\tilde{\\beta}_t$, chaque divergence est une erreur "
            "quadratique, multipliée par un terme de pondération qui ne dépend que de $t$. $L_{\\mathrm{simple}}$ "
            "omet ce terme : on sacrifie la vraisemblance des plus petits détails au profit des erreurs visibles. Un "
            "réseau qui estime autre chose ($x_0$, $v$, la vitesse) pondère les mêmes erreurs par un autre facteur, "
            "fonction de $t$.",
        ),
    ),
    equations=(
        r"L = \mathbb{E}_q [ D_{\mathrm{KL}}(q(x_T|x_0) \parallel p(x_T)) "
        r"+ \sum_{t=2}^{T} D_{\mathrm{KL}}(q(x_{t-1}|x_t, x_0) \parallel p_\theta(x_{t-1}|x_t)) "
        r"- \log p_\theta(x_0|x_1) ]",
        r"L_{t-1} = \mathbb{E}_\epsilon [ \frac{\beta_t^2}{2 \sigma_t^2 \alpha_t (1 - \bar{\alpha}_t)} "
        r"\| \epsilon - \epsilon_\theta(x_t, t) \|^2 ]",
    ),
    functions=(
        "diffusion.bound.step_term",
        "diffusion.bound.prior_term",
        "diffusion.gaussian.discretised_log_likelihood",
        "diffusion.chain.Chain.loss_weight",
        "lecture.terms.terms",
    ),
    labels={
        "weight": (
            "weight $\\beta_t^2 / (2 \\sigma_t^2 \\alpha_t (1 - \\bar{\\alpha}_t))$",
            "terme de pondération $\\beta_t^2 / (2 \\sigma_t^2 \\alpha_t (1 - \\bar{\\alpha}_t))$",
        ),
        "squared": (
            "squared error: mean of $(\\epsilon - \\epsilon_\\theta)^2$",
            "erreur quadratique : moyenne de $(\\epsilon - \\epsilon_\\theta)^2$",
        ),
        "term": ("their product: $L_{t-1}$, bits/dim a step", "leur produit : $L_{t-1}$, bits/dim par étape"),
        "term_learned": (
            "$L_{t-1}$, bits/dim a step, with the learned variance: not their product",
            "$L_{t-1}$, bits/dim par étape, avec la variance apprise : ce n'est pas leur produit",
        ),
        "sum": ("sum of $L_{t-1}$", "somme des $L_{t-1}$"),
        "total": ("bound", "limite supérieure"),
        "without": ("(without $L_0$)", "(sans $L_0$)"),
    },
    symbols={"l0": "L_0", "lt": "L_T"},
    numbers=numbers,
    calls=calls,
)
