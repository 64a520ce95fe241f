"""How good a generator is on photos it never saw, against OpenCV's Telea and Navier–Stokes; and a sheet to look at.

`python -m models.training.measure WEIGHTS PHOTOS [--encoder FILE] [--count N] [--masks KINDS] [--sheet FILE.png]`
prints one JSON object.
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
from models.training.data import Floats
from models.training.features import Features, feature_network
from models.training.loss_settings import EncoderSettings
from models.training.losses import feature_distance
from models.training.masks import Kind, masks_of
from models.training.photos import Photos
from models.training.shapes import Mask
from models.weights import Weights, load_weights

SHEET_SIDE = 256
SHEET_ROWS = 8
MIN_MASKED = {"medium": 0.18, "thick": 0.18}  # of a photo: below, every method looks the same


@dataclass(frozen=True)
class Case:
    """A photo (H, W, 3) in [0, 1], a mask of this kind, and OpenCV's two fills of it."""

    kind: Kind
    truth: Floats
    mask: Mask
    telea: Floats
    navier_stokes: Floats


def make_cases(photos: Photos, count: int, kinds: Sequence[Kind] = ("medium",), seed: int = 0) -> list[Case]:
    """`count` photos spread over the set, each with a mask of each kind (medium and thick: over 18 % to 50 %)."""
    cases = []
    for kind in kinds:
        for index in np.linspace(0, len(photos) - 1, min(count, len(photos))).round().astype(int):
            photo = photos[int(index)]
            draw = masks_of({kind: 1}, max(photo.shape[:2]), MIN_MASKED.get(kind, 0.0), 0.5)
            mask = draw(photo.shape[:2], np.random.default_rng([seed, int(index)]))
            hole = mask.astype(np.uint8)
            telea, fluid = (_unit(cv2.inpaint(photo, hole, 3, how)) for how in (cv2.INPAINT_TELEA, cv2.INPAINT_NS))
            cases.append(Case(kind, _unit(photo), mask, telea, fluid))
    return cases


def fill_cases(weights: Weights, cases: Sequence[Case]) -> list[Floats]:
    """Composited fills, at the photos' own size."""
    engine = Engine(weights)
    made = engine.fill([case.truth for case in cases], [case.mask for case in cases])
    return [np.where(case.mask[..., None], fill, case.truth) for case, fill in zip(cases, made, strict=True)]


def measure(
    cases: Sequence[Case], fills: Sequence[Floats], encoder: Features | None, device: torch.device | str = "cpu"
) -> dict[str, float]:
    """Means over the cases of each kind: PSNR in the hole (dB) and, with an encoder, feature distance, of the fills and
    of OpenCV's.

    Keys are `<kind>_<what>`; `psnr_gain` is against the better of Telea and Navier–Stokes, `feature_ratio` is what
    remains of Telea's distance. device: where the encoder lies.
    """
    found: dict[str, float] = {}
    for kind in dict.fromkeys(case.kind for case in cases):
        chosen = [(case, fill) for case, fill in zip(cases, fills, strict=True) if case.kind == kind]
        means = {
            "psnr": float(np.mean([_hole_psnr(fill, case) for case, fill in chosen])),
            "psnr_telea": float(np.mean([_hole_psnr(case.telea, case) for case, _ in chosen])),
            "psnr_navier_stokes": float(np.mean([_hole_psnr(case.navier_stokes, case) for case, _ in chosen])),
        }
        means["psnr_gain"] = means["psnr"] - max(means["psnr_telea"], means["psnr_navier_stokes"])
        if encoder is not None:
            means["feature"] = float(np.mean([_distance(fill, case, encoder, device) for case, fill in chosen]))
            means["feature_telea"] = float(np.mean([_distance(c.telea, c, encoder, device) for c, _ in chosen]))
            means["feature_ratio"] = means["feature"] / max(means["feature_telea"], 1e-12)
        found |= {f"{kind}_{key}": round(value, 4) for key, value in means.items()}
    return found


def write_sheet(path: Path, cases: Sequence[Case], fills: Sequence[Floats]) -> None:
    """PNG with a row per case: input with a grey hole, mask, fill, truth; the 256 px with most of the hole."""
    rows = []
    shown_cases = np.linspace(0, len(cases) - 1, min(SHEET_ROWS, len(cases))).round().astype(int)
    for case, fill in ((cases[i], fills[i]) for i in shown_cases):
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


def _distance(fill: Floats, case: Case, encoder: Features, device: torch.device | str) -> float:
    with torch.inference_mode():
        pictures = (torch.from_numpy(x.transpose(2, 0, 1)[None].copy()).to(device) for x in (fill, case.truth))
        a, b = (encoder.features(picture) for picture in pictures)
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
    parser.add_argument("--masks", default="medium,scratches", help="kinds, separated by commas")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args(arguments)
    cases = make_cases(Photos(options.photos), options.count, options.masks.split(","))
    fills = fill_cases(load_weights(options.weights), cases)
    if options.sheet:
        write_sheet(options.sheet, cases, fills)
    encoder = feature_network(EncoderSettings(weights=options.encoder)) if options.encoder else None
    sys.stdout.write(json.dumps(measure(cases, fills, encoder)) + "\n")


if __name__ == "__main__":
    main()
