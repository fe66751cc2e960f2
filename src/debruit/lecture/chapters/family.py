"""The family: score, flow, DDPM and VAE, each on the same points of the plane."""

import torch
from torch import Tensor

from debruit.events import say
from debruit.lecture.chapter import Chapter, Json
from debruit.lecture.family import PROCESSES, SIDE, SPAN, Trajectories, family, relative
from debruit.lecture.family_table import COLUMNS, ROWS
from debruit.lecture.sprites import as_list, packed
from debruit.lecture.study import Study

SHOWN = 130  # points of each set on the page
PATHS = 5  # of which the paths are drawn


def numbers(study: Study) -> Json:
    """Return the point sets, fields and scores of every process, and the VAE."""
    f = family(study.seed)
    say(f"the family: {len(f.data)} points by {len(f.processes)} processes and a VAE")
    flow, z = f.processes["flow"], f.vae.encode(f.data[:PATHS])
    clean = [f.mixture.estimate(x[:PATHS], at) for x, at in zip(flow.points[:-1], flow.levels[:-1], strict=True)]
    return {
        "processes": {name: _process(part) for name, part in f.processes.items()},
        "order": list(PROCESSES),
        "count": SHOWN,
        "paths": PATHS,
        "unit": 4096,
        "side": SIDE,
        "span": SPAN,
        "data": packed(f.data[:SHOWN]),
        "x0": packed(torch.stack([e.x0 for e in clean])),
        "eps": packed(torch.stack([e.eps for e in clean])),
        "vae": {
            "points": packed(f.vae_sample[:SHOWN]),
            "mean": as_list(f.vae.mean),
            "loading": as_list(f.vae.loading),
            "noise": f.vae.noise,
            "ellipse": _axes(f.vae.covariance),
            "z": as_list(z[0]),
            "spread": z[1] ** 0.5,
            "decoded": packed(f.vae.decode(z[0])),
            "elbo": float(f.vae.elbo(f.data).mean()),
            "kl": float(f.vae.divergence(f.data).mean()),
        },
        "scores": {name: list(score) for name, score in f.scores.items()},
        "same_end": f.same_end,
        "rows": {name: list(row.classes) for name, row in ROWS.items()},
        "components": len(f.mixture.means),
        "std": f.mixture.std,
    }


def _process(part: Trajectories) -> Json:
    return {
        "points": packed(part.points[:, :SHOWN]),
        "field": packed(relative(part.field), 16384),
        "alpha": [at.alpha for at in part.levels],
        "sigma": [at.sigma for at in part.levels],
        "density": as_list(part.density),
        "evaluations": part.evaluations,
    }


def _axes(covariance: Tensor) -> Json:
    """Return the ellipse of one standard deviation: half axes and the angle of the long one, in degrees."""
    values, vectors = torch.linalg.eigh(covariance)
    angle = torch.rad2deg(torch.atan2(vectors[1, 1], vectors[0, 1]))
    return {"long": float(values[1] ** 0.5), "short": float(values[0] ** 0.5), "angle": float(angle)}


