"""The table of the family: what each model learns, its loss, how it samples, and what ties it to the others.

Texts are (English, French), with mathematics between dollar signs; classes are import paths below debruit.
"""

from dataclasses import dataclass

from debruit.lecture.chapter import Both

COLUMNS: dict[str, Both] = {
    "learns": ("learns", "apprend"),
    "loss": ("loss", "fonction de perte"),
    "samples": ("samples by", "génère par"),
    "relation": ("relation to the others", "lien avec les autres"),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model of the family; `classes` are those of debruit."""

    name: Both
    learns: Both
    loss: Both
    samples: Both
    relation: Both
    classes: tuple[str, ...]


ROWS = {
    "score": Row(
        name=("score-based model", "modèle basé sur des scores"),
        learns=(
            "the score $s_\\theta(x, t)$ $\\approx \\nabla_x \\log q_t(x)$: the direction in which noisy data become "
            "more probable",
            "le score $s_\\theta(x, t)$ $\\approx \\nabla_x \\log q_t(x)$ : la direction dans laquelle les données "
            "bruitées deviennent plus probables",
        ),
        loss=(
            "$\\mathbb{E} \\| s_\\theta(x_t, t) + \\epsilon / \\sigma_t \\|^2$, weighted by $\\sigma_t^2$",
            "$\\mathbb{E} \\| s_\\theta(x_t, t) + \\epsilon / \\sigma_t \\|^2$, pondérée par $\\sigma_t^2$",
        ),
        samples=(
            "Langevin dynamics at falling noise, or the probability-flow ODE",
            "la dynamique de Langevin à bruit décroissant, ou l'équation du flot de probabilité (EDO)",
        ),
        relation=(
            "$s_\\theta = -\\epsilon_\\theta / \\sigma_t$: a DDPM's network, divided by $-\\sigma_t$",
            "$s_\\theta = -\\epsilon_\\theta / \\sigma_t$ : le réseau d'un DDPM, divisé par $-\\sigma_t$",
        ),
        classes=(
            "diffusion.prediction.score",
            "diffusion.processes.ve.VE",
            "sampling.predictor_corrector.PredictorCorrector",
        ),
    ),
    "flow": Row(
        name=("flow model", "modèle de type flux normalisant"),
        learns=(
            "the velocity $v_\\theta(x, t)$ $\\approx \\mathbb{E}[\\epsilon - x_0 | x_t = x]$",
            "la vitesse $v_\\theta(x, t)$ $\\approx \\mathbb{E}[\\epsilon - x_0 | x_t = x]$",
        ),
        loss=(
            "$\\mathbb{E} \\| v_\\theta(x_t, t) - (\\epsilon - x_0) \\|^2$",
            "$\\mathbb{E} \\| v_\\theta(x_t, t) - (\\epsilon - x_0) \\|^2$",
        ),
        samples=(
            "the ODE $dx / dt = v_\\theta$, from $t = 1$ to $0$",
            "l'EDO $dx / dt = v_\\theta$, de $t = 1$ à $0$",
        ),
        relation=(
            "$v_\\theta = \\epsilon_\\theta - \\hat{x}_0$. The ODE can be run both ways, so it is a normalising flow "
            "in continuous time: $\\log p_\\theta(x_0)$ can be computed",
            "$v_\\theta = \\epsilon_\\theta - \\hat{x}_0$. L'EDO se parcourt dans les deux sens : c'est un flux "
            "normalisant en temps continu, et $\\log p_\\theta(x_0)$ se calcule",
        ),
        classes=("diffusion.prediction.velocity", "diffusion.processes.flow.Flow", "sampling.euler.Euler"),
    ),
    "ddpm": Row(
        name=("DDPM", "modèle de diffusion probabiliste avec débruitage (DDPM)"),
        learns=(
            "the noise $\\epsilon_\\theta(x_t, t)$ $\\approx \\mathbb{E}[\\epsilon | x_t]$",
            "le bruit $\\epsilon_\\theta(x_t, t)$ $\\approx \\mathbb{E}[\\epsilon | x_t]$",
        ),
        loss=(
            "$\\mathbb{E} \\| \\epsilon_\\theta(x_t, t) - \\epsilon \\|^2$, or the bound $\\mathcal{L}_{VUB}$",
            "$\\mathbb{E} \\| \\epsilon_\\theta(x_t, t) - \\epsilon \\|^2$, ou la limite supérieure variationnelle "
            "$\\mathcal{L}_{VUB}$",
        ),
        samples=(
            "algorithm 2: T steps $x_{t-1} = \\mu_\\theta + \\sigma_t z$",
            "l'algorithme 2 : T étapes $x_{t-1} = \\mu_\\theta + \\sigma_t z$",
        ),
        relation=(
            "a VAE with T latents $x_1, \\dots, x_T$, each as large as the image, whose encoder $q(x_{1:T} | x_0)$ is "
            "fixed: $-\\mathcal{L}_{VUB}$ is its ELBO",
            "un VAE à T variables latentes $x_1, \\dots, x_T$, chacune de la taille de l'image, dont l'encodeur "
            "$q(x_{1:T} | x_0)$ est fixé : $-\\mathcal{L}_{VUB}$ est son ELBO",
        ),
        classes=("diffusion.prediction.epsilon", "diffusion.chain.Chain", "sampling.ancestral.Ancestral"),
    ),
    "vae": Row(
        name=("VAE", "auto-encodeur variationnel (VAE)"),
        learns=(
            "an encoder $q_\\phi(z | x)$ and a decoder $p_\\theta(x | z)$",
            "un encodeur $q_\\phi(z | x)$ et un décodeur $p_\\theta(x | z)$",
        ),
        loss=(
            "$-\\mathbb{E}_{z \\sim q_\\phi} [\\log p_\\theta(x | z)]$ $+ D_{KL}(q_\\phi(z | x) "
            "\\parallel p(z))$, the negative ELBO",
            "$-\\mathbb{E}_{z \\sim q_\\phi} [\\log p_\\theta(x | z)]$ $+ D_{KL}(q_\\phi(z | x) "
            "\\parallel p(z))$, l'opposé de l'ELBO",
        ),
        samples=(
            "one step: $z \\sim \\mathcal{N}(0, \\mathbf{I})$, then $x \\sim p_\\theta(x | z)$",
            "une seule étape : $z \\sim \\mathcal{N}(0, \\mathbf{I})$, puis $x \\sim p_\\theta(x | z)$",
        ),
        relation=(
            "a single latent, smaller than the image, and an encoder that is learned; it is the first stage of "
            "latent diffusion",
            "une seule variable latente, plus petite que l'image, et un encodeur qui s'apprend ; c'est le premier "
            "étage de la diffusion latente",
        ),
        classes=("autoencoders.autoencoder.Autoencoder", "autoencoders.kl.KL"),
    ),
}
