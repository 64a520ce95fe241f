"""A sheet of pictures to look at: one row for each name, one column for each folder (input, mask, results …).

    python infra/bench/sheet.py OUT.png FOLDER [FOLDER …] [--height 256] [--names a.jpg,b.png]

Names are those of the first folder; in the others a file of the same stem and any suffix is taken.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np


def find(folder: Path, name: Path) -> np.ndarray:
    """The picture of this stem as (H, W, 3) uint8 BGR, or a grey card where there is none."""
    for path in sorted(folder.glob(f"{name.with_suffix('')}.*")) if not any(c in str(name) for c in "[]*?") else []:
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if pixels is not None:
            return pixels
    return np.full((64, 96, 3), 128, np.uint8)


def labelled(pixels: np.ndarray, height: int, label: str) -> np.ndarray:
    """Scaled to the height, with a line of text on top."""
    scale = height / pixels.shape[0]
    size = (max(1, round(pixels.shape[1] * scale)), height)
    shown = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    bar = np.full((20, shown.shape[1], 3), 255, np.uint8)
    cv2.putText(bar, label, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([bar, shown])


def sheet(folders: list[Path], names: list[Path], height: int) -> np.ndarray:
    """All rows under each other, padded with white."""
    rows = [
        np.hstack([labelled(find(folder, name), height, f"{folder.name}/{name.name}"[-40:]) for folder in folders])
        for name in names
    ]
    width = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(row, ((0, 4), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--names", default="")
    args = parser.parse_args()
    found = [p.relative_to(args.folders[0]) for p in sorted(args.folders[0].rglob("*.*"))]
    names = [Path(n) for n in args.names.split(",")] if args.names else found
    cv2.imwrite(str(args.out), sheet(args.folders, names, args.height))
    print(f"{args.out}: {len(names)} rows")


if __name__ == "__main__":
    main()
