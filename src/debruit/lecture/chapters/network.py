"""The network: its layers, how the time enters, and what its attention layers look at."""

from debruit.events import say
from debruit.lecture import attention, network, time_encoding
from debruit.lecture.chapter import Calls, Chapter, Json
from debruit.lecture.chapters.network_words import CONDITIONS, EQUATIONS, LABELS, TEXT
from debruit.lecture.sprites import as_list, packed, png
from debruit.lecture.study import Study

UNIT = 32767  # of numbers in [-1, 1]
LEVELS = 85  # that a weight has, as a share of the largest of its row


def numbers(study: Study) -> Json:
    """Return the layers, the time encoding and the attention maps."""
    a, config = study.once(network.anatomy), study.model.config
    say(f"network: {a.parameters:,} parameters, {a.operations / 1e9:.2f} GFLOP for one image")
    names = {c.name: CONDITIONS.get(c.item, (c.name, c.name)) for c in config.conditioners}
    return {
        "name": a.name,
        "unet": a.unet is not None and _options(a.unet),
        "input": list(a.input),
        "output": list(a.output),
        "predicts": config.predicts,
        "learned_variance": config.learned_variance,
        "doors": {
            door: {
                "shape": list(shape),
                "names": [list(names[c.name]) for c in config.conditioners if c.door == door],
            }
            for door, shape in a.doors.items()
        },
        "parts": [_part(part) for part in a.parts],
        "parameters": a.parameters,
        "operations": a.operations,
        "time": _time(study, a),
        "attention": _attention(study),
    }


def _options(unet) -> Json:
    """Return the settings of a U-Net that the drawing names."""
    return {
        "levels": len(unet.multipliers),
        "channels": unet.channels,
        "blocks": unet.blocks,
        "patch": unet.patch,
        "resample": unet.resample,
        "time_embedding": unet.time_embedding,
        "pooled": unet.pooled_tokens,
    }


def _part(part: network.Part) -> Json:
    layers = [vars(layer) | {"size": list(layer.size)} for layer in part.layers]
    totals = {"parameters": part.parameters, "operations": part.operations}
    return {"side": part.side, "level": part.level, "layers": layers, **totals}


def _time(study: Study, a: network.Anatomy) -> Json | None:
    """Return the encodings of the slider's steps, and of all steps as one image: a row for each channel."""
    e = study.once(time_encoding.time_encoding)
    if e is None:
        return None
    grey = ((e.curve.T + 1) * 127.5).round().byte()[..., None].numpy()
    return {
        "channels": e.channels,
        "half": e.half,
        "period": e.period,
        "scale": a.scale,
        "offset": a.offset,
        "tau": as_list(e.tau),
        "unit": UNIT,
        "encodings": packed(e.encodings, UNIT),
        "image": png(grey),
        "similarity": packed(e.similarity, UNIT),
        "learned": packed(e.learned, UNIT),
    }


def _attention(study: Study) -> Json | None:
    """Return the maps of each layer as one image of bytes, each row of weights divided by its largest, `peak`.

    The image has a row for each (time, head, query row) and a column for each (query column, key).
    """
    m = study.once(attention.attention_maps)
    if m is None:
        return None
    say(f"attention: {len(m.maps)} layers at {len(m.steps)} steps")
    layers = []
    for one in m.maps:
        peak = one.weights.amax(-1).clamp(min=1 / UNIT)
        bytes_ = ((one.weights / peak[..., None] * LEVELS).round() * (255 // LEVELS)).byte().flatten(3).flatten(0, 2)
        layers.append(
            {
                "path": one.layer.path,
                "level": one.layer.level,
                "grid": list(one.layer.grid),
                "factor": one.layer.factor,
                "heads": one.layer.heads,
                "head_channels": one.layer.head_channels,
                "cross": one.layer.cross,
                "shown": one.weights.shape[1] - 1,
                "rows": one.rows,
                "columns": one.columns,
                "keys": list(one.keys),
                "seen": one.seen,
                "bytes": png(bytes_[..., None].numpy()),
                "peak": packed(peak, UNIT),
                "spread": packed(one.spread / one.seen, UNIT),
            }
        )
    return {"frames": m.frames, "steps": m.steps, "tokens": m.tokens, "unit": UNIT, "layers": layers}


def calls(study: Study) -> list[Calls]:
    times = min(study.detail.attention_times, len(study.steps))
    return [Calls(count=1, batch=1), *([Calls(count=1, batch=times)] if attention.attends(study) else [])]


CHAPTER = Chapter(
    key="network",
    title=("The network that predicts the noise", "Le réseau qui estime le bruit"),
    text=TEXT,
    equations=EQUATIONS,
    functions=(
        "networks.unet.UNet",
        "networks.layers.sinusoidal",
        "networks.attention.SelfAttention.weights",
        "networks.attention.Attention.weights",
        "lecture.network.anatomy",
        "lecture.time_encoding.time_encoding",
        "lecture.attention.attention_maps",
    ),
    labels=LABELS,
    symbols={
        "net_eps": r"\epsilon_\theta(x_t, t)",
        "net_x0": r"\hat{x}_0(x_t, t)",
        "net_v": r"v_\theta(x_t, t)",
        "net_gamma": r"\gamma(\tau)",
        "net_tau": r"\tau",
        "net_xt": "x_t",
    },
    numbers=numbers,
    calls=calls,
)
