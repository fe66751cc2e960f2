"""The chapters of the lecture page, one file each, in the order of the lecture."""

from debruit.lecture.chapters import (
    family,
    forward,
    guidance,
    latent_diffusion,
    latents,
    network,
    objective,
    posterior,
    probability,
    reverse,
    samplers,
    schedules,
    terms,
    training,
    walk,
)

CHAPTERS = tuple(
    module.CHAPTER
    for module in (
        family,
        probability,
        forward,
        schedules,
        walk,
        posterior,
        objective,
        terms,
        network,
        training,
        reverse,
        samplers,
        guidance,
        latent_diffusion,
        latents,
    )
)