CHAPTER = Chapter(
    key="family",
    title=("The family of diffusion models", "La famille des modèles de diffusion"),
    text=(
        (
            "Three kinds of model turn noise into data little by little: score-based models, flow models and DDPMs. "
            "They learn one and the same thing in three forms. From the expected noise $\\hat{\\epsilon}$ in $x_t$ "
            "follow the clean estimate $\\hat{x}_0$, the score and the velocity, and any of the four gives the "
            "others. A VAE is a generative model too, but it samples in a single step.",
            "Trois sortes de modèles transforment peu à peu du bruit en données : les modèles basés sur des scores, "
            "les modèles de type flux normalisant et les DDPM. Ils apprennent une seule et même chose, sous trois "
            "formes : de l'espérance $\\hat{\\epsilon}$ du bruit contenu dans $x_t$ se déduisent la donnée estimée "
            "$\\hat{x}_0$, le score et la vitesse, et chacune de ces quatre grandeurs donne les autres. Un VAE est "
            "lui aussi un modèle génératif, mais il génère en une seule étape.",
        ),
        (
            "Here the data are points of the plane, two half-circles of twelve Gaussians, whose score is known "
            "exactly and stands in for a trained network. The first four figures start from the same points of noise. "
            "Langevin dynamics and the DDPM add noise at every step, so that their trajectories are rough; the two "
            "ODEs add none. These two reach the same points by different trajectories: with exact estimates, one "
            "equation is the other after a change of time and of scale. The VAE is the best one with a linear encoder "
            "and decoder and one latent value: all it can decode from its prior is one Gaussian, and the two "
            "half-circles are lost. Better networks help a VAE; many small steps help each of the others.",
            "Ici, les données sont des points du plan, deux demi-cercles faits de douze gaussiennes, dont le score "
            "est connu exactement et tient lieu de réseau entraîné. Les quatre premières figures partent des mêmes "
            "points de bruit. La dynamique de Langevin et le DDPM ajoutent du bruit à chaque étape, et leurs "
            "trajectoires sont irrégulières ; les deux équations différentielles ordinaires (EDO) n'en ajoutent pas. "
            "Celles-ci mènent aux mêmes points par des trajectoires différentes : avec des estimations exactes, l'une "
            "se déduit de l'autre par un changement de temps et d'échelle. Le VAE est le meilleur de ceux dont "
            "l'encodeur et le décodeur sont linéaires, avec une seule variable latente : tout ce qu'il décode à "
            "partir de sa distribution a priori est une gaussienne, et les deux demi-cercles sont perdus. De "
            "meilleurs réseaux aident un VAE ; beaucoup de petites étapes aident les autres.",
        ),
        (
            "The lecture files flow models under normalising flows. The classical ones are chains of invertible "
            "layers trained by likelihood; those of today, shown here, learn a velocity by least squares and are "
            "invertible as solutions of an ODE. Their conditional trajectories, from one noise to one image, are "
            "straight; the trajectories of the ODE bend where several images are possible.",
            "Le cours range ces modèles parmi les flux normalisants. Les flux classiques sont des suites de couches "
            "inversibles, entraînées par maximum de vraisemblance ; ceux d'aujourd'hui, montrés ici, apprennent une "
            "vitesse par moindres carrés et sont inversibles parce qu'ils résolvent une EDO. Leurs trajectoires "
            "conditionnelles, d'un bruit à une image, sont droites ; celles de l'EDO s'incurvent là où plusieurs "
            "images sont possibles.",
        ),
    ),
    equations=(
        r"\nabla_x \log q_t(x) = -\hat{\epsilon} / \sigma_t, \quad \hat{\epsilon} = \mathbb{E}[\epsilon | x_t = x]",
        r"\frac{dx}{dt} = \alpha'_t \, \hat{x}_0 + \sigma'_t \, \hat{\epsilon}",
        r"x \to x + e \, \nabla_x \log q_t(x) + \sqrt{2 e} \, z",
        r"\log p_\theta(x) \geq \mathbb{E}_{z \sim q_\phi} [\log p_\theta(x | z)] "
        r"- D_{KL}(q_\phi(z | x) \parallel p(z))",
    ),
    functions=(
        "lecture.family.family",
        "lecture.moons.Moons.score",
        "diffusion.prediction.solve",
        "sampling.heun.Heun",
        "diffusion.chain.Chain.reverse",
        "lecture.linear_vae.fitted",
    ),
    labels={
        "fam_langevin": ("score, Langevin dynamics", "score, dynamique de Langevin"),
        "fam_ode": ("score, probability-flow ODE", "score, flot de probabilité (EDO)"),
        "fam_flow": ("flow, straight trajectories (ODE)", "flux, trajectoires droites (EDO)"),
        "fam_ddpm": ("DDPM, algorithm 2", "DDPM, algorithme 2"),
        "fam_vae": ("VAE, one step", "VAE, une seule étape"),
        "fam_data": ("the data", "les données"),
        "fam_position": ("from noise to data", "du bruit aux données"),
        "fam_play": ("play from noise to data", "lire, du bruit aux données"),
        "fam_path": ("highlighted point", "point suivi"),
        "fam_field": ("the field: score, velocity or mean step", "le champ : score, vitesse ou déplacement moyen"),
        "fam_points": ("generated points", "points générés"),
        "fam_paths": ("trajectory of a point", "trajectoire d'un point"),
        "fam_line": (
            "$W z + \\mu$ and a reconstruction $x \\to z \\to \\hat{x}$",
            "$W z + \\mu$ et une reconstruction $x \\to z \\to \\hat{x}$",
        ),
        "fam_energy": ("energy distance from the data", "distance d'énergie aux données"),
        "fam_density": ("mean of $\\log q(x)$, nats", "moyenne de $\\log q(x)$, nats"),
        "fam_evaluations": ("evaluations", "évaluations"),
        "fam_fresh": ("other points of the data", "d'autres points des données"),
        "fam_same": (
            "median distance of the ends of the two ODEs",
            "distance médiane entre les extrémités des deux EDO",
        ),
        "fam_elbo": ("VAE: mean ELBO, nats", "VAE : ELBO moyen, nats"),
        "fam_kl": ("of which $D_{KL}$", "dont $D_{KL}$"),
        "fam_model": ("model", "modèle"),
        "fam_classes": ("in debruit", "dans debruit"),
        "fam_score_of": ("$-\\hat{\\epsilon} / \\sigma_t$", "$-\\hat{\\epsilon} / \\sigma_t$"),
        "fam_velocity_of": ("$\\hat{\\epsilon} - \\hat{x}_0$", "$\\hat{\\epsilon} - \\hat{x}_0$"),
        "fam_flow_point": ("the followed point in the flow", "le point suivi, dans le flux"),
        **{f"fam_column_{key}": text for key, text in COLUMNS.items()},
        **{f"fam_{name}_{key}": getattr(row, key) for name, row in ROWS.items() for key in ("name", *COLUMNS)},
    },
    symbols={"fam_xt": "x_t", "fam_x0": r"\hat{x}_0", "fam_eps": r"\hat{\epsilon}", "fam_sigma": r"\sigma_t"},
    numbers=numbers,
)
