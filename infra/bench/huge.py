"""Peak memory and time of restoring one very large scan: thousands of specks, a tear, a scratch; by the real command.

    python infra/bench/huge.py [--kinds tiled,striped,jpeg,png] [--mp 100] [--set KEY=VALUE …]

The scan (shades and texture, noise of a sensor) and its mask are made in a temporary folder, seeded. One
restorer with one thread fills it; its peak resident memory is the largest VmHWM that its process had. `tiled` and `striped`
are 16-bit RGB TIFF with Deflate, `jpeg` and `png` 8-bit RGB. Prints one JSON object; exit code 1 when a TIFF took more than
--max-gib, or when a pixel outside the dilated mask changed where the format keeps all of them.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
from command import child, peaks
from numpy.typing import NDArray

KINDS = {"tiled": ".tif", "striped": ".tif", "jpeg": ".jpg", "png": ".png"}
ASPECT = 1.2  # width over height
SPECKS, SPECK_PX = 2000, 5
TEAR_PX = (3000, 200)  # length, width
SCRATCH_PX = 6
_ROWS = 256


def make_scan(height: int, width: int, seed: int = 1) -> NDArray[np.uint16]:
    """(height, width, 3) uint16: smooth shades and texture, and noise of about 10 bits, as a 16-bit scan has it."""
    rng = np.random.default_rng(seed)
    layers = [(rng.normal(0, sigma, (cells, cells, 3)).astype(np.float32)) for cells, sigma in ((6, 9000), (96, 2500))]
    wide = [cv2.resize(layer, (width, len(layer)), interpolation=cv2.INTER_CUBIC) for layer in layers]
    scan = np.empty((height, width, 3), np.uint16)
    for top in range(0, height, _ROWS):
        rows = min(_ROWS, height - top)
        band = np.full((rows, width, 3), 32768, np.float32)
        for layer in wide:  # linear down the rows: a band needs no others
            at = (np.arange(top, top + rows) + 0.5) / height * (len(layer) - 1)
            low = np.minimum(at.astype(int), len(layer) - 2)
            share = (at - low).astype(np.float32)[:, None, None]
            band += layer[low] * (1 - share) + layer[low + 1] * share
        band += rng.standard_normal(band.shape, np.float32) * 300
        scan[top : top + rows] = np.clip(band, 0, 65535)
    return scan


def make_mask(height: int, width: int, seed: int = 2) -> NDArray[np.uint8]:
    """(height, width) 0 or 255: specks all over, a tear that wanders, and a thin scratch from side to side, whose box is
    a fifth of the scan. Smaller where the scan is.
    """
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(SPECKS):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        cv2.circle(mask, centre, int(rng.integers(1, SPECK_PX + 1)), 255, -1)
    length, thickness = min(TEAR_PX[0], int(0.6 * width)), min(TEAR_PX[1], height // 8)
    steps = 60
    x = (width - length) // 2 + np.linspace(0, length, steps)
    drift = np.cumsum(rng.normal(0, length / 60, steps))
    y = height / 2 + np.clip(drift - drift.mean(), -height / 4, height / 4)
    for number in range(steps - 1):
        ends = [(int(x[i]), int(y[i])) for i in (number, number + 1)]
        cv2.line(mask, *ends, 255, int(thickness * rng.uniform(0.7, 1.0)))
    cv2.line(mask, (0, height // 50), (width, height // 5), 255, SCRATCH_PX)
    return mask


def write_scan(scan: NDArray[np.uint16], kind: str, path: Path) -> None:
    """Write the scan as one of `KINDS`."""
    import pyvips

    deep = kind in ("tiled", "striped")
    pixels = scan if deep else (scan >> 8).astype(np.uint8)
    height, width, channels = pixels.shape
    image = pyvips.Image.new_from_memory(pixels.data, width, height, channels, "ushort" if deep else "uchar")
    image = image.copy(interpretation="rgb16" if deep else "srgb")
    if deep:
        shape = {"tile": True, "tile_width": 256, "tile_height": 256} if kind == "tiled" else {"tile_height": 16}
        image.tiffsave(str(path), compression="deflate", predictor="horizontal", **shape)
    elif kind == "png":
        image.pngsave(str(path), compression=3, filter="paeth")
    else:
        image.jpegsave(str(path), Q=92)


def changed(before: Path, after: Path, mask: NDArray[np.bool_]) -> tuple[float, bool]:
    """The share of pixels that differ, and whether all of them lie in `mask` (H, W)."""
    from tasks.store.image import decode, read_header

    pictures = []
    for path in (before, after):
        data = path.read_bytes()
        pictures.append(decode(data, read_header(data, 1e6)))
        del data
    differs = np.zeros(mask.shape, bool)
    for top in range(0, len(mask), _ROWS):
        rows = slice(top, top + _ROWS)
        differs[rows] = (pictures[0][rows] != pictures[1][rows]).any(axis=2)
    return float(differs.mean()), not (differs & ~mask).any()


def measure(
    root: Path, scan: NDArray[np.uint16], mask: NDArray[np.uint8], kind: str, sets: list[str]
) -> dict[str, Any]:
    """Restore the scan in a child process and say what it took."""
    from tasks.fill.mask import dilate
    from tasks.fill.settings import MaskSettings

    images, masks, sink = (root / kind / name for name in ("images", "masks", "sink"))
    images.mkdir(parents=True)
    masks.mkdir()
    original = images / f"scan{KINDS[kind]}"
    write_scan(scan, kind, original)
    if not cv2.imwrite(str(masks / "scan.png"), mask):
        raise OSError("the mask cannot be written")
    sets = ["runtime.actors=1", "runtime.threads=1", f"limits.max_mp={mask.size / 1e6 + 1:.0f}", *sets]
    options = [option for setting in sets for option in ("--set", setting)]
    command = [sys.executable, "-m", "flows.cli", "restore", str(images), str(masks), "--out", str(sink), *options]
    started = time.perf_counter()
    with child([*command, "--json"], {}) as process, peaks(process.pid, True) as peak_mib:
        out, err = process.communicate()
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{out}\n{err}")
    (row,) = (row for path in (sink / "results").glob("*.parquet") for row in pq.read_table(path).to_pylist())
    hole = dilate(mask > 0, MaskSettings().dilate_px)
    share, inside = changed(original, sink / "images" / original.name, hole)
    return {
        "megabytes": round(original.stat().st_size / 1e6, 1),
        "holes": row["holes"],
        "restorer_gib": round(peak_mib["restorer"] / 1024, 3),
        "driver_gib": round(peak_mib["driver"] / 1024, 3),
        "seconds": round(seconds, 1),
        **{key: round(row[key], 1) for key in ("load_s", "fill_s", "measure_s", "save_s")},
        "masked": round(float(hole.mean()), 5),
        "changed": round(share, 5),
        "known_pixels_kept": inside,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--mp", type=float, default=100, help="megapixels of the scan")
    parser.add_argument("--max-gib", type=float, default=4)
    parser.add_argument("--set", action="append", default=[], help="a setting of the command")
    options = parser.parse_args()
    kinds = options.kinds.split(",")
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"unknown kinds: {', '.join(sorted(unknown))}; known: {', '.join(KINDS)}")
    height = round((options.mp * 1e6 / ASPECT) ** 0.5)
    width = round(height * ASPECT)
    scan, mask = make_scan(height, width), make_mask(height, width)
    found: dict[str, Any] = {"width": width, "height": height}
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="lacuna-huge-") as root:
            found[kind] = measure(Path(root), scan, mask, kind, options.set)
        print(f"{kind}: {json.dumps(found[kind])}", file=sys.stderr)
    # A JPEG keeps coefficients of blocks, not pixels.
    found["ok"] = all(found[kind]["known_pixels_kept"] for kind in kinds if kind != "jpeg") and all(
        found[kind]["restorer_gib"] <= options.max_gib for kind in kinds if KINDS[kind] == ".tif"
    )
    print(json.dumps(found))
    sys.exit(0 if found["ok"] else 1)


if __name__ == "__main__":
    main()
