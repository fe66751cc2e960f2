"""The short words of the page, English and French: labels that its script fills in, and what is said of the model at hand."""

from debruit.lecture.chapters import Both
from debruit.lecture.study import Study
from debruit.sampling.guidance.weights import in_words

PAGE: dict[str, Both] = {
    "title": ("The lecture, on your model", "Le cours, sur votre modèle"),
    "lead": (
        "Everything on this page was computed by one trained model on one image. One slider, at the foot of the page, moves every chapter to the "
        "same step t.",
        "Tout ce qui est sur cette page a été calculé par un modèle appris, sur une image. Un seul curseur, au bas de la page, amène tous les "
        "chapitres au même instant t.",
    ),
    "computed": ("Computed by, in the package debruit:", "Calculé par, dans le paquet debruit :"),
    "switch": ("Language", "Langue"),
    "no_script": (
        "This page is interactive and needs JavaScript.",
        "Cette page est interactive et demande JavaScript.",
    ),
}
SYMBOLS = {
    "x0": "x_0", "xt": "x_t", "eps": r"\epsilon", "epshat": r"\epsilon_\theta", "x0hat": r"\hat{x}_0", "posterior": r"\tilde{\mu}_t",
    "mean": r"\mu_\theta", "kick": r"\sigma_t z", "next": "x_{t-1}", "zt": "z_t", "z0hat": r"\hat{z}_0", "decoded_zt": r"\mathcal{D}(z_t)",
    "decoded_z0hat": r"\mathcal{D}(\hat{z}_0)", "decoded_z0": r"\mathcal{D}(z_0)", "beta": r"\beta_t", "abar": r"\bar{\alpha}_t",
    "snr": r"\mathrm{SNR}_t", "signal": r"\sqrt{\bar{\alpha}_t}", "posterior_variance": r"\tilde{\beta}_t", "variance": r"\sigma_t^2",
    "q": r"q(x_{t-1} | x_t, x_0)", "p": r"p_\theta(x_{t-1} | x_t)", "l0": "L_0", "lt": "L_T",
    "uncond": "u", "cond": "c", "gap": "c - u",
}  # fmt: skip
# what the script fills in; $...$ is mathematics here too
SCRIPT: dict[str, Both] = {
    "play": ("play backwards, from noise to image", "lire à rebours, du bruit à l'image"),
    "pause": ("pause", "pause"),
    "step": ("step", "pas"),
    "pixel": ("pixel", "pixel"),
    "channel": ("channel", "canal"),
    "value": ("value", "valeur"),
    "row": ("row", "ligne"),
    "column": ("column", "colonne"),
    "x0": ("the image", "l'image"),
    "xt": ("noisy image", "image bruitée"),
    "eps": ("the noise", "le bruit"),
    "epshat": ("the noise, guessed", "le bruit, deviné"),
    "x0hat": ("the image, guessed", "l'image, devinée"),
    "posterior": ("posterior mean", "moyenne a posteriori"),
    "mean": ("the model's mean", "moyenne du modèle"),
    "kick": ("noise of the step", "bruit du pas"),
    "next": ("one step cleaner", "un pas plus net"),
    "error_eps": ("mean of $(\\epsilon - \\epsilon_\\theta)^2$", "moyenne de $(\\epsilon - \\epsilon_\\theta)^2$"),
    "error_x0": ("mean of $(x_0 - \\hat{x}_0)^2$", "moyenne de $(x_0 - \\hat{x}_0)^2$"),
    "signal": ("signal left $\\sqrt{\\bar{\\alpha}_t}$", "signal restant $\\sqrt{\\bar{\\alpha}_t}$"),
    "model": ("this model", "ce modèle"),
    "walkers": ("walkers", "marcheurs"),
    "stepwise": ("one step at a time", "pas à pas"),
    "closed": ("closed form", "forme directe"),
    "whole": ("on the whole axis", "sur tout l'axe"),
    "zoomed": ("close up", "de près"),
    "divergence": ("divergence of this pixel", "divergence de ce pixel"),
    "nats": ("nats", "nats"),
    "point": (
        "At $t = 1$ the posterior has no variance left: it is the point $x_0$, and the bound takes $L_0$, the rounding to grey levels, instead of a "
        "divergence.",
        "À $t = 1$ la loi a posteriori n'a plus de variance : c'est le point $x_0$, et la borne prend $L_0$, l'arrondi aux niveaux de gris, au lieu "
        "d'une divergence.",
    ),
    "weight": (
        "weight $\\beta_t^2 / (2 \\sigma_t^2 \\alpha_t (1 - \\bar{\\alpha}_t))$",
        "poids $\\beta_t^2 / (2 \\sigma_t^2 \\alpha_t (1 - \\bar{\\alpha}_t))$",
    ),
    "squared": (
        "squared error: mean of $(\\epsilon - \\epsilon_\\theta)^2$",
        "erreur quadratique : moyenne de $(\\epsilon - \\epsilon_\\theta)^2$",
    ),
    "term": ("their product: $L_{t-1}$, bits/dim a step", "leur produit : $L_{t-1}$, bits/dim par pas"),
    "sum": ("sum of $L_{t-1}$", "somme des $L_{t-1}$"),
    "total": ("bound", "borne"),
    "without": ("(without $L_0$)", "(sans $L_0$)"),
    "sample": ("sample", "échantillon"),
    "evaluations": ("network evaluations", "évaluations du réseau"),
    "solution": ("the equation's solution", "la solution de l'équation"),
    "order": ("order", "ordre"),
    "deterministic": ("deterministic", "déterministe"),
    "stochastic": ("adds noise", "ajoute du bruit"),
    "steps": ("steps", "pas"),
    "uncond": ("guessed without the condition", "devinée sans la condition"),
    "cond": ("guessed with it", "devinée avec elle"),
    "gap": ("the difference", "la différence"),
    "clean_gap": (
        "how far apart: root mean square of the difference in $\\hat{x}_0$",
        "leur écart : moyenne quadratique de la différence en $\\hat{x}_0$",
    ),
    "noise_gap": ("the same in $\\epsilon_\\theta$", "le même en $\\epsilon_\\theta$"),
    "zt": ("noisy latents", "latents bruités"),
    "z0hat": ("latents, guessed", "latents, devinés"),
    "decoded": ("decoded", "décodé"),
    "reconstruction": ("decoded", "décodé"),
}


