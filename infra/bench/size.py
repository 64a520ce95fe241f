"""How large filled JPEGs come back: spliced, encoded anew, and as the PNG that other tools write.

    python infra/bench/size.py FOLDER [FOLDER …] [--limit 100]

Each JPEG gets seeded strokes and specks, is filled by `lama-small`, and written three ways. Prints one JSON object; exit
code 1 when a spliced file is larger than 1.2 × its original.
"""

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from photos import damage

WORST = 1.2


def jpegs(folders: list[Path], limit: int) -> list[Path]:
    """JPEG files of the folders, in the folders' order and then by name."""
    found = [p for folder in folders for p in sorted(folder.rglob("*")) if p.suffix.lower() in (".jpg", ".jpeg")]
    return [path for path in found if path.is_file() and not path.is_symlink()][:limit]


def png(pixels: np.ndarray) -> bytes:
    """(H, W, 1 or 3) uint8 as OpenCV writes it."""
    return cv2.imencode(".png", np.ascontiguousarray(pixels[:, :, ::-1]))[1].tobytes()


def main() -> None:
    """Command line."""
    from models.engine import Engine
    from tasks.fill.fill import fill_image
    from tasks.store.colour import colour_of
    from tasks.store.image import decode, encode, icc, read_header
    from tasks.store.settings import OutputSettings

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=100)
    args = parser.parse_args()
    engine, rng = Engine("lama-small"), np.random.default_rng(7)
    written: dict[str, list[int]] = {"original": [], "spliced": [], "anew": [], "png": []}
    seconds = dict.fromkeys(written, 0.0)
    masked = []
    for path in jpegs(args.folders, args.limit):
        data = path.read_bytes()
        header = read_header(data, 200)
        pixels = decode(data, header)
        core = damage(header.height, header.width, rng) > 0
        colour, _ = colour_of(icc(data), header, pixels)
        filled = fill_image(pixels, core, engine, colour=colour, dither=False)
        masked.append(float(filled.mask.mean()))

        def coded(filled=filled, data=data, colour=colour, splice: bool = True) -> bytes:  # type: ignore[no-untyped-def]
            return encode(filled.pixels, data, filled.mask, OutputSettings(jpeg_splice=splice), colour).data

        ways = {
            "original": partial(bytes, data),
            "spliced": coded,
            "anew": partial(coded, splice=False),
            "png": partial(png, filled.pixels),
        }
        for way, code in ways.items():
            started = time.perf_counter()
            written[way].append(len(code()))
            seconds[way] += time.perf_counter() - started
        ratios = (f"{way} {sizes[-1] / len(data):.3f}" for way, sizes in written.items() if way != "original")
        print(f"{path.name}: {', '.join(ratios)}", file=sys.stderr)
    original = np.array(written.pop("original"))
    worst = max(np.array(written["spliced"]) / original)
    report = {
        "files": len(original),
        "megabytes": round(float(original.sum()) / 1e6, 1),
        "masked": round(float(np.mean(masked)), 4),
        "ratio": {way: round(sum(sizes) / int(original.sum()), 3) for way, sizes in written.items()},
        "worst_spliced": round(float(worst), 3),
        "seconds": {way: round(took, 1) for way, took in seconds.items() if way != "original"},
    }
    print(json.dumps(report))
    sys.exit(int(worst > WORST))


if __name__ == "__main__":
    main()
