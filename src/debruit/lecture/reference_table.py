"""The lecture's table of the latent diffusion model of faces, next to the recipe `ldm-faces-256` and a user's model.

The recipe's column is written out, since recipes build on this package; a test compares it with the recipe
(tests/lecture/test_latent_diffusion.py).
"""

from dataclasses import dataclass
from typing import Any

from debruit.diffusion.chain import Chain
from debruit.diffusion.processes.tabulated import Tabulated
from debruit.lecture.chapter import Both
from debruit.models.config import ModelConfig

UNKNOWN: Both = ("not in the file", "absent du fichier")
NONE: Both = ("–", "–")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: its name, what the lecture says, what the recipe has, and why they differ or what is meant."""

    name: Both
    lecture: Both
    recipe: Both
    why: Both


def column(config: ModelConfig, *, parameters: int, batch: int, images: int, rate: float | None) -> dict[str, Both]:
    """Return the cells of a model: trained on `images` images in batches of `batch`, at the learning rate `rate` (None:
    unknown). `parameters` are those of the trained network.
    """
    network: Any = config.network
    channels, *sizes = config.latent_shape
    multipliers = getattr(network, "multipliers", ())
    widths = [network.channels * m for n, m in enumerate(multipliers) if 2**n in network.attention]
    return {
        "z": same(" × ".join(str(n) for n in (*sizes, channels))),
        "steps": _steps(config),
        "schedule": _schedule(config),
        "parameters": decimal(f"{parameters / 1e6:.2f} M"),
        "channels": same(str(getattr(network, "channels", "–"))),
        "multipliers": same(", ".join(map(str, multipliers)) or "–"),
        "attention": _attention(config),
        "heads": same(", ".join(str(network.head_count(width)) for width in widths) or "–") if multipliers else NONE,
        "batch": same(str(batch)) if batch else UNKNOWN,
        "iterations": thousands(images // batch) if batch else UNKNOWN,
        "rate": UNKNOWN if rate is None else power(rate),
    }


def _steps(config: ModelConfig) -> Both:
    if isinstance(config.process, Tabulated):
        return thousands(config.process.chain.steps)
    return "none: continuous time", "aucune : temps continu"


def _schedule(config: ModelConfig) -> Both:
    if not isinstance(config.process, Tabulated):
        return same(type(config.process).__name__)
    chain: Chain = config.process.chain
    name, beta = type(chain.schedule).__name__, chain.beta
    return decimal(f"{name}, {float(beta[1]):.2g} → {float(beta[-1]):.3g}")


def _attention(config: ModelConfig) -> Both:
    """The sides of the feature maps with attention, of latents of this size."""
    network: Any = config.network
    if not getattr(network, "multipliers", ()):
        return NONE
    side = max(config.latent_shape[-2:]) // network.patch
    factors = [2**n for n in range(len(network.multipliers)) if 2**n in network.attention]
    middle = "middle only", "au milieu seulement"
    return same(", ".join(str(side // factor) for factor in factors)) if factors else middle


def same(text: str) -> Both:
    return text, text


def decimal(text: str) -> Both:
    """The text with a decimal point, and with a decimal comma."""
    return text, text.replace(".", ",")


def thousands(n: int) -> Both:
    """The number with its digits in groups of three from 10,000 on."""
    if n < 10_000:
        return same(str(n))
    return f"{n:,}", f"{n:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def power(rate: float) -> Both:
    """9.6e-05 as 9.6·10⁻⁵."""
    head, exponent = f"{rate:.2g}".split("e") if "e" in f"{rate:.2g}" else (f"{rate:.2e}".split("e"))
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return decimal(f"{float(head):g}·10{raised}")


TABLE = {
    "z": Row(
        name=("z-shape", "Taille de z"),
        lecture=same("64 × 64 × 3"),
        recipe=same("64 × 64 × 3"),
        why=(
            "The same. For images of 256 × 256 it is an autoencoder of factor 4 with quantised latents (VQ, 8192 "
            "codes): not a VAE, so that a codebook loss replaces $\\mathcal{L}_{KLD}$.",
            "Identique. Pour des images de 256 × 256, c'est un auto-encodeur de facteur 4 à latents quantifiés (VQ, "
            "8192 codes) : ce n'est pas un VAE, et la fonction de perte du dictionnaire remplace $\\mathcal{L}_{KLD}$.",
        ),
    ),
    "steps": Row(
        name=("Diffusion steps", "Étapes de diffusion"),
        lecture=same("1000"),
        recipe=thousands(1000),
        why=(
            "The same, for training. Samples take fewer: the published FID of 5.11 is of 500 DDIM steps.",
            "Identique, pour l'entraînement. La génération en demande moins : la FID publiée, 5,11, est celle de 500 "
            "étapes de DDIM.",
        ),
    ),
    "schedule": Row(
        name=("Noise scheduler", "Calendrier de bruit"),
        lecture=("linear", "linéaire"),
        recipe=decimal("ScaledLinear, 0.0015 → 0.0195"),
        why=(
            "Linear in $\\sqrt{\\beta_t}$, which the released code calls linear: in the middle of the chain $\\beta_t$ "
            "is 0.0079 and not 0.0105.",
            "Linéaire en $\\sqrt{\\beta_t}$, ce que le code publié appelle linéaire : au milieu de la chaîne, "
            "$\\beta_t$ vaut 0,0079 et non 0,0105.",
        ),
    ),
    "parameters": Row(
        name=("Number of parameters", "Nombre de paramètres"),
        lecture=("274 million", "274 millions"),
        recipe=decimal("274.06 M"),
        why=(
            "The same, of the U-Net alone. The autoencoder has 55.32 M more.",
            "Identique, pour le seul U-Net. L'auto-encodeur en a 55,32 M de plus.",
        ),
    ),
    "channels": Row(
        name=("Channels", "Canaux"),
        lecture=same("224"),
        recipe=same("224"),
        why=("The same: the width of the first level.", "Identique : c'est la largeur du premier niveau."),
    ),
    "multipliers": Row(
        name=("Channel multiplier", "Multiplicateurs de canaux"),
        lecture=same("1, 2, 3, 4"),
        recipe=same("1, 2, 3, 4"),
        why=(
            "The same: four levels of 224, 448, 672 and 896 channels, at the sizes 64, 32, 16 and 8.",
            "Identique : quatre niveaux de 224, 448, 672 et 896 canaux, aux tailles 64, 32, 16 et 8.",
        ),
    ),
    "attention": Row(
        name=("Attention resolutions", "Résolutions avec attention"),
        lecture=same("32, 16, 8"),
        recipe=same("32, 16, 8"),
        why=(
            "The same, but read with care: these are sides of feature maps. The released configuration, and debruit's, "
            "name the downsampling factors instead: 2, 4 and 8.",
            "Identique, mais à lire avec précaution : ce sont les côtés des cartes. La configuration publiée, comme "
            "celle de debruit, donne plutôt les facteurs de réduction : 2, 4 et 8.",
        ),
    ),
    "heads": Row(
        name=("Number of heads", "Nombre de têtes"),
        lecture=same("1"),
        recipe=same("14, 21, 28"),
        why=(
            "The released model has heads of 32 channels, so that their number grows with the width. One head would "
            "have the same number of parameters.",
            "Le modèle publié a des têtes de 32 canaux : leur nombre croît avec la largeur. Avec une seule tête, le "
            "nombre de paramètres serait le même.",
        ),
    ),
    "batch": Row(
        name=("Batch size", "Taille de lot"),
        lecture=same("48"),
        recipe=same("48"),
        why=("The same.", "Identique."),
    ),
    "iterations": Row(
        name=("Iterations", "Itérations"),
        lecture=("410 k", "410 k"),
        recipe=thousands(410_000),
        why=(
            "The same. debruit counts images: 19.68 million.",
            "Identique. debruit compte les images : 19,68 millions.",
        ),
    ),
    "rate": Row(
        name=("Learning rate", "Taux d'apprentissage"),
        lecture=decimal("9.6e-5"),
        recipe=decimal("9.6·10⁻⁵"),
        why=(
            "The same: $2 \\cdot 10^{-6}$ for each image of the batch, constant, with AdamW.",
            "Identique : $2 \\cdot 10^{-6}$ par image du lot, constant, avec AdamW.",
        ),
    ),
}
