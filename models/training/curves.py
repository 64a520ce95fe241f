"""Curves of a run as one picture: a small panel for each number, over steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Canvas = npt.NDArray[np.uint8]
WIDTH, HEIGHT, COLUMNS = 360, 200, 4
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 30, 26  # of a panel, around its axes
INK, GREY, LINE, OTHER = (40, 40, 40), (200, 200, 200), (180, 90, 20), (60, 140, 230)  # BGR
HIDDEN = {"step", "minutes", "done"}
REFERENCE = "_telea"  # drawn with what it is compared with


def draw_curves(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """PNG with a panel for each key of `rows` but `step`, `minutes` and `done`; `x_telea` is the second line of panel `x`."""
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if key not in HIDDEN]
    panels = [key for key in keys if not (key.endswith(REFERENCE) and key.removesuffix(REFERENCE) in keys)]
    span = (min(row["step"] for row in rows), max(row["step"] for row in rows))
    drawn = [_panel(key, rows, span) for key in panels]
    blank = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    drawn += [blank] * (-len(drawn) % COLUMNS if drawn else COLUMNS)
    strips = [np.concatenate(drawn[i : i + COLUMNS], axis=1) for i in range(0, len(drawn), COLUMNS)]
    _, encoded = cv2.imencode(".png", np.concatenate(strips))
    path.write_bytes(encoded.tobytes())


def _panel(key: str, rows: Sequence[Mapping[str, float]], span: tuple[float, float]) -> Canvas:
    canvas: Canvas = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    lines = [(key, LINE), (key + REFERENCE, OTHER)]
    series = [([(row["step"], row[name]) for row in rows if name in row], colour) for name, colour in lines]
    finite = [([(s, v) for s, v in points if math.isfinite(v)], colour) for points, colour in series]
    values = [value for points, _ in finite for _, value in points]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    _text(canvas, key, (LEFT, 20), 0.45)
    for share in (0.0, 0.5, 1.0):
        y = round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM))
        cv2.line(canvas, (LEFT, y), (WIDTH - RIGHT, y), GREY, 1)
        _text(canvas, f"{low + share * (high - low):.3g}", (6, y + 4), 0.38)
    _text(canvas, f"{span[0]:.0f}", (LEFT, HEIGHT - 8), 0.38)
    last = f"{span[1]:.0f}"
    _text(canvas, last, (WIDTH - RIGHT - 7 * len(last), HEIGHT - 8), 0.38)
    for points, colour in finite:
        places = [_place(step, value, span, (low, high)) for step, value in points]
        for place in places if len(places) < 40 else ():
            cv2.circle(canvas, place, 2, colour, -1, cv2.LINE_AA)
        if len(places) > 1:
            cv2.polylines(canvas, [np.array(places, np.int32)], False, colour, 1, cv2.LINE_AA)
    return canvas


def _place(step: float, value: float, span: tuple[float, float], limits: tuple[float, float]) -> tuple[int, int]:
    along = (step - span[0]) / max(span[1] - span[0], 1e-12)
    up = (value - limits[0]) / max(limits[1] - limits[0], 1e-12)
    return round(LEFT + along * (WIDTH - LEFT - RIGHT)), round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM))


def _text(canvas: Canvas, text: str, place: tuple[int, int], size: float) -> None:
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)