def facts(study: Study) -> list[tuple[Both, Both]]:
    """What stands at the head of the page: (label, value), each in both languages."""
    model, config = study.model, study.model.config
    spec, about = config.data, study.model.provenance
    parameters = sum(p.numel() for p in model.backbone.parameters())
    size = f"{spec.name}, {spec.channels} x {spec.height} x {spec.width}"
    seen = f"{about.get('images_seen', 0):,}"
    network, millions = type(config.network).__name__, f"{parameters / 1e6:.2f} M"
    return [
        (("model", "modèle"), (
            f"{network}, {millions} parameters, predicts {config.predicts}",
            f"{network}, {millions.replace('.', ',')} de paramètres, prédit {config.predicts}",
        )),
        (("data", "données"), (f"{size}; {seen} images seen", f"{size} ; {seen.replace(',', ' ')} images vues")),
        (("process", "processus"), _process(study)),
        (("image", "image"), study.subject.origin),
        (("condition", "condition"), _condition(study)),
        (("seed", "graine"), (str(study.seed), str(study.seed))),
    ]  # fmt: skip


def remarks(study: Study) -> list[Both]:
    """What must be said of this model so that nothing on the page misleads."""
    chain, config = study.chain.chain, study.model.config
    said: list[Both] = []
    if not study.chain.own:
        name = type(config.process).__name__
        said.append((
            f"This model's process is {name}, in continuous time: it has no chain of its own. Divided by $\\sqrt{{\\alpha^2 + \\sigma^2}}$ its $x_t$ "
            f"is exactly the lecture's, and at {chain.steps} times it is a chain, which this page shows. The number of steps is the page's choice, "
            "not the model's: the bound below is that of this discretisation (fewer steps make it looser), and algorithm 2 is run on it. The "
            "likelihood that belongs to the model itself is that of the probability-flow equation, which debruit evaluate reports.",
            f"Le processus de ce modèle est {name}, en temps continu : il n'a pas de chaîne à lui. Divisé par $\\sqrt{{\\alpha^2 + \\sigma^2}}$, son "
            f"$x_t$ est exactement celui du cours, et pris en {chain.steps} instants c'est une chaîne, celle que montre cette page. Le nombre de pas "
            "est un choix de la page, non du modèle : la borne ci-dessous est celle de cette discrétisation (moins de pas la rendent plus lâche), "
            "et l'algorithme 2 la parcourt. La vraisemblance propre au modèle est celle de l'équation du flot de probabilité, que donne debruit "
            "evaluate.",
        ))  # fmt: skip
    if config.learned_variance:
        said.append((
            "The network has learned the variance of its steps, between $\\tilde{\\beta}_t$ and $\\beta_t$: it is drawn in chapter 4 and used in the "
            "bound.",
            "Le réseau a appris la variance de ses pas, entre $\\tilde{\\beta}_t$ et $\\beta_t$ : elle est dessinée au chapitre 4 et sert dans la borne.",
        ))  # fmt: skip
    if study.latent:
        said.append((
            "The diffusion runs on latents: pictures of $x$ show the first latent channels, and the bound is that of the latents, without $L_0$.",
            "La diffusion porte sur des latents : les images de $x$ montrent les premiers canaux latents, et la borne est celle des latents, sans $L_0$.",
        ))  # fmt: skip
    elif config.data.depth != "uint8":
        said.append((
            f"The data are {config.data.depth} values: $L_0$ counts the bits of 8-bit values and is left out.",
            f"Les données sont des valeurs {config.data.depth} : $L_0$ compte les bits de valeurs de 8 bits et n'est pas donné.",
        ))  # fmt: skip
    return said


