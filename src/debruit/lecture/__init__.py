"""The lecture, computed by a model on an image: one file for each panel, each a pure function Study -> numbers.

page.py puts the panels on one HTML page; figures.py draws them for notebooks and slides.

    study.py     the model, the image and its condition       example.py    where the image comes from
    mixture.py   a chain on data of known distribution        probability.py  the theorems, both sides
    chains.py    any process as a chain                       forward.py    x_t, eps, eps_theta, x_0^, posterior mean
    schedules.py schedules compared                           walk.py       single steps against the closed form
    objective.py a two-step chain with an exact bound
    terms.py     the bound by t                               reverse.py    algorithm 2
    network.py   its layers, from its configuration           time_encoding.py  how t enters it
    attention.py attention maps
    training.py  algorithm 1                                  guidance.py   with and without the condition
    samplers.py  the same noise, every sampler                latents.py    latent channels and their decoding
    autoencoder/ the page of an autoencoder
    family.py    score, flow, DDPM and VAE in the plane       moons.py      points whose score is known exactly
    first_stage.py  an autoencoder's losses                   reference_table.py  the lecture's 274 M model, and others
    doors.py     how conditions enter
    linear_vae.py  a VAE whose optimum is known               family_table.py  what each model of the family learns
"""
