"""What the pass `regions` shows the generator and how long it takes, against one crop for each component.

    python infra/bench/passes.py [--specks 500] [--width 4000] [--height 3000] [--sizes 40,…,400] [--repeats 2]

The other side is what IOPaint's strategy "crop" does: a crop of each component's box with 128 px around it, moved inside
the image, one forward each. Both get the same dilated mask and the same lama-small with one thread; they run by turns,
and of each the fastest counts. Time is judged in seconds of this process's CPU: each side takes minutes, in which other
work on the machine comes and goes (two runs, by the clock: 0.21 and 0.06). Specks have radii up to 5 px; single holes
are squares, the worst case for context.
Prints one JSON object; exit code 1 when specks take more than a fifth of the other side's megapixels or seconds, or a
single hole takes more megapixels, or all single holes together take more seconds.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tasks.fill import regions  # noqa: E402 - after the path
from tasks.fill.colour import Plain  # noqa: E402
from tasks.fill.holes import find_holes  # noqa: E402
from tasks.fill.mask import dilate  # noqa: E402
from tasks.fill.passes import Generator  # noqa: E402
from tasks.fill.picture import Picture  # noqa: E402
from tasks.fill.settings import FillSettings, MaskSettings  # noqa: E402

MARGIN_PX = 128
MODULO = 8  # px, as every generator pads
Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class Counted:
    """A generator that counts forwards and megapixels, padding included."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self.forwards, self.megapixels = 0, 0.0

    def fill(self, crops: Sequence[NDArray[np.float32]], masks: Sequence[Mask]) -> list[NDArray[np.float32]]:
        """See `tasks.fill.passes.Generator`."""
        self.forwards += len(crops)
        self.megapixels += sum(np.prod([-(-side // MODULO) * MODULO for side in mask.shape]) for mask in masks) / 1e6
        return self._generator.fill(crops, masks)


def by_regions(image: Image, mask: Mask, generator: Generator, settings: FillSettings) -> Image:
    """The pass, composited."""
    filled = image.copy()
    holes = find_holes(mask, settings.merge_px)
    for hole, made in zip(holes, regions.run(Picture(image, Plain()), mask, holes, generator, settings), strict=True):
        own = made.own(hole)
        filled[made.box][own] = np.rint(made.values[own] * 255)
    return filled


def by_components(image: Image, mask: Mask, generator: Generator) -> Image:
    """One crop for each component, one forward each; a crop pastes all of the mask that it holds."""
    filled = image.copy()
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    for label in range(1, count):
        x, y, w, h = (int(value) for value in stats[label, :4])
        box = _crop(y, h, image.shape[0]), _crop(x, w, image.shape[1])
        hole = np.ascontiguousarray(mask[box])
        made = generator.fill([image[box] / np.float32(255)], [hole])[0]
        filled[box][hole] = np.rint(made[hole] * 255)
    return filled


def _crop(start: int, length: int, limit: int) -> slice:
    """Along one axis: the margin on both sides, moved inside the image."""
    side = min(limit, length + 2 * MARGIN_PX)
    first = min(max(0, start + length // 2 - side // 2), limit - side)
    return slice(first, first + side)


def photograph(height: int, width: int) -> Image:
    """One of scikit-image's pictures at this size, (height, width, 3)."""
    picture = cv2.imread(str(Path(skimage.__file__).parent / "data" / "coffee.png"), cv2.IMREAD_COLOR)
    return np.asarray(cv2.resize(np.asarray(picture), (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def specks(height: int, width: int, count: int, seed: int = 5) -> Mask:
    """`count` discs of radius 1 to 5 px at random places, dilated: (height, width)."""
    rng, mask = np.random.default_rng(seed), np.zeros((height, width), np.uint8)
    for _ in range(count):
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        cv2.circle(mask, centre, int(rng.integers(1, 6)), (1,), -1)
    return dilate(mask.astype(bool), MaskSettings().dilate_px)


def square(height: int, width: int, size: int) -> Mask:
    """A square hole of `size` px in the middle, dilation included: (height, width)."""
    mask = np.zeros((height, width), bool)
    top, left = (height - size) // 2, (width - size) // 2
    mask[top : top + size, left : left + size] = True
    return mask


def compared(image: Image, mask: Mask, generator: Generator, settings: FillSettings, repeats: int) -> dict[str, Any]:
    """Forwards, megapixels and seconds of both sides, and the ratios."""
    sides: dict[str, Callable[[Generator], Image]] = {
        "regions": lambda g: by_regions(image, mask, g, settings),
        "components": lambda g: by_components(image, mask, g),
    }
    found: dict[str, Any] = {side: {"seconds": float("inf"), "cpu_seconds": float("inf")} for side in sides}
    for _ in range(repeats):
        for side, run in sides.items():
            counted, began, began_cpu = Counted(generator), time.perf_counter(), time.process_time()
            run(counted)
            seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
            found[side] = {
                "forwards": counted.forwards,
                "megapixels": round(counted.megapixels, 3),
                "seconds": round(min(found[side]["seconds"], seconds), 4),
                "cpu_seconds": round(min(found[side]["cpu_seconds"], cpu_seconds), 4),
            }
    for what in ("megapixels", "seconds", "cpu_seconds"):
        found[f"{what}_ratio"] = round(found["regions"][what] / max(found["components"][what], 1e-4), 3)
    return found


def main() -> None:
    """Command line."""
    from models.engine import Engine

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--specks", type=int, default=500)
    parser.add_argument("--width", type=int, default=4000)
    parser.add_argument("--height", type=int, default=3000)
    parser.add_argument("--sizes", default="40,64,100,150,200,256,320,400")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--target", type=float, default=0.2, help="of specks: megapixels and CPU seconds")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    generator, settings = Engine("lama-small", threads=1), FillSettings()
    sizes = [int(size) for size in options.sizes.split(",")]
    image = photograph(options.height, options.width)
    generator.fill([np.zeros((64, 64, 3), np.float32)], [np.ones((64, 64), bool)])  # what only the first call pays
    many = compared(image, specks(*image.shape[:2], options.specks), generator, settings, options.repeats)
    one = {
        size: compared(image, square(*image.shape[:2], size), generator, settings, options.repeats) for size in sizes
    }
    seconds = [sum(found[side]["cpu_seconds"] for found in one.values()) for side in ("regions", "components")]
    report = {
        "specks": many,
        "single": one,
        "single_cpu_seconds_ratio": round(seconds[0] / seconds[1], 3),
        "ok": max(many["megapixels_ratio"], many["cpu_seconds_ratio"]) <= options.target
        and max(found["megapixels_ratio"] for found in one.values()) <= 1
        and seconds[0] <= seconds[1],
    }
    print(json.dumps(report))
    sys.exit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
