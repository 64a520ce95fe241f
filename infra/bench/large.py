"""Large photos, holes of their size: ways to fill against `whole`, whose truth is known.

    python infra/bench/large.py FOLDER --encoder FILE --out DIR [--methods balanced,regions,…] [--count 12] [--sheet FILE.png]

Of each JPEG of at least --min-mp megapixels below FOLDER a window of at most --max-side pixels is damaged by LaMa's masks
(`--masks`), drawn at 512 px and scaled up with the photo, and filled by each method: `whole`, another pass, a list of passes
(`whole+regions`), or a recipe. Over the hole: PSNR; feature distance of windows of 256 px at native resolution, where an
upscaled thumbnail shows; sharpness (gradient of the hole over that of its ring); seconds. A row for each fill is
appended to DIR/rows.jsonl, and the same command goes on where it was stopped: begin another DIR after a change of code.
Prints one JSON object; exit code 1 when `balanced` misses its targets against `whole`, or `refine` its own against
`multiscale`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from large_cases import Case, Photo, large_photos, make_case
from large_report import summary, targets, window_of, write_sheet
from numpy.typing import NDArray

from flows.settings import compose, recipe_names
from tasks.correct.corrections import chosen
from tasks.correct.settings import CorrectSettings
from tasks.fill.fill import fill_image
from tasks.fill.passes import PASSES
from tasks.fill.picture import Picture, plain_picture
from tasks.fill.settings import FillSettings, MaskSettings
from tasks.judge.scene import scene_of
from tasks.judge.texture import sharpness_ratio
from tasks.judge.truth import psnr
from tasks.publish.provenance import code_version

if TYPE_CHECKING:
    from tasks.fill.fill import Filled
    from tasks.judge.feature import FeatureDistance

Bool = NDArray[np.bool_]
Float = NDArray[np.float32]
TILE_PX, TILES = 256, 24
EXACT = MaskSettings(dilate_px=0, feather_px=0)
ERASED = 127  # what the methods find in the hole


@dataclass(frozen=True)
class Method:
    """A way to fill, and its name on the command line."""

    name: str
    fill: FillSettings
    correct: CorrectSettings


class Counting:
    """A generator that counts the megapixels that it is shown. See `tasks.fill.passes.Refining`."""

    def __init__(self, model: str, threads: int | None) -> None:
        from models.refiner import RefiningEngine

        self._engine, self.megapixels = RefiningEngine(model, threads=threads), 0.0

    def fill(self, crops: Sequence[Float], masks: Sequence[Bool]) -> list[Float]:
        """Counted once."""
        self.megapixels += sum(mask.size for mask in masks) / 1e6
        return self._engine.fill(crops, masks)

    def refine(self, crops: Sequence[Float], masks: Sequence[Bool], guides: Sequence[Float], steps: int) -> list[Float]:
        """Counted once for each step there and back, and for the result."""
        self.megapixels += (2 * steps + 1) * sum(mask.size for mask in masks) / 1e6
        return self._engine.refine(crops, masks, guides, steps)


def method_of(name: str) -> Method:
    """A recipe, or passes joined by `+`. Raises ValueError with what there is."""
    if name in recipe_names():
        settings = compose(name)
        return Method(name, settings.fill, settings.correct)
    passes = tuple(name.split("+"))
    if unknown := ", ".join(each for each in passes if each not in PASSES):
        raise ValueError(f"{unknown}: neither a recipe ({', '.join(recipe_names())}) nor a pass ({', '.join(PASSES)})")
    return Method(name, FillSettings(passes=passes), CorrectSettings(steps=()))


def fill_case(case: Case, method: Method, generator: Counting) -> Filled:
    """What is in the hole is not the truth when a method gets it."""
    damaged = np.where(case.mask[..., None], np.uint8(ERASED), case.truth)
    corrections = chosen(method.correct)
    return fill_image(damaged, case.mask, generator, EXACT, method.fill, None, True, corrections, in_place=True)


def measured(case: Case, filled: Filled, encoder: FeatureDistance) -> dict[str, float]:
    """Over the hole: PSNR in dB, feature distance of tiles, sharpness of the fill and of the truth."""
    pixels = filled.pixels.astype(np.uint8, copy=False)
    off = pixels[case.mask].astype(np.float64) - case.truth[case.mask]
    distances, shares = [], []
    for tile in tiles(case.mask):
        a, b = (np.ascontiguousarray(p[tile]).astype(np.float32) / np.float32(255) for p in (pixels, case.truth))
        distances.append(encoder(a, b))
        shares.append(float(case.mask[tile].mean()))
    return {
        "psnr": psnr(float((off**2).mean()) / 255**2),
        "feature": float(np.sum(distances) / np.sum(shares)),
        "sharpness": _sharpness(pixels, case.mask, filled),
        "sharpness_truth": _sharpness(case.truth, case.mask, filled),
    }


def tiles(mask: Bool) -> list[tuple[slice, slice]]:
    """At most TILES windows of TILE_PX on a grid, those with a hole, spread evenly by place."""
    height, width = mask.shape
    grid = [
        (slice(y, y + TILE_PX), slice(x, x + TILE_PX))
        for y in range(0, max(1, height - TILE_PX + 1), TILE_PX)
        for x in range(0, max(1, width - TILE_PX + 1), TILE_PX)
    ]
    holed = [tile for tile in grid if mask[tile].mean() > 0.05]
    return [holed[int(i)] for i in np.linspace(0, len(holed) - 1, min(TILES, len(holed))).round()]


def _sharpness(pixels: Photo, mask: Bool, filled: Filled) -> float:
    """Geometric mean over the holes, by area."""
    picture: Picture = plain_picture(pixels, mask)
    found = [(sharpness_ratio(scene_of(picture, mask, done.hole)), done.hole.area) for done in filled.holes]
    known = [(np.log(max(ratio, 1e-3)), area) for ratio, area in found if np.isfinite(ratio)]
    return float(np.exp(np.average([r for r, _ in known], weights=[a for _, a in known]))) if known else float("nan")


class Bench:
    """Fills cases by methods and measures them; rows that a former call made are kept."""

    def __init__(self, out: Path, setting: list[Any], generator: Counting, encoder: FeatureDistance) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self._out, self._file, self._setting = out, out / "rows.jsonl", setting
        self._generator, self._encoder = generator, encoder
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        self.rows: list[dict[str, Any]] = [row for row in map(json.loads, lines) if row["setting"] == setting]

    def has(self, case: str, method: str) -> bool:
        """Is there a row?"""
        return any((row["case"], row["method"]) == (case, method) for row in self.rows)

    def measure(self, case: Case, method: Method) -> None:
        """Add a row, and what the sheet shows."""
        before, cpu, shown = time.perf_counter(), time.process_time(), self._generator.megapixels
        filled = fill_case(case, method, self._generator)
        row = {"seconds": time.perf_counter() - before, "cpu_s": time.process_time() - cpu}
        row |= {"generator_mp": self._generator.megapixels - shown, **measured(case, filled, self._encoder)}
        row = {key: round(value, 5) for key, value in row.items()}
        facts = {"mp": case.mask.size / 1e6, "masked": float(case.mask.mean())}
        named = {"case": case.name, "kind": case.kind, "method": method.name}
        self.rows.append({**named, "setting": self._setting, "code": code_version(), **facts, **row})
        window_of(case.mask).save_fill(self._out, case.name, method.name, filled.pixels)
        with self._file.open("a") as file:
            file.write(json.dumps(self.rows[-1]) + "\n")

    def run(self, cases: Iterator[Case], count: int, methods: Sequence[Method]) -> list[str]:
        """All that is left; the names of the cases."""
        started, made, names = time.perf_counter(), 0, []
        for number, case in enumerate(cases, 1):
            names.append(case.name)
            window_of(case.mask).save(self._out, case.name, case.truth, case.mask)
            for method in methods:
                if not self.has(case.name, method.name):
                    self.measure(case, method)
                    made += 1
                    row = self.rows[-1]
                    said = ", ".join(f"{key} {row[key]:.3f}" for key in ("psnr", "feature", "sharpness", "seconds"))
                    print(f"{number}/{count} {case.name} {method.name}: {said}", file=sys.stderr)
            eta = (time.perf_counter() - started) * (count / number - 1)
            print(
                f"{number}/{count} done, {eta:.0f} s to go" if made else f"{number}/{count} was done", file=sys.stderr
            )
        return names


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("folder", type=Path)
    found.add_argument("--encoder", type=Path, required=True, help="weights of the feature network")
    found.add_argument("--out", type=Path, required=True)
    found.add_argument("--methods", default="whole,multiscale,balanced", help="`whole` is always among them")
    found.add_argument("--masks", default="medium,thick")
    found.add_argument("--model", default="lama-small")
    found.add_argument("--count", type=int, default=12)
    found.add_argument("--min-mp", type=float, default=6)
    found.add_argument("--only", default="", help="photos with this in their path, where a folder holds drawings too")
    found.add_argument("--max-side", type=int, default=3072, help="of the window that is taken from a photo, pixels")
    found.add_argument("--seed", type=int, default=0)
    found.add_argument("--threads", type=int)
    found.add_argument("--sheet", type=Path)
    return found


def main() -> None:
    """Command line."""
    from tasks.judge.feature import FeatureDistance

    options = parser().parse_args()
    names = list(dict.fromkeys(["whole", *options.methods.split(",")]))
    try:
        methods = [method_of(name) for name in names]
    except ValueError as error:
        parser().error(str(error))
    setting = [options.model, options.max_side, options.seed, options.encoder.name]
    generator, encoder = Counting(options.model, options.threads), FeatureDistance(options.encoder)
    bench = Bench(options.out, setting, generator, encoder)
    photos = large_photos(options.folder, options.count, options.min_mp, options.only)
    work = [(path, kind) for path in photos for kind in options.masks.split(",")]
    cases = (make_case(path, path.relative_to(options.folder).as_posix(), kind, *setting[1:3]) for path, kind in work)
    done = bench.run(cases, len(work), methods)
    rows = [row for row in bench.rows if row["case"] in done and row["method"] in names]
    if options.sheet:
        write_sheet(options.sheet, options.out, done, names)
    missed = targets(rows)
    print(json.dumps({"photos": len(photos), "cases": len(done), **summary(rows), "missed": missed, "ok": not missed}))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
