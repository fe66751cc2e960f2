"""Algorithm 2, as printed and as it is mostly run."""

from torch import Tensor

from debruit.diffusion.chain import Chain
from debruit.events import say
from debruit.lecture.chains import respaced
from debruit.lecture.chapter import Both, Calls, Chapter, Json
from debruit.lecture.chapters.training import CHAPTER as TRAINING
from debruit.lecture.reverse import Frames, own_settings, reverse, samples_of
from debruit.lecture.sprites import NOISE_SPAN, as_list, sheet, shown
from debruit.lecture.study import Study
from debruit.sampling.guidance.weights import describe


def numbers(study: Study) -> Json:
    """Return both runs, what they differ by, and the coefficients of each step."""
    r, settings = study.once(reverse), own_settings(study)
    chain, total = r.chain, study.chain.chain.steps
    say(f"algorithm 2: {chain.steps} steps" + (f" of {total}" if chain.steps < total else ""))
    name = "clipped_guided" if settings.clips and settings.guided else "clipped" if settings.clips else "guided"
    return {
        "printed": _frames(study, r.printed),
        "own": r.own and _frames(study, r.own),
        "name": name,
        "clips": settings.clips,
        "asked": settings.clips and not study.model.config.sampling.clip,
        "guidance": describe(study.guidance),
        "images": len(r.printed.strip),
        "strip_steps": r.strip_steps,
        "steps": r.steps,
        "before": r.before,
        "kept": chain.steps,
        "difference": as_list(r.difference),
        "end": as_list(r.difference.new_tensor([r.end]))[0],
        "learned": study.variance == "learned",
        **_coefficients(chain, r.indices),
    }


