"""The lecture, computed by a model on an image: one file for each panel, each a pure function Study -> numbers.

chapters/ has the text, labels and cost of each chapter (chapter.py), and slides/ where each slide of the lecture is
found; page.py puts them on one HTML page (assets/ has its scripts), and figures/ draws the panels for notebooks and
slides.

    study.py      the model, the image and its condition      example.py      where the image comes from
    chains.py     any process as a chain                      effort.py       expected time, progress, --quick
    family.py     score, flow, DDPM and VAE in the plane      family_table.py what each of them learns
    moons.py      points whose score is known exactly         linear_vae.py   a VAE whose optimum is known
    probability.py  the theorems, both sides                  mixture.py      a chain on data of known distribution
    forward.py    x_t, eps, eps_theta, x_0^, posterior mean   schedules.py    schedules compared
    walk.py       single steps against the closed form        objective.py    a two-step chain with an exact bound
    terms.py      the bound by t                              network.py      its layers, from its configuration
    time_encoding.py  how t enters the network                attention.py    attention maps
    training.py   algorithm 1                                 reverse.py      algorithm 2
    samplers.py   the same noise, every sampler               guidance.py     with and without the condition
    first_stage.py  an autoencoder's losses                   reference_table.py  the lecture's 274 M model, and others
    doors.py      how conditions enter                        latents.py      latent channels and their decoding
    numbers.py    all of it as JSON                           maths.py, french.py, sprites.py, wording.py  for the page
    autoencoder/  the page of an autoencoder
"""
