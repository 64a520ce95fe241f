"""What `large.py` makes of its rows: means by method, targets, and a sheet of windows at native resolution."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Row = dict[str, Any]
SHOWN_PX = 320
FEATURE_RATIO, PSNR_LOSS_DB = 0.9, 0.2  # balanced against whole
BLURRED, SHARP = 0.8, (0.8, 1.25)  # where whole is below the first, balanced lies within the second
NO_WORSE = 1.01  # refine's feature distance over multiscale's


@dataclass(frozen=True)
class Window:
    """A part of a picture, saved as PNG without loss for the sheet."""

    box: tuple[slice, slice]

    def save(self, folder: Path, case: str, truth: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
        """Truth, mask, and the input with a grey hole."""
        part, hole = truth[self.box], mask[self.box]
        _write(folder / f"{case}.truth.png", part)
        _write(folder / f"{case}.mask.png", np.repeat(hole[..., None].astype(np.uint8) * np.uint8(255), 3, axis=2))
        _write(folder / f"{case}.input.png", np.where(hole[..., None], np.uint8(127), part))

    def save_fill(self, folder: Path, case: str, method: str, pixels: NDArray[np.generic]) -> None:
        """What a method made of it."""
        _write(folder / f"{case}.{method}.png", pixels[self.box])


def window_of(mask: NDArray[np.bool_]) -> Window:
    """The window of SHOWN_PX with the most hole and still some known pixels: what is all hole cannot be judged."""
    size = tuple(min(SHOWN_PX, side) for side in mask.shape)
    density = cv2.boxFilter(mask.astype(np.float32), -1, (size[1], size[0]), borderType=cv2.BORDER_REFLECT_101)
    best = np.where(density <= 0.7, density, 0)
    y, x = np.unravel_index(int(np.argmax(best)), mask.shape)
    top, left = (
        max(0, min(int(at) - part // 2, side - part)) for at, part, side in zip((y, x), size, mask.shape, strict=True)
    )
    return Window((slice(top, top + size[0]), slice(left, left + size[1])))


def summary(rows: Sequence[Row]) -> Row:
    """Means by kind of mask and method; sharpness is the median, and its truth's beside it."""
    found: Row = {"code": sorted({row["code"] for row in rows}), "methods": {}}
    for kind in ("all", *dict.fromkeys(row["kind"] for row in rows)):
        for method in dict.fromkeys(row["method"] for row in rows):
            mine = [row for row in rows if row["method"] == method and kind in ("all", row["kind"])]
            means = {key: _mean(mine, key) for key in ("psnr", "feature", "seconds", "cpu_s", "generator_mp")}
            medians = {key: _median(mine, key) for key in ("sharpness", "sharpness_truth")}
            found["methods"].setdefault(method, {})[kind] = {k: round(v, 4) for k, v in (means | medians).items()}
    found["against_whole"] = {
        method: {key: round(value, 4) for key, value in against(rows, method, "whole").items()}
        for method in found["methods"]
        if method != "whole"
    }
    return found


def against(rows: Sequence[Row], method: str, other: str) -> dict[str, float]:
    """A method over another on the cases that both have: feature ratio of the means, PSNR difference in dB, and the median
    sharpness of both where the other is blurred (NaN where it never is)."""
    by_case: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_case.setdefault(row["case"], {})[row["method"]] = row
    pairs = [(case[method], case[other]) for case in by_case.values() if method in case and other in case]
    one, two = [a for a, _ in pairs], [b for _, b in pairs]
    blurred = [(a, b) for a, b in pairs if b["sharpness"] < BLURRED]
    return {
        "feature_ratio": _mean(one, "feature") / max(_mean(two, "feature"), 1e-12),
        "psnr_gain": _mean(one, "psnr") - _mean(two, "psnr"),
        "blurred": float(len(blurred)),
        "sharpness": _median([a for a, _ in blurred], "sharpness"),
        "sharpness_other": _median([b for _, b in blurred], "sharpness"),
        "sharpness_truth": _median([a for a, _ in blurred], "sharpness_truth"),
    }


def targets(rows: Sequence[Row]) -> list[str]:
    """Targets that are missed, of the methods that were run."""
    methods = {row["method"] for row in rows}
    missed = []
    if {"balanced", "whole"} <= methods:
        found = against(rows, "balanced", "whole")
        if not found["feature_ratio"] <= FEATURE_RATIO:
            missed.append(f"balanced: feature distance {found['feature_ratio']:.3f} × whole's, not {FEATURE_RATIO}")
        if not found["psnr_gain"] >= -PSNR_LOSS_DB:
            missed.append(f"balanced: PSNR {found['psnr_gain']:+.2f} dB against whole's, not {-PSNR_LOSS_DB}")
        if found["blurred"] and not SHARP[0] <= found["sharpness"] <= SHARP[1]:
            missed.append(f"balanced: sharpness {found['sharpness']:.2f} where whole is blurred, not {SHARP}")
    if {"refine", "multiscale"} <= methods:
        ratio = against(rows, "refine", "multiscale")["feature_ratio"]
        if not ratio <= NO_WORSE:
            missed.append(f"refine: feature distance {ratio:.3f} × multiscale's, not {NO_WORSE}")
    return missed


def write_sheet(path: Path, folder: Path, cases: Sequence[str], methods: Sequence[str]) -> None:
    """One row for each case: input, mask, each method, truth."""
    columns = ["input", "mask", *methods, "truth"]
    rows = []
    for case in cases:
        parts = [cv2.imread(str(folder / f"{case}.{column}.png"), cv2.IMREAD_COLOR) for column in columns]
        cells = [part if part is not None else np.full((SHOWN_PX, SHOWN_PX, 3), 255, np.uint8) for part in parts]
        rows.append(np.hstack([_cell(np.asarray(cell, np.uint8)) for cell in cells]))
    bar = np.full((24, rows[0].shape[1], 3), 255, np.uint8)
    for number, column in enumerate(columns):
        cv2.putText(
            bar, column, (number * (SHOWN_PX + 4) + 4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA
        )
    cv2.imwrite(str(path), np.vstack([bar, *rows]))


def _cell(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
    missing = [(0, SHOWN_PX + 4 - part.shape[0]), (0, SHOWN_PX + 4 - part.shape[1]), (0, 0)]
    return np.pad(part, missing, constant_values=255)


def _write(path: Path, part: NDArray[np.generic]) -> None:
    if not cv2.imwrite(str(path), np.ascontiguousarray(part[:, :, ::-1])):
        raise OSError(f"cannot write {path}")


def _mean(rows: Sequence[Row], key: str) -> float:
    return float(np.mean([row[key] for row in rows])) if rows else float("nan")


def _median(rows: Sequence[Row], key: str) -> float:
    return float(np.median([row[key] for row in rows])) if rows else float("nan")
