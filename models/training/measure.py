"""How good a generator is on photos it never saw, against OpenCV's Telea; and a sheet to look at.

`python -m models.training.measure WEIGHTS PHOTOS --encoder FILE [--count N] [--sheet FILE.png]` prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from models.engine import Engine
from models.training.data import Floats, Photos
from models.training.losses import Encoder, feature_distance
from models.training.masks import Mask, stroke_masks
from models.weights import Weights, load_weights

SHEET_SIDE = 256
SHEET_ROWS = 8
MIN_MASKED = 0.18  # of a photo: below, every method looks the same


@dataclass(frozen=True)
class Case:
    """A photo (H, W, 3) in [0, 1], its mask, and Telea's fill of it."""

    truth: Floats
    mask: Mask
    telea: Floats


def make_cases(photos: Photos, count: int, seed: int = 0) -> list[Case]:
    """`count` photos spread over the set, with LaMa's medium masks over 18 % to 50 %."""
    cases = []
    for index in np.linspace(0, len(photos) - 1, min(count, len(photos))).round().astype(int):
        photo = photos[int(index)]
        draw = stroke_masks("medium", max(photo.shape[:2]), MIN_MASKED)
        mask = draw(photo.shape[:2], np.random.default_rng([seed, int(index)]))
        telea = cv2.inpaint(photo, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA)
        cases.append(Case(_unit(photo), mask, _unit(telea)))
    return cases


def fill_cases(weights: Weights, cases: Sequence[Case]) -> list[Floats]:
    """Composited fills, at the photos' own size."""
    engine = Engine(weights)
    made = engine.fill([case.truth for case in cases], [case.mask for case in cases])
    return [np.where(case.mask[..., None], fill, case.truth) for case, fill in zip(cases, made, strict=True)]


def measure(cases: Sequence[Case], fills: Sequence[Floats], encoder: Encoder | None) -> dict[str, float]:
    """Means over cases: PSNR in the hole (dB) and feature distance, of the fills and of Telea's; what remains of it."""
    rows = [
        {
            "psnr": _hole_psnr(fill, case),
            "psnr_telea": _hole_psnr(case.telea, case),
            "feature": _distance(fill, case, encoder),
            "feature_telea": _distance(case.telea, case, encoder),
        }
        for case, fill in zip(cases, fills, strict=True)
    ]
    means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    means["psnr_gain"] = means["psnr"] - means["psnr_telea"]
    means["feature_ratio"] = means["feature"] / means["feature_telea"] if encoder else float("nan")
    return {key: round(value, 4) for key, value in means.items()}


def write_sheet(path: Path, cases: Sequence[Case], fills: Sequence[Floats]) -> None:
    """PNG with a row per case: input with a grey hole, mask, fill, truth; the 256 px with most of the hole."""
    rows = []
    for case, fill in list(zip(cases, fills, strict=True))[:SHEET_ROWS]:
        window = _busiest(case.mask)
        hole = case.mask[window][..., None]
        shown = np.where(hole, np.float32(0.5), case.truth[window])
        row = [shown, np.broadcast_to(hole, shown.shape).astype(np.float32), fill[window], case.truth[window]]
        strip = np.concatenate(row, axis=1)
        missing = [(0, SHEET_SIDE - strip.shape[0]), (0, 4 * SHEET_SIDE - strip.shape[1]), (0, 0)]
        rows.append(np.pad(strip, missing))
    sheet = np.rint(np.concatenate(rows) * 255).astype(np.uint8)
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(sheet[..., ::-1]))
    path.write_bytes(encoded.tobytes())


def _busiest(mask: Mask) -> tuple[slice, slice]:
    density = cv2.boxFilter(mask.astype(np.float32), -1, (SHEET_SIDE, SHEET_SIDE), borderType=cv2.BORDER_CONSTANT)
    y, x = np.unravel_index(int(np.argmax(density)), mask.shape)
    top = max(0, min(int(y) - SHEET_SIDE // 2, mask.shape[0] - SHEET_SIDE))
    left = max(0, min(int(x) - SHEET_SIDE // 2, mask.shape[1] - SHEET_SIDE))
    return slice(top, top + SHEET_SIDE), slice(left, left + SHEET_SIDE)


def _hole_psnr(fill: Floats, case: Case) -> float:
    error = float(np.mean((fill[case.mask].astype(np.float64) - case.truth[case.mask]) ** 2))
    return -10 * float(np.log10(max(error, 1e-10)))


def _distance(fill: Floats, case: Case, encoder: Encoder | None) -> float:
    if encoder is None:
        return float("nan")
    with torch.inference_mode():
        a, b = (encoder.features(torch.from_numpy(x.transpose(2, 0, 1)[None].copy())) for x in (fill, case.truth))
        return float(feature_distance(a, b))


def _unit(photo: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | cv2.typing.MatLike) -> Floats:
    return np.asarray(photo, np.float32) / np.float32(255)


def main(arguments: list[str] | None = None) -> None:
    """Measure named weights, or a weights file, on a folder of photos."""
    parser = argparse.ArgumentParser(prog="python -m models.training.measure", description=main.__doc__)
    parser.add_argument("weights")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args(arguments)
    cases = make_cases(Photos(options.photos), options.count)
    fills = fill_cases(load_weights(options.weights), cases)
    if options.sheet:
        write_sheet(options.sheet, cases, fills)
    sys.stdout.write(json.dumps(measure(cases, fills, Encoder(options.encoder) if options.encoder else None)) + "\n")


if __name__ == "__main__":
    main()
