"""Samplers compared from the same noise."""

import torch
from torch import Tensor

from debruit.events import say
from debruit.lecture.chapter import Calls, Chapter, Json
from debruit.lecture.samplers import evaluations, samplers
from debruit.lecture.sprites import sheet, shown
from debruit.lecture.study import Study


def numbers(study: Study) -> Json:
    """Return one row of images for each sampler, and the solution of the ODE."""
    table = samplers(study)
    say(f"samplers: {len(table.rows)} from the same noise")

    def image_sheet(images: list[Tensor]) -> str:
        return sheet([shown(study.model.config.data.to_model(torch.stack(images)), 1.0)])

    empty = torch.zeros_like(table.solution)
    rows = [
        {
            "name": row.name,
            "path": row.path,
            "order": row.order,
            "stochastic": row.stochastic,
            "sheet": image_sheet([cell.image if cell else empty for cell in row.cells]),
            "cells": [
                cell and {"steps": cell.steps, "evaluations": cell.evaluations, "distance": cell.distance}
                for cell in row.cells
            ],
        }
        for row in table.rows
    ]
    return {"budgets": table.budgets, "solution": image_sheet([table.solution]), "rows": rows}


def calls(study: Study) -> list[Calls]:
    return [Calls(count=evaluations(study), batch=1)]


CHAPTER = Chapter(
    key="samplers",
    title=("The same noise, different samplers", "Un même bruit, plusieurs échantillonneurs"),
    text=(
        (
            "The same network, the same noise, and in each column the same budget of network evaluations. "
            "Deterministic samplers follow one ordinary differential equation, so they all converge to the same "
            "image, the sooner the better they integrate; the number under an image is its distance from that limit, "
            "in per cent of the data range. Samplers that add noise converge to other images, so their distance does "
            "not go to zero: it does not measure their quality.",
            "Le même réseau, le même bruit et, dans chaque colonne, le même budget d'évaluations du réseau. Les "
            "échantillonneurs déterministes suivent une même équation différentielle ordinaire (EDO) : tous "
            "convergent vers la même image, d'autant plus vite qu'ils intègrent mieux l'équation ; le nombre sous une "
            "image est sa distance à cette image, en pourcentage de l'étendue des données. Les "
            "échantillonneurs qui ajoutent du bruit convergent vers d'autres images, et leur distance ne tend pas "
            "vers zéro : elle ne mesure pas leur qualité.",
        ),
    ),
    equations=(
        r"\frac{d x}{d t} = f(t) \, x - \frac{1}{2} g(t)^2 \nabla_x \log q_t(x), "
        r"\quad \nabla_x \log q_t(x) \approx - \frac{\epsilon_\theta(x, t)}{\sigma(t)}",
    ),
    functions=(
        "models.diffusion.Model.trajectory",
        "diffusion.process.drift",
        "diffusion.process.squared_diffusion",
        "lecture.samplers.samplers",
    ),
    labels={
        "evaluations": ("network evaluations", "évaluations du réseau"),
        "solution": ("the equation's solution", "la solution de l'équation"),
        "order": ("order", "ordre"),
        "deterministic": ("deterministic", "déterministe"),
        "stochastic": ("adds noise", "ajoute du bruit"),
        "steps": ("steps", "étapes"),
    },
    numbers=numbers,
    calls=calls,
)
