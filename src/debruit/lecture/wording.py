"""Short texts of the page in English and French: labels for its script, facts and remarks about the model."""

import re
from collections.abc import Mapping
from typing import Any

from torch.nn import Module

from debruit.images.spec import DataSpec
from debruit.lecture.chapter import Both
from debruit.lecture.study import Study
from debruit.sampling.guidance.weights import describe

PAGE: dict[str, Both] = {
    "title": ("The lecture, on your model", "Le cours, appliqué à votre modèle"),
    "lead": (
        "This page was computed by one trained model on one image; a few chapters use small examples instead, whose "
        "exact answers are known. One slider, at the foot of the page, moves all chapters that depend on t to the "
        "same step.",
        "Cette page a été calculée avec un modèle entraîné, sur une image ; quelques chapitres prennent plutôt de "
        "petits exemples, dont le résultat exact est connu. Un seul curseur, au bas de la page, amène à la même étape "
        "tous les chapitres qui dépendent de t.",
    ),
    "computed": ("Computed by, in the package debruit:", "Calculé par, dans le paquet debruit :"),
    "contents": ("Contents", "Sommaire"),
    "slides": ("slides", "diapositives"),
    "switch": ("Language", "Langue"),
    "no_script": (
        "This page is interactive and needs JavaScript.",
        "Cette page est interactive et nécessite JavaScript.",
    ),
}
MODEL: Both = ("model", "modèle")
DATA: Both = ("data", "données")
CONDITIONS: dict[str, Both] = {
    "label": ("class", "classe"),
    "text": ("text", "texte"),
    "mask": ("the image's own mask", "le masque de l'image"),
    "image": ("made from the image", "tirée de l'image"),
    "first": ("the first frame of the sequence", "la première image de la séquence"),
}
# labels that the script fills in; $...$ is mathematics
SCRIPT: dict[str, Both] = {
    "play": ("play backwards, from noise to image", "lire à rebours, du bruit à l'image"),
    "pause": ("pause", "pause"),
    "step": ("step", "étape"),
    "pixel": ("pixel", "pixel"),
    "value": ("value", "valeur"),
    "row": ("row", "ligne"),
    "column": ("column", "colonne"),
}


def facts(study: Study) -> list[tuple[Both, Both]]:
    """Return the facts at the head of the page as (label, value), each in both languages."""
    model, config = study.model, study.model.config
    spec = config.data
    english, french = parameters(type(config.network).__name__, model.backbone)
    return [
        (MODEL, (f"{english}, predicts {config.predicts}", f"{french}, estime {config.predicts}")),
        (DATA, data(spec, model.provenance)),
        (("process", "processus"), _process(study)),
        (("image", "image"), study.example.origin),
        (("condition", "condition"), _condition(study)),
        (("seed", "graine"), (str(study.seed), str(study.seed))),
    ]


def parameters(name: str, module: Module) -> Both:
    """Describe a network by its class name and its number of parameters."""
    millions = f"{sum(p.numel() for p in module.parameters()) / 1e6:.2f}"
    return f"{name}, {millions} M parameters", f"{name}, {millions.replace('.', ',')} M de paramètres"


def data(spec: DataSpec, provenance: Mapping[str, Any]) -> Both:
    """Describe the training data: name, shape of an image, and images seen in training."""
    size = f"{spec.name}, {spec.channels} x {spec.height} x {spec.width}"
    seen = f"{provenance.get('images_seen', 0):,}"
    return f"{size}; {seen} images seen", f"{size} ; {seen.replace(',', ' ')} images vues"


