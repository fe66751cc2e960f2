"""The panels as matplotlib figures, for notebooks and slides: each function returns a figure that is neither shown nor
saved.

This package is public API (docs/explain.md); nothing else in debruit imports it.

study = begin(debruit.load("runs/f"), "shoe.png"); figures.forward_chain(forward(study)).savefig("forward.pdf")
"""

from debruit.lecture.figures.algorithms import (
    algorithm_1,
    algorithm_2,
    both_runs,
    clipped_share,
    losses_by_t,
)
from debruit.lecture.figures.chain import forward_chain, schedule_curves, step_back, walk_histograms
from debruit.lecture.figures.family import family_trajectories
from debruit.lecture.figures.latent import four_losses
from debruit.lecture.figures.model import (
    bound_terms,
    guidance_weights,
    latent_channels,
    sampler_table,
)
from debruit.lecture.figures.network import attention_map, network_diagram, time_encodings
from debruit.lecture.figures.objective import bound_waterfall, jensen_gap, weight_histogram
from debruit.lecture.figures.probability import joint_density, reverse_paths

__all__ = [
    "algorithm_1",
    "algorithm_2",
    "attention_map",
    "both_runs",
    "bound_terms",
    "bound_waterfall",
    "clipped_share",
    "family_trajectories",
    "forward_chain",
    "four_losses",
    "guidance_weights",
    "jensen_gap",
    "joint_density",
    "latent_channels",
    "losses_by_t",
    "network_diagram",
    "reverse_paths",
    "sampler_table",
    "schedule_curves",
    "step_back",
    "time_encodings",
    "walk_histograms",
    "weight_histogram",
]