def _frames(study: Study, run: Frames) -> Json:
    """Return one run: its images, and the values of the middle pixel, which the printed line can be checked with."""
    span, end = study.span, run.strip[:, -1].float().to(study.model.device)
    rows = [shown(run.x_t, span), shown(run.eps_hat, NOISE_SPAN), shown(run.x0_hat, span), shown(run.mean, span)]
    rows += [shown(run.kick, NOISE_SPAN), shown(run.x_next, span)]

    def middle(x: Tensor) -> list[float | None]:
        return as_list(x[:, 0, x.shape[-2] // 2, x.shape[-1] // 2])

    return {
        "sheet": sheet(rows),
        "strip": sheet([shown(images, span) for images in run.strip]),
        "decoded": _decoded(study, end) if study.latent and end.isfinite().all() else None,
        "outside": as_list(run.outside),
        "pixel": {
            "x_t": middle(run.x_t),
            "eps_hat": middle(run.eps_hat),
            "x0_hat": middle(run.x0_hat),
            "kick": middle(run.kick),
            "x_next": middle(run.x_next),
        },
    }


def _decoded(study: Study, z: Tensor) -> str:
    """Return the images that latents decode to, in one row."""
    return sheet([shown(study.model.config.data.to_model(study.model.images(z)), 1.0)])


def _coefficients(chain: Chain, indices: list[int]) -> Json:
    """Return the factors of the printed line at the frames, and those of x_0^ and x_t in mu~."""
    alpha, abar, before = chain.alpha[indices], chain.abar[indices], chain.abar[[j - 1 for j in indices]]
    return {
        "scale": as_list(1 / alpha.sqrt()),
        "share": as_list((1 - alpha) / (1 - abar).sqrt()),
        "clean": as_list(before.sqrt() * (1 - alpha) / (1 - abar)),
        "noisy": as_list(alpha.sqrt() * (1 - before) / (1 - abar)),
        "sigma": as_list(chain.posterior_beta[indices].sqrt()),
    }


def calls(study: Study) -> list[Calls]:
    steps, images, settings = (
        respaced(study.chain.chain, study.detail.chain_steps)[0].steps,
        samples_of(study),
        own_settings(study),
    )
    if settings.guided:
        return [Calls(count=steps, batch=images), Calls(count=steps, batch=images * study.branches)]
    return [Calls(count=steps, batch=images * (2 if settings.any else 1))]


LABELS: dict[str, Both] = {
    "mean": ("the model's mean", "moyenne du modèle"),
    "kick": ("noise added in this step", "bruit ajouté à cette étape"),
    "next": ("after this step", "après cette étape"),
    "sample": ("sample", "échantillon"),
    "printed": ("as printed", "tel qu'écrit"),
    "clipped": ("clipped", "écrêté"),
    "guided": ("guided", "guidé"),
    "clipped_guided": ("guided and clipped", "guidé et écrêté"),
    "which_run": ("run shown", "exécution montrée"),
    "algorithm2": ("Algorithm 2: sampling", "Algorithme 2 : génération"),
    "a2_1": ("$x_T \\sim \\mathcal{N}(0, \\mathbf{I})$", "$x_T \\sim \\mathcal{N}(0, \\mathbf{I})$"),
    "a2_2": ("for $t = T, \\dots, 1$ do", "pour $t = T, \\dots, 1$ faire"),
    "a2_3": (
        "$z \\sim \\mathcal{N}(0, \\mathbf{I})$ if $t > 1$, else $z = 0$",
        "$z \\sim \\mathcal{N}(0, \\mathbf{I})$ si $t > 1$, sinon $z = 0$",
    ),
    "a2_4": (
        "$x_{t-1} = \\frac{1}{\\sqrt{\\alpha_t}} ( x_t - \\frac{1 - \\alpha_t}{\\sqrt{1 - \\bar{\\alpha}_t}} "
        "\\epsilon_\\theta(x_t, t) ) + \\sigma_t z$",
        "$x_{t-1} = \\frac{1}{\\sqrt{\\alpha_t}} ( x_t - \\frac{1 - \\alpha_t}{\\sqrt{1 - \\bar{\\alpha}_t}} "
        "\\epsilon_\\theta(x_t, t) ) + \\sigma_t z$",
    ),
    "a2_4clip": (
        "$\\hat{x}_0 \\leftarrow \\mathrm{clip}(\\hat{x}_0, -1, 1)$, which is not printed",
        "$\\hat{x}_0 \\leftarrow \\mathrm{clip}(\\hat{x}_0, -1, 1)$, qui n'est pas écrit",
    ),
    "a2_4guide": (
        "$\\hat{x}_0 \\leftarrow u + w (c - u)$, guidance, which is not printed",
        "$\\hat{x}_0 \\leftarrow u + w (c - u)$, guidage, qui n'est pas écrit",
    ),
    "a2_4mean": (
        "the mean $\\mu_\\theta$, and $x_{t-1} = \\mu_\\theta + \\sigma_t z$",
        "la moyenne $\\mu_\\theta$, puis $x_{t-1} = \\mu_\\theta + \\sigma_t z$",
    ),
    "a2_4own": (
        "$x_{t-1} = \\tilde{\\mu}_t(x_t, \\hat{x}_0) + \\sigma_t z$",
        "$x_{t-1} = \\tilde{\\mu}_t(x_t, \\hat{x}_0) + \\sigma_t z$",
    ),
    "a2_5": ("end for", "fin pour"),
    "a2_6": ("return $x_0$", "renvoyer $x_0$"),
    "next_frame": ("next step shown", "étape montrée suivante"),
    "outside": (
        "share of the values of $\\hat{x}_0$ outside $[-1, 1]$, before clipping",
        "proportion des valeurs de $\\hat{x}_0$ hors de $[-1, 1]$, avant écrêtage",
    ),
    "run_difference": (
        "root mean square of the difference between both $x_t$",
        "moyenne quadratique de la différence entre les deux $x_t$",
    ),
    "at_the_end": ("and between both $x_0$", "et entre les deux $x_0$"),
    "only_run": (
        "This model's own settings neither guide nor clip (latents have no range to be clipped to), so there is "
        "nothing else to compare the printed algorithm with.",
        "Les réglages de ce modèle ne prévoient ni guidage ni écrêtage (des latents n'ont pas d'intervalle auquel les "
        "ramener) : il n'y a rien d'autre à quoi comparer l'algorithme tel qu'il est écrit.",
    ),
    "own_settings": (
        "The second run has this model's own guidance, $w$ =",
        "La seconde exécution a le guidage de ce modèle, $w$ =",
    ),
    "clips_unasked": (
        "This model's own settings do not clip: the second run does, for comparison.",
        "Les réglages de ce modèle ne prévoient pas d'écrêtage : la seconde exécution écrête, pour comparer.",
    ),
    "decoded_ends": ("$x_0$ decoded", "$x_0$ décodé"),
    "learned_sigma": (
        "This network has learned its variance: $\\sigma_t^2$ is its own, and not $\\tilde{\\beta}_t$.",
        "Ce réseau a appris sa variance : $\\sigma_t^2$ est celle du réseau, et non $\\tilde{\\beta}_t$.",
    ),
    "steps_kept": (
        "The page runs the algorithm on the chain that keeps some steps, with the variances that this takes "
        "($\\beta_t = 1 - \\bar{\\alpha}_t / \\bar{\\alpha}_{t'}$, $t'$ the step kept before $t$: Nichol and Dhariwal "
        "2021); steps kept:",
        "La page exécute l'algorithme sur une chaîne qui ne garde que certaines étapes, avec les variances qui en "
        "résultent ($\\beta_t = 1 - \\bar{\\alpha}_t / \\bar{\\alpha}_{t'}$, $t'$ étant l'étape gardée avant $t$ : "
        "Nichol et Dhariwal 2021) ; étapes gardées :",
    ),
    "line4": ("line 4 at the middle pixel", "la ligne 4 au pixel central"),
}


CHAPTER = Chapter(
    key="reverse",
    title=(
        "Algorithm 2, as printed and as it is run",
        "L'algorithme 2, tel qu'il est écrit et tel qu'on l'exécute",
    ),
    text=(
        (
            "Sampling runs backwards from pure noise: evaluate the network, move to the mean $\\mu_\\theta$, and add "
            "a little fresh noise $\\sigma_t z$ with $\\sigma_t^2 = \\tilde{\\beta}_t$ (none in the last step). Press "
            "play at the foot of the page, or go through the lines. The noise of each step is shown at its true size: "
            "it shrinks as the image appears. The early steps decide what the image shows, the late ones its edges "
            "and textures.",
            "La génération part d'un bruit pur et remonte la chaîne ; chaque étape consiste à évaluer le réseau, à "
            "aller à la moyenne $\\mu_\\theta$, puis à ajouter un peu de bruit nouveau $\\sigma_t z$ avec "
            "$\\sigma_t^2 = \\tilde{\\beta}_t$ (aucun à la dernière étape). Lancez la lecture au bas de la page, ou "
            "suivez les lignes. Le bruit de chaque étape est montré à sa véritable échelle : il diminue à mesure que "
            "l'image apparaît. Les premières étapes décident de ce que montre l'image, les dernières de ses contours "
            "et de ses textures.",
        ),
        (
            "The lecture's algorithm 2 does not clip. The program of the DDPM paper's authors, like many since, first "
            "clips $\\hat{x}_0$ to the range of the images, $[-1, 1]$, and takes the mean of the posterior with it, "
            "which is the printed mean wherever nothing is clipped; the paper does not say so. The second run here, "
            "from the same $x_T$ and the same $z$, does what this model is sampled with: clipping for pixels, and "
            "guidance where it has a condition. Look where $\\hat{x}_0$ leaves the range: near $t = T$ a small error "
            "in $\\epsilon_\\theta$ is a large one in $\\hat{x}_0$, because it is divided by "
            "$\\sqrt{\\bar{\\alpha}_t}$, which is small there. In black or white areas the smallest error falls "
            "outside at any $t$, and hardly matters.",
            "L'algorithme 2 du cours n'écrête pas. Le programme des auteurs de l'article DDPM, comme beaucoup depuis, "
            "écrête d'abord $\\hat{x}_0$ à l'intervalle des images, $[-1, 1]$, et en déduit la moyenne a posteriori, "
            "égale à la moyenne écrite partout où rien n'est écrêté ; l'article n'en dit rien. La seconde exécution, "
            "à partir du même $x_T$ et des mêmes $z$, suit les réglages de génération de ce modèle : écrêtage pour "
            "des pixels, guidage s'il a une condition. Regardez où $\\hat{x}_0$ sort de l'intervalle : près de $t = "
            "T$, une petite erreur sur $\\epsilon_\\theta$ en donne une grande sur $\\hat{x}_0$, car elle y est "
            "divisée par $\\sqrt{\\bar{\\alpha}_t}$, qui est petit. Dans les zones noires ou blanches, la moindre "
            "erreur suffit à sortir de l'intervalle, à tout $t$, sans grande conséquence.",
        ),
    ),
    equations=(
        r"x_{t-1} = \frac{1}{\sqrt{\alpha_t}} ( x_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar{\alpha}_t}} "
        r"\epsilon_\theta(x_t, t) ) + \sigma_t z",
        r"\tilde{\mu}_t(x_t, \hat{x}_0) = \frac{\sqrt{\bar{\alpha}_{t-1}} \, \beta_t}{1 - \bar{\alpha}_t} \hat{x}_0 "
        r"+ \frac{\sqrt{\alpha_t} (1 - \bar{\alpha}_{t-1})}{1 - \bar{\alpha}_t} x_t",
    ),
    functions=(
        "diffusion.chain.Chain.posterior_from_eps",
        "diffusion.chain.Chain.posterior",
        "sampling.ancestral.Ancestral",
        "sampling.guidance.clip.clip",
        "lecture.chains.respaced",
        "lecture.reverse.reverse",
    ),
    labels={**{key: TRAINING.labels[key] for key in ("a1_5b", "back", "next_line", "line")}, **LABELS},
    symbols={"kick": r"\sigma_t z", "next": "x_{t-1}", "sigma_t": r"\sigma_t"},
    numbers=numbers,
    calls=calls,
)
