"""How long corrections take: CPU seconds per megapixel of hole, and the search for blocks by the size of what is searched.

    python infra/bench/correct.py [--sides 256,512,1024] [--hole 160]

Textured pictures made by code, seeded; the hole is blurred and off in colour, as a generator's fill is. CPU time, so that
other work on the machine hardly counts. Prints one JSON object; exit code 1 when the search grows faster than 1.5 × n log n
in the pixels n.
"""

import argparse
import itertools
import json
import math
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.correct.blocks.grid import scene_of
from tasks.correct.blocks.search import Likeness, search
from tasks.correct.corrections import CORRECTIONS, chosen
from tasks.correct.settings import CorrectSettings
from tasks.fill.correction import Window

MOST = 1.5
BLOCK_PX = 8  # the smaller, the less a scene may be scaled down to be searched
BLOCKS = 32
SHIFT = 0.06


def scene(side: int, hole: int) -> Window:
    """A picture of `side`² pixels around a square hole of `hole`², blurred and paler."""
    noise = np.random.default_rng([side, hole]).normal(size=(side, side, 3)).astype(np.float32)
    picture = cv2.GaussianBlur(noise, (0, 0), 1.5) + 2 * cv2.GaussianBlur(noise, (0, 0), 12)
    picture = np.clip(0.5 + 0.15 * picture / picture.std(), 0, 1).astype(np.float32)
    own = np.zeros((side, side), dtype=bool)
    start = (side - hole) // 2
    own[start : start + hole, start : start + hole] = True
    fill = np.where(own[:, :, None], cv2.GaussianBlur(picture, (0, 0), 2.5) + SHIFT, picture).astype(np.float32)
    return Window(fill, np.where(own[:, :, None], 0, picture).astype(np.float32), ~own, own)


def fastest(work: Callable[[], object], times: int) -> float:
    """CPU seconds of the fastest of some runs; the first, which warms up, does not count."""
    found = []
    for _ in range(times + 1):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found[1:])


def per_megapixel(name: str, hole: int, times: int = 1) -> float:
    """CPU seconds per megapixel of hole, with the surroundings that the correction asks for."""
    correct = chosen(CorrectSettings(steps=(name,)))[name]
    window = scene(hole + 2 * correct.reach.px(hole * hole), hole)
    return fastest(lambda: correct(window), times) / (hole * hole / 1e6)


def searched(side: int, times: int = 3) -> float:
    """CPU seconds to search a scene of `side`² pixels for the likes of a fixed number of blocks."""
    window = scene(side, 96)
    made = scene_of(window.shown, window.known, window.own, BLOCK_PX + 1)
    rows = np.linspace(0, 80, BLOCKS).astype(int) + (side - 96) // 2
    corners: NDArray[np.int64] = np.stack([rows, rows], axis=1) + made.margin
    return fastest(lambda: search(made, corners, BLOCK_PX, 8, Likeness(0.1, 0.1)), times)


def growth(sides: list[int], seconds: list[float]) -> float:
    """The worst of what the seconds grow by over what n log n does, between neighbouring sizes."""
    costs = [side * side * math.log(side * side) for side in sides]
    pairs = list(zip(costs, seconds, strict=True))
    return max((b[1] / a[1]) / (b[0] / a[0]) for a, b in itertools.pairwise(pairs))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", default="256,512,1024")
    parser.add_argument("--hole", type=int, default=160)
    options = parser.parse_args()
    sides = [int(side) for side in options.sides.split(",")]
    seconds = [searched(side) for side in sides]
    grown = growth(sides, seconds)
    report = {
        "seconds_per_mp_of_hole": {name: round(per_megapixel(name, options.hole), 1) for name in CORRECTIONS},
        "search_s": {str(side): round(took, 3) for side, took in zip(sides, seconds, strict=True)},
        "search_growth_over_n_log_n": round(grown, 2),
        "ok": grown <= MOST,
    }
    print(json.dumps(report))
    sys.exit(int(grown > MOST))


if __name__ == "__main__":
    main()