def _process(study: Study) -> Both:
    """The chain, or the process and the chain that it is shown as."""
    chain, name = study.chain.chain, type(study.model.config.process).__name__
    if study.chain.own:
        schedule = type(chain.schedule).__name__
        return f"chain of T = {chain.steps} steps, {schedule}", f"chaîne de T = {chain.steps} pas, {schedule}"
    return (
        f"{name}, in continuous time; shown as a chain of T = {chain.steps} steps",
        f"{name}, en temps continu ; montré comme une chaîne de T = {chain.steps} pas",
    )


def _condition(study: Study) -> Both:
    """What the network is told, and the guidance of sampling."""
    config = study.model.config
    if not config.conditioners:
        return "none: the model is unconditional", "aucune : le modèle est inconditionnel"
    told = (
        [f"{english} {value}".strip() for english, _, value in _told(study)],
        [f"{french} {value}".strip() for _, french, value in _told(study)],
    )
    if not told[0]:
        return (
            "dropped everywhere (that of the image is not known: --label or --prompt gives it)",
            "omise partout (celle de l'image n'est pas connue : --label ou --prompt la donne)",
        )
    clipped = " and clipping of x̂₀", " et x̂₀ borné à l'intervalle des données"
    extra = clipped if config.sampling.clip and not study.latent else ("", "")
    w = in_words(study.guidance)
    return (
        f"{', '.join(told[0])}; sampling (chapters 6 and 7) with guidance w = {w}{extra[0]}, the rest without",
        f"{', '.join(told[1])} ; la génération (chapitres 6 et 7) avec un guidage w = {w}{extra[1]}, le reste sans",
    )


def _told(study: Study) -> list[tuple[str, str, str]]:
    """Each condition that is given: what it is in both languages, and its value."""
    words = {
        "label": ("class", "classe", study.class_name), "text": ("text", "texte", f"“{study.prompt}”"),
        "mask": ("the image's own mask", "le masque de l'image", ""), "image": ("made from the image", "tirée de l'image", ""),
    }  # fmt: skip
    found = [words.get(name, (name, name, "")) for name in study.values]
    return [(english, french, value) for english, french, value in found]
