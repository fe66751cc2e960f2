"""Plots as inline SVG, drawn by matplotlib with the page's colours and font, for light and dark."""

import hashlib
import io
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from debruit.errors import InputError
from debruit.reports.style import QUIET, SERIES

MANY = 1000  # the same, for ticks at powers of ten alone
WIDE = 5  # the largest value over the smallest, for a logarithmic axis
INK = "#010203"  # stands for the page's own colour; no series has it


@contextmanager
def drawing(width: float = 7.6, height: float = 2.9, **subplots: Any):
    """(svg, axes): after the block svg() is the drawing, as an SVG element without an outside address."""
    try:
        import matplotlib
    except ImportError:
        raise InputError("the report's plots need matplotlib: pip install 'debruit[eval]'") from None
    from cycler import cycler
    from matplotlib.figure import Figure

    style: Any = {
        "svg.fonttype": "none",
        "text.color": INK,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "font.size": 10,
        "axes.titlesize": 10,
        "axes.grid": True,
        "grid.color": QUIET,
        "grid.alpha": 0.25,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "axes.prop_cycle": cycler(color=SERIES),
        "lines.linewidth": 1.6,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(**subplots)
        yield lambda: _svg(figure), axes


def lines(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    x: str,
    y: str,
    log_x: bool = False,
    log_y: bool = False,
    dashed: Sequence[str] = (),
    level: tuple[str, float] | None = None,
    markers: bool = True,
    colours: int = len(SERIES),
) -> str:
    """Curves by name; `level` is a labelled horizontal line. Logarithmic axes where requested and the values span
    enough for it. After `colours` curves the colours begin again: a dashed curve has the colour of its solid one."""
    heights = [v for _, ys in series.values() for v in ys if v is not None and math.isfinite(v)]
    log_y = log_y and min(heights, default=0) > 0 and max(heights) > WIDE * min(heights)
    with drawing() as (svg, axes):
        for k, (name, (xs, ys)) in enumerate(series.items()):
            axes.plot(
                xs,
                ys,
                "--" if name in dashed else "-",
                marker="o" if markers else "",
                markersize=3.5,
                label=name,
                color=SERIES[k % colours % len(SERIES)],
            )
        if level is not None:
            axes.axhline(level[1], color=QUIET, linestyle=":", label=level[0])
        axes.set(xlabel=x, ylabel=y, xscale="log" if log_x else "linear", yscale="log" if log_y else "linear")
        for axis, logarithmic in ((axes.xaxis, log_x), (axes.yaxis, log_y)):
            if logarithmic:
                _plain_ticks(axis)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        return svg()


def _plain_ticks(axis: Any) -> None:
    """0.2, 1, 50 instead of powers of ten, and at least a few of them; over many decades the powers alone."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < MANY * low else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def bars(names: Sequence[str], groups: Mapping[str, Sequence[float]], *, y: str, top: float | None = None) -> str:
    """Bars side by side, one group a name."""
    with drawing(height=2.6) as (svg, axes):
        width = 0.8 / len(groups)
        for k, (label, values) in enumerate(groups.items()):
            axes.bar(
                [n + (k - (len(groups) - 1) / 2) * width for n in range(len(names))], values, width * 0.92, label=label
            )
        axes.set_xticks(
            range(len(names)), names, rotation=30 if max(map(len, names)) > 3 and len(names) > 6 else 0, ha="center"
        )
        axes.set(ylabel=y, ylim=(0, top))
        axes.grid(axis="x", visible=False)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        return svg()


def histograms(
    groups: Mapping[str, Sequence[float]], *, x: str, bins: int = 40, line: tuple[str, float] | None = None
) -> str:
    """Shares by value, outlined, on common bins; `line` is a labelled vertical line."""
    import numpy as np

    edges = np.histogram_bin_edges(np.concatenate([np.asarray(v, dtype=float) for v in groups.values()]), bins)
    with drawing(height=2.6) as (svg, axes):
        for name, values in groups.items():
            share = np.histogram(values, edges)[0] / max(len(values), 1)
            axes.stairs(share, edges, fill=True, alpha=0.25)
            axes.stairs(share, edges, label=name, color=axes.patches[-1].get_facecolor()[:3], linewidth=1.4)
        if line is not None:
            axes.axvline(line[1], color=QUIET, linestyle=":", label=line[0])
        axes.set(xlabel=x, ylabel="share")
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        return svg()


def _svg(figure: Any) -> str:
    """The figure as an inline SVG element: no prologue, no metadata, the page's colour, and identifiers that meet no
    other drawing's."""
    import matplotlib

    buffer = io.StringIO()
    salt = hashlib.blake2b(
        repr([a.get_title() + a.get_ylabel() for a in figure.axes]).encode(), digest_size=4
    ).hexdigest()
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(
        r' xmlns(:\w+)?="[^"]*"', "", text
    )  # a browser needs no namespace inside HTML, and so the page holds no address
    text = text.replace("xlink:href", "href").replace(INK, "currentColor")
    digest = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    names = set(re.findall(r'\bid="([^"]+)"', text))
    return re.sub(
        r'(\bid="|href="#|url\(#)([^")]+)', lambda m: m[1] + (f"{digest}-{m[2]}" if m[2] in names else m[2]), text
    )
