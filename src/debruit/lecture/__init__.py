"""The lecture alive on a model and an image: one file a panel, each a pure function Study -> numbers; figures.py draws them for notebooks
and slides, page.py makes one HTML page of them.

    study.py  the model, the image, its condition     forward.py    x_t, eps, eps_theta, x_0^, posterior mean     schedules.py  side by side
    walk.py   one step at a time, closed form         terms.py      the bound by t                                reverse.py    algorithm 2
    samplers.py  the same noise, every sampler        latents.py    latent channels and their decoding            chains.py     any process as a chain
"""
