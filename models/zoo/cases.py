"""How good a method is on held-out crops: against OpenCV, and against the mean of the known pixels; and a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from models.training.data import Floats, random_crop
from models.training.masks import masks_of
from models.training.measure import MIN_MASKED, SHEET_SIDE, Case, measure, write_sheet
from models.training.photos import Pixels
from models.training.settings import DataSettings

SEED = 2018


@dataclass(frozen=True)
class CropCase(Case):
    """A crop (S, S, 3) in [0, 1] with a mask of a kind and OpenCV's fills; mean: the known pixels' mean in the hole."""

    mean: Floats


def crop_cases(photos: Sequence[Pixels], data: DataSettings) -> list[CropCase]:
    """For each kind of `held_out_masks` a crop of each of `held_out_count` photos spread over the set; the same each time.

    Medium and thick masks cover at least 18 % of a crop, none more than `max_masked`. Raises ValueError for a photo that
    cannot be read, and for a kind of mask that does not fit a crop.
    """
    count = min(data.held_out_count, len(photos))
    chosen = np.linspace(0, len(photos) - 1, count).round().astype(int).tolist()
    cases = []
    for kind in data.held_out_masks:
        draw = masks_of({kind: 1}, data.crop_px, MIN_MASKED.get(kind, 0.0), data.max_masked)
        for index in chosen:
            rng = np.random.default_rng([SEED, index])
            truth = random_crop(photos[index], data, rng)
            cases.append(_case(kind, truth, draw(truth.shape[:2], rng)))
    return cases


def measure_crops(cases: Sequence[CropCase], made: Sequence[Floats]) -> dict[str, float]:
    """`models.training.measure.measure` of the composites (PSNR in the hole), and means over each kind's holes of
    `mse` and `dice`, of the fills and of the mean fill (`…_mean_fill`).
    """
    fills = composites(cases, made)
    found = measure(cases, fills, None)
    for kind in dict.fromkeys(case.kind for case in cases):
        chosen = [(case, fill) for case, fill in zip(cases, fills, strict=True) if case.kind == kind]
        for name, pairs in (
            ("", [(fill[case.mask], case.truth[case.mask]) for case, fill in chosen]),
            ("_mean_fill", [(case.mean[case.mask], case.truth[case.mask]) for case, _ in chosen]),
        ):
            found[f"{kind}_mse{name}"] = float(np.mean([np.mean((a - b) ** 2, dtype=np.float64) for a, b in pairs]))
            found[f"{kind}_dice{name}"] = float(np.mean([dice(a, b) for a, b in pairs]))
    return found


def composites(cases: Sequence[Case], made: Sequence[Floats]) -> list[Floats]:
    """Predictions in the holes, the truth elsewhere."""
    return [np.where(case.mask[..., None], fill, case.truth) for case, fill in zip(cases, made, strict=True)]


def dice(a: Floats, b: Floats) -> float:
    """Dice coefficient of intensities, 2·Σ min(a, b) / Σ (a + b), as the benchmark's: 0 to 1, higher is better."""
    total = float(a.sum(dtype=np.float64) + b.sum(dtype=np.float64))
    return 2 * float(np.minimum(a, b).sum(dtype=np.float64)) / total if total else 1.0


def write_crop_sheet(path: Path, cases: Sequence[CropCase], made: Sequence[Floats]) -> None:
    """PNG with a row for some cases: input with a grey hole, mask, fill, truth; small crops are shown larger."""
    factor = max(1, SHEET_SIDE // cases[0].mask.shape[0])

    def larger(image: Floats) -> Floats:
        return image.repeat(factor, 0).repeat(factor, 1)

    shown = [replace(c, truth=larger(c.truth), mask=c.mask.repeat(factor, 0).repeat(factor, 1)) for c in cases]
    write_sheet(path, shown, [larger(fill) for fill in composites(cases, made)])


def _case(kind: str, truth: Floats, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> CropCase:
    pixels = np.asarray(np.rint(truth * 255), np.uint8)
    hole = mask.astype(np.uint8)
    telea, fluid = (
        np.asarray(cv2.inpaint(pixels, hole, 3, how), np.float32) / np.float32(255)
        for how in (cv2.INPAINT_TELEA, cv2.INPAINT_NS)
    )
    mean = np.where(mask[..., None], truth[~mask].mean(0), truth).astype(np.float32)
    return CropCase(kind, truth, mask, telea, fluid, mean)  # type: ignore[arg-type]  # a kind by name
