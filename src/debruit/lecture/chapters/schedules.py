"""Noise schedules compared."""

from debruit.lecture.chapter import Chapter, Json
from debruit.lecture.schedules import schedules
from debruit.lecture.sprites import as_list, sheet, shown
from debruit.lecture.study import Study


def numbers(study: Study) -> Json:
    """Return the curves, and the image along each schedule as one sheet."""
    curves = schedules(study)
    rows = [shown(c.images, study.span) for c in curves]
    lines = [
        {"name": c.name, "steps": c.steps, "model": c.model}
        | {name: as_list(getattr(c, name)) for name in ("t", "beta", "abar", "snr", "signal")}
        for c in curves
    ]
    return {"curves": lines, "sheet": sheet(rows), "images": len(rows[0])}


CHAPTER = Chapter(
    key="schedules",
    title=("How fast the image is lost", "À quelle vitesse l'image se perd"),
    text=(
        (
            "A noise schedule sets the variances $\\beta_t$; everything else follows from them. The linear schedule "
            "destroys the image early and spends its last third on what is almost only noise already; the cosine "
            "schedule (second equation, $s = 0.008$) was designed to lose it evenly. Processes in continuous time "
            "(Flow, VE, VPCosine) are shown as the chain of 1000 steps that they become once divided by their scale. "
            "The thick line is this model's own schedule.",
            "Un calendrier de bruit fixe les variances $\\beta_t$ ; tout le reste en découle. Le calendrier linéaire "
            "détruit l'image tôt et passe son dernier tiers sur ce qui n'est déjà presque plus que du bruit ; le "
            "calendrier cosinus (deuxième équation, $s = 0{,}008$) a été conçu pour la perdre régulièrement. Les "
            "processus en temps continu (Flow, VE, VPCosine) sont montrés comme la chaîne de 1000 étapes qu'ils "
            "deviennent une fois divisés par leur échelle. Le trait épais est le calendrier de ce modèle.",
        ),
    ),
    equations=(
        r"\alpha_t = 1 - \beta_t, \quad \bar{\alpha}_t = \prod_{k=1}^{t} \alpha_k",
        r"\beta_t = \min ( 1 - \frac{\bar{\alpha}_t}{\bar{\alpha}_{t-1}}, 0.999 ), \quad "
        r"\bar{\alpha}_t = \frac{f(t)}{f(0)}, \quad f(t) = \cos ( \frac{t/T + s}{1 + s} \cdot \frac{\pi}{2} )^2",
        r"\mathrm{SNR}_t = \frac{\bar{\alpha}_t}{1 - \bar{\alpha}_t}",
    ),
    functions=(
        "diffusion.chain.Linear",
        "diffusion.chain.ScaledLinear",
        "diffusion.chain.Cosine",
        "diffusion.chain.Chain.abar",
        "lecture.chains.ProcessSchedule",
        "lecture.schedules.schedules",
    ),
    labels={
        "model": ("this model", "ce modèle"),
    },
    symbols={
        "beta": r"\beta_t",
        "abar": r"\bar{\alpha}_t",
        "snr": r"\mathrm{SNR}_t",
        "signal": r"\sqrt{\bar{\alpha}_t}",
    },
    numbers=numbers,
)