def remarks(study: Study) -> list[Both]:
    """Return the remarks without which the page of this model could mislead."""
    chain, config = study.chain.chain, study.model.config
    lines: list[Both] = []
    if study.detail.brief:
        steps = study.detail.chain_steps or chain.steps
        english = (
            "This is the quick version of the page: fewer positions of the slider and fewer samples, and algorithm 2 "
            "in "
            f"{min(steps, chain.steps)} of {chain.steps} steps."
        )
        french = (
            f"Ceci est la version rapide de la page : moins de positions du curseur, moins d'échantillons, et "
            f"l'algorithme 2 en {min(steps, chain.steps)} étapes sur {chain.steps}."
        )
        lines.append((english, french))
    if not study.chain.own:
        name = type(config.process).__name__
        english = (
            f"This model's process is {name}, in continuous time: it has no chain of its own. Divided by "
            f"$\\sqrt{{\\alpha^2 + \\sigma^2}}$ its $x_t$ is exactly the lecture's, and at {chain.steps} times it is "
            "a chain, which this page shows. The number of steps is the page's choice, not the model's: the bound "
            "below is that of this discretisation (fewer steps make it looser), and algorithm 2 is run on it. The "
            "likelihood of the model itself is that of the probability-flow equation, which debruit evaluate reports."
        )
        french = (
            f"Le processus de ce modèle est {name}, en temps continu : il n'a pas de chaîne propre. Divisé par "
            f"$\\sqrt{{\\alpha^2 + \\sigma^2}}$, son $x_t$ est exactement celui du cours ; pris en {chain.steps} "
            "instants, c'est une chaîne, celle que montre cette page. Le nombre d'étapes est un choix de la page et "
            "non du modèle : la limite supérieure variationnelle ci-dessous est celle de cette discrétisation (avec "
            "moins d'étapes, elle est moins serrée), et c'est sur cette chaîne que s'exécute l'algorithme 2. La "
            "vraisemblance du modèle lui-même est celle de l'équation du flot de probabilité, que donne debruit "
            "evaluate."
        )
        lines.append((english, french))
    if config.learned_variance:
        english = (
            "The network has learned the variance of its steps, between $\\tilde{\\beta}_t$ and $\\beta_t$: the "
            "chapter on the step back shows it and the bound uses it."
        )
        french = (
            "Le réseau a appris la variance de ses étapes, entre $\\tilde{\\beta}_t$ et $\\beta_t$ : le chapitre sur "
            "l'étape inverse la montre, et la limite supérieure variationnelle s'en sert."
        )
        lines.append((english, french))
    if study.latent:
        english = (
            "The diffusion runs on latents: images of $x$ show the first latent channels, and the bound is that of the "
            "latents, without $L_0$."
        )
        french = (
            "La diffusion porte sur des latents : les images de $x$ montrent les premiers canaux latents, et la "
            "limite supérieure variationnelle est celle des latents, sans $L_0$."
        )
        lines.append((english, french))
    elif config.data.depth != "uint8":
        depth = config.data.depth
        english = f"The data are {depth} values: $L_0$ counts the bits of 8-bit values and is left out."
        french = f"Les données sont des valeurs {depth} : $L_0$ compte les bits de valeurs de 8 bits et est omis."
        lines.append((english, french))
    return lines


def _process(study: Study) -> Both:
    """Describe the chain, or the process and the chain that stands for it on the page."""
    chain, name = study.chain.chain, type(study.model.config.process).__name__
    if study.chain.own:
        schedule = type(chain.schedule).__name__
        return f"chain of T = {chain.steps} steps, {schedule}", f"chaîne de T = {chain.steps} étapes, {schedule}"
    return (
        f"{name}, in continuous time; shown as a chain of T = {chain.steps} steps",
        f"{name}, en temps continu ; montré comme une chaîne de T = {chain.steps} étapes",
    )


def _condition(study: Study) -> Both:
    """Describe the condition of the network and the guidance of sampling."""
    config = study.model.config
    if not config.conditioners:
        return "none: the model is unconditional", "aucune : le modèle est inconditionnel"
    given = _given(study)
    if not given:
        return (
            "dropped everywhere (the image has no known condition; --label or --prompt sets one)",
            "omise partout (l'image n'a pas de condition connue ; --label ou --prompt permet d'en donner une)",
        )
    english, french = (", ".join(f"{name[k]} {value[k]}".strip() for name, value in given) for k in (0, 1))
    clipped = " and clipping of x̂₀", " et écrêtage de x̂₀"
    extra = clipped if config.sampling.clip and not study.latent else ("", "")
    w = describe(study.guidance)
    comma = re.sub(r"(\d)\.(?=\d)", r"\1,", w)
    return (
        f"{english}; sampling (algorithm 2 and the samplers) with guidance w = {w}{extra[0]}, the rest without",
        f"{french} ; la génération (algorithme 2 et échantillonneurs) avec un guidage w = {comma}{extra[1]}, "
        "le reste sans",
    )


def _given(study: Study) -> list[tuple[Both, Both]]:
    """Return each given condition: its name and its value, in both languages."""
    values = {
        "label": (study.class_name, study.class_name),
        "text": (f"“{study.prompt}”", f"« {study.prompt} »"),
    }
    items = {c.name: c.item for c in study.model.config.conditioners}
    return [(CONDITIONS.get(items[name], (name, name)), values.get(items[name], ("", ""))) for name in study.values]
