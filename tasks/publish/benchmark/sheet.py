"""The contact sheet: the same crops, as every method fills them, side by side."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.publish.benchmark.crops import INPUT, SIDE_PX, TRUTH, crop_path
from tasks.store.objects import Store

TITLE_PX = 22
GAP_PX = 4
QUALITY = 90
FONT_SCALE = 0.45

Pixels = NDArray[np.uint8]


def contact_sheet(store: Store, seed: int, cases: Sequence[tuple[str, str]], methods: Sequence[str]) -> bytes | None:
    """A JPEG: a row for each case, a column for the input, each method and the truth, at the photos' own scale.

    cases: (kind of mask, SHA-256 of the photo) each. What a method has no crop of stays white. None without any crop.
    """
    columns = [INPUT, *methods, TRUTH]
    rows = [[_crop(store, crop_path(seed, kind, sha256, name)) for name in columns] for kind, sha256 in cases]
    kept = [(kind, row) for (kind, _), row in zip(cases, rows, strict=True) if any(part is not None for part in row)]
    if not kept:
        return None
    strips = [
        _strip([_titled(part, name) for part, name in zip(row, _titles(kind, columns), strict=True)])
        for kind, row in kept
    ]
    _, data = cv2.imencode(".jpg", np.vstack(strips)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()


def _titles(kind: str, columns: Sequence[str]) -> list[str]:
    return [f"{kind}: {name}" if name == INPUT else name for name in columns]


def _strip(parts: Sequence[Pixels]) -> Pixels:
    gap = np.full((parts[0].shape[0], GAP_PX, 3), 255, np.uint8)
    return np.hstack([column for part in parts for column in (part, gap)])


def _titled(part: Pixels | None, title: str) -> Pixels:
    tile = np.full((SIDE_PX + TITLE_PX + GAP_PX, SIDE_PX, 3), 255, np.uint8)
    if part is not None:
        tile[TITLE_PX : TITLE_PX + part.shape[0], : part.shape[1]] = part
    text = title.encode("ascii", "replace").decode()[-32:]  # OpenCV's letters
    cv2.putText(tile, text, (3, 15), cv2.FONT_HERSHEY_SIMPLEX, FONT_SCALE, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def _crop(store: Store, path: str) -> Pixels | None:
    try:
        data = store.read(path)
    except FileNotFoundError:
        return None
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))[:, :, ::-1]
