"""Distributions as SVG that takes the page's own colours, light and dark."""

import io
import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#010203"  # stands for the page's colour in what matplotlib draws
_FILL = "#010204"
_SIZE = (3.6, 1.9)  # inches
_BINS = 30


def plots(results: pa.Table, holes: pa.Table) -> list[tuple[str, str]]:
    """(caption, SVG) each: expected error, seconds, hole size, items done over time; what has no values is left out.

    results: columns `status, load_s, fill_s, save_s, finished_at`; holes: `area, predicted_error`.
    """
    seconds = _sum(results, ("load_s", "fill_s", "save_s"))
    drawn = [
        _histogram("expected error of a hole", _numbers(holes["predicted_error"]), "expected error", log=True),
        _histogram("seconds an item", seconds, "seconds", log=True),
        _histogram("size of a hole", _numbers(holes["area"]), "pixels", log=True),
        _over_time(results["finished_at"]),
    ]
    return [found for found in drawn if found is not None]


def _histogram(what: str, values: NDArray[np.float64], unit: str, log: bool) -> tuple[str, str] | None:
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not values.size:
        return None
    low, high = float(values.min()), float(values.max())
    edges = np.geomspace(low, high, _BINS + 1) if log and high > low else np.linspace(low - 0.5, high + 0.5, _BINS + 1)
    figure, axes = _figure()
    axes.hist(values, bins=list(np.unique(edges)), color=_FILL)
    if log and high / low > 10:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter("")  # labels of 2, 3, 4 … would lie over each other
    axes.set_xlabel(unit)
    middle = float(np.median(values))
    caption = f"{what}: {values.size:,}, half of them below {middle:.3g}, the highest {high:.3g} {unit}"
    return caption, _svg(figure)


def _over_time(column: pa.ChunkedArray) -> tuple[str, str] | None:
    times = np.sort(np.asarray(pc.cast(column.drop_null(), pa.int64()).to_numpy(), np.float64)) / 1e6
    if times.size < 2 or times[-1] - times[0] < 1:
        return None
    bins = max(2, min(60, times.size // 5, math.ceil(times[-1] - times[0])))
    counts, edges = np.histogram(times - times[0], bins=bins)
    width = edges[1] - edges[0]
    unit, length = ("hours", 3600) if edges[-1] > 7200 else ("minutes", 60) if edges[-1] > 120 else ("seconds", 1)
    figure, axes = _figure()
    axes.stairs(counts / width, edges / length, fill=True, color=_FILL)
    axes.set_xlabel(f"{unit} since the first")
    rate = times.size / (times[-1] - times[0])
    return f"items a second over time, {rate:.2g} on average (pauses between runs included)", _svg(figure)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(pc.cast(column.drop_null(), pa.float64()).to_numpy(), np.float64)


def _sum(table: pa.Table, columns: Iterable[str]) -> NDArray[np.float64]:
    parts = [pc.fill_null(table[name], 0.0).to_numpy() for name in columns]
    total = np.asarray(sum(parts), np.float64)
    return total[total > 0]


def _figure() -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure  # half a second

    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _svg(figure: "Figure") -> str:
    """The drawing as an element of an HTML page: no XML prologue, no date, ids that say nothing of chance."""
    import matplotlib as mpl

    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "lacuna",
        "font.family": "sans-serif",
        "font.size": 8,
        **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
    }
    file = io.StringIO()
    with mpl.rc_context(style):
        for axes in figure.axes:
            axes.tick_params(which="both", colors=_INK)
            axes.xaxis.label.set_color(_INK)
            for spine in axes.spines.values():
                spine.set_edgecolor(_INK)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = re.sub(r"(?s)<metadata>.*?</metadata>", "", file.getvalue())
    return text[text.index("<svg") :].replace(_INK, "currentColor").replace(_FILL, "var(--mark, currentColor)")
