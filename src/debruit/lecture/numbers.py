"""Numbers and images of a page as JSON: the results of the panels in the form that the page's script draws."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from debruit.events import say
from debruit.lecture import wording
from debruit.lecture.chapters import Both
from debruit.lecture.forward import Forward, forward
from debruit.lecture.guidance import Guidance, guidance
from debruit.lecture.latents import Latents, latents
from debruit.lecture.maths import mathml, prose
from debruit.lecture.reverse import Reverse, reverse
from debruit.lecture.samplers import SamplerTable, samplers
from debruit.lecture.schedules import Curve, schedules
from debruit.lecture.sprites import LARGEST_GRID, packed, sheet, shown, stride, thinned
from debruit.lecture.study import Study
from debruit.lecture.terms import Terms, terms
from debruit.lecture.walk import Walk, walk

NOISE_SPAN = 3.0  # images of noise: -3 is black, 3 is white
LATENT_SPAN = 2.5
Json = dict[str, Any]


def numbers(study: Study) -> Json:
    """Return everything that the page's script draws. Reports each panel as an event."""
    chain = study.chain.chain
    chained = forward(study)
    say(f"forward chain: {len(study.steps)} of {chain.steps} steps")
    walked, curves = walk(chain, study.steps, seed=study.seed), schedules(study)
    say(f"one step at a time: {walked.walkers.shape[1]:,} walkers; {len(curves)} schedules")
    bounded = terms(study)
    bits, error = bounded.bits(bounded.total), bounded.bits(bounded.total_error)
    without = "" if bounded.decoder else " without L_0"
    of_chain = "" if study.chain.own else f", as a chain of {chain.steps} steps"
    say(f"bound of this image: {bits:.2f} +- {error:.2f} bits/dim{without}{of_chain}")
    reversed_ = reverse(study)
    say(f"algorithm 2: {chain.steps} steps")
    table = samplers(study)
    say(f"samplers: {len(table.rows)} from the same noise")
    guided = guidance(study)
    if guided is not None:
        say(f"guidance: {len(guided.weights)} weights from the same noise")
    decoded = latents(study, chained)
    span = LATENT_SPAN if study.latent else 1.0
    return {
        **vocabulary(wording.SCRIPT, wording.SYMBOLS),
        "steps": study.steps,
        "T": chain.steps,
        "own": study.chain.own,
        "times": as_list(study.chain.times[study.steps]),
        "seed": study.seed,
        "latent": study.latent,
        "forward": _forward(chained, study, span),
        "pixels": _pixels(chained, study),
        "walk": _walk(walked),
        "schedules": _schedules(curves, span),
        "terms": _terms(bounded),
        "reverse": _reverse(reversed_, span),
        "samplers": _samplers(table, study),
        "guidance": guided and _guidance(guided, study, span),
        "latents": decoded and _latents(decoded, study),
    }


def vocabulary(script: Mapping[str, Both], symbols: Mapping[str, str]) -> Json:
    """Return the labels of a page's script in both languages, and its symbols as MathML."""
    return {
        "strings": {key: [prose(text) for text in texts] for key, texts in script.items()},
        "symbols": {key: mathml(tex) for key, tex in symbols.items()},
    }


def _forward(f: Forward, study: Study, span: float) -> Json:
    chain, steps = study.chain.chain, study.steps
    rows = [shown(f.x_t, span), shown(f.eps_hat, NOISE_SPAN), shown(f.x0_hat, span)]
    rows += [shown(f.posterior, span), shown(f.mean, span)]
    height, width = rows[0].shape[1:3]
    return {
        "sheet": sheet(rows),
        "height": height,
        "width": width,
        "x0": sheet([shown(f.x0[None], span)]),
        "eps": sheet([shown(f.eps[None], NOISE_SPAN)]),
        "loss": as_list(f.simple_loss),
        "x0_error": as_list(((f.x0 - f.x0_hat) ** 2).flatten(1).mean(1)),
        "beta": as_list(chain.beta[steps]),
        "abar": as_list(chain.abar[steps]),
    }


