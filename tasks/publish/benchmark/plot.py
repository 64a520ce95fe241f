"""The picture of the results: a panel for each measure, a mark with its interval for each method and kind of mask."""

import io
from collections.abc import Sequence
from typing import Any

from tasks.publish.benchmark.summary import Score

# name, title, whether logarithmic
PANELS = (
    ("psnr", "PSNR in the hole, dB →", False),
    ("ssim", "SSIM in the hole →", False),
    ("feature_distance", "← feature distance", False),
    ("lpips", "← LPIPS", False),
    ("seconds_per_mp", "← seconds per megapixel of hole", True),
)
COLOURS = {"thin": "#0072b2", "medium": "#e69f00", "thick": "#cc3311"}
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(scores: Sequence[Score], about: str) -> bytes | None:
    """A PNG: means with 95 % bootstrap intervals, the arrow points to what is better. None where nothing was measured.

    about: one line under the picture. The bytes depend on nothing but the arguments and matplotlib's version.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure  # half a second
    from matplotlib.ticker import LogLocator, NullLocator

    panels = [panel for panel in PANELS if any(panel[0] in score.means for score in scores)]
    if not panels:
        return None
    kinds = list(dict.fromkeys(score.mask for score in scores))
    methods = list(dict.fromkeys(score.method for score in scores))
    file = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.1 * len(panels) + 0.8, 0.34 * len(methods) + 1.5), layout="constrained")
        all_axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (name, title, logarithmic) in zip(all_axes, panels, strict=True):
            for number, kind in enumerate(kinds):
                mine = [s for s in scores if s.mask == kind and name in s.means]
                means = [s.means[name].mean for s in mine]
                below = [s.means[name].mean - s.means[name].low for s in mine]
                above = [s.means[name].high - s.means[name].mean for s in mine]
                offset = 0.22 * (number - (len(kinds) - 1) / 2)
                places = [methods.index(s.method) + offset for s in mine]
                colour = COLOURS.get(kind, "#555555")
                axes.errorbar(means, places, xerr=[below, above], fmt="o", ms=4, lw=1.2, color=colour, label=kind)
            if logarithmic:
                axes.set_xscale("log")
                axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.xaxis.set_major_formatter("{x:g}")
                axes.xaxis.set_minor_locator(NullLocator())
            axes.set_title(title, fontsize=9)
            axes.grid(axis="x", color="#dddddd", lw=0.6)
            axes.set_axisbelow(True)
        all_axes[0].set_yticks(range(len(methods)), methods)
        all_axes[0].invert_yaxis()
        handles, labels = all_axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower right", ncols=len(kinds), frameon=False)
        figure.supxlabel(about, fontsize=8, x=0.01, ha="left")
        figure.savefig(file, format="png", dpi=120, metadata={"Software": None})
    return file.getvalue()