def _pixels(f: Forward, study: Study) -> Json:
    """Return the values of the pixels that can be chosen, and the coefficients of mu~ = a x_0 + b x_t
    (Chain.posterior)."""
    chain = study.chain.chain
    i = torch.tensor(study.steps)
    one, zero = torch.ones(len(i), 1).double(), torch.zeros(len(i), 1).double()
    x0 = thinned(f.x0, LARGEST_GRID)
    learned = f.variance.shape[-1] > 1
    return {
        "stride": stride(*f.x0.shape[-2:], LARGEST_GRID),
        "channels": x0.shape[0],
        "height": x0.shape[1],
        "width": x0.shape[2],
        "size": list(f.x0.shape[-2:]),
        "x0": packed(x0),
        "x_t": packed(thinned(f.x_t, LARGEST_GRID)),
        "x0_hat": packed(thinned(f.x0_hat, LARGEST_GRID)),
        "unit": 4096,
        "a": as_list(chain.posterior(one, zero, i).mean),
        "b": as_list(chain.posterior(zero, one, i).mean),
        "posterior_variance": as_list(f.posterior_variance),
        "variance": as_list(f.variance.flatten(1).mean(1)),
        "log_variance": packed(thinned(f.variance, LARGEST_GRID).log(), 2048) if learned else None,
    }


def _walk(w: Walk) -> Json:
    return {
        "walkers": packed(w.walkers),
        "count": w.walkers.shape[1],
        "unit": 4096,
        "signal": as_list(w.signal),
        "mean": as_list(w.mean),
        "variance": as_list(w.variance),
    }


def _schedules(curves: list[Curve], span: float) -> Json:
    rows = [shown(c.images, span) for c in curves]
    lines = [
        {"name": c.name, "steps": c.steps, "model": c.model}
        | {name: as_list(getattr(c, name)) for name in ("t", "beta", "abar", "snr", "signal")}
        for c in curves
    ]
    return {"curves": lines, "sheet": sheet(rows), "images": len(rows[0])}


def _terms(t: Terms) -> Json:
    per_step = t.dimensions * torch.log(torch.tensor(2.0))
    return {
        "first": t.first.tolist(),
        "last": t.last.tolist(),
        "bits": as_list(t.nats / per_step),
        "error": as_list(t.error / per_step),
        "simple": as_list(t.simple),
        "weight": as_list(t.weight),
        "prior": t.bits(t.prior),
        "decoder": [t.bits(value) for value in t.decoder] if t.decoder else None,
        "sum": t.bits(float((t.counts * t.nats).sum())),
        "total": t.bits(t.total),
        "total_error": t.bits(t.total_error),
    }


def _reverse(r: Reverse, span: float) -> Json:
    rows = [shown(r.x_t, span), shown(r.eps_hat, NOISE_SPAN), shown(r.x0_hat, span), shown(r.mean, span)]
    rows += [shown(r.kick, NOISE_SPAN), shown(r.x_next, span)]
    strip = sheet([shown(images, span) for images in r.strip])
    return {"sheet": sheet(rows), "strip": strip, "images": len(r.strip), "strip_steps": r.strip_steps}


def _samplers(table: SamplerTable, study: Study) -> Json:
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


def _guidance(g: Guidance, study: Study, span: float) -> Json:
    difference = g.conditional - g.unconditional
    rows = [shown(g.unconditional, span), shown(g.conditional, span), shown(difference, span)]
    spec = study.model.config.data
    samples = [shown(spec.to_model(images), 1.0) for images in g.images.transpose(0, 1)]
    return {
        "sheet": sheet(rows),
        "grid": sheet(samples),
        "images": len(samples),
        "weights": list(g.weights),
        "evaluations": list(g.evaluations),
        "clean_gap": as_list(g.clean_gap),
        "noise_gap": as_list(g.noise_gap),
    }


def _latents(decoded: Latents, study: Study) -> Json:
    spec = study.model.config.data
    channels = range(decoded.z_t.shape[1])
    rows = [[shown(z[:, c : c + 1], LATENT_SPAN) for c in channels] for z in (decoded.z_t, decoded.z0_hat)]
    images = [shown(spec.to_model(x), 1.0) for x in (decoded.decoded_z_t, decoded.decoded_z0_hat)]
    return {
        "channels": len(channels),
        "sheet": sheet(rows[0] + rows[1]),
        "decoded": sheet(images),
        "reconstruction": sheet([shown(spec.to_model(decoded.reconstruction[None]), 1.0)]),
    }


def as_list(values: Tensor) -> list[float | None]:
    """Return values of six significant digits; infinity and NaN, which JSON lacks, become None."""
    return [float(f"{v:.6g}") if math.isfinite(v) else None for v in values.flatten().tolist()]
