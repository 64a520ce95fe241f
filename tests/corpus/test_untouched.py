"""The same file but for the hole: every kind of picture, any mask, read back by libraries that did not write it."""

from pathlib import Path

import jpeglib
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.fill.mask import dilate
from tasks.fill.settings import MaskSettings
from tests.corpus.kinds import SIZE, Kind, kinds
from tests.support import encoded, spots
from tests.tasks.run.test_item import FakeGenerator, Place

Plane = tuple[NDArray[np.int16], int, int]

KINDS = {kind.name: kind for kind in kinds()}
MASKS = {
    "two spots": lambda: spots(*SIZE, 5),
    "many specks": lambda: (np.random.default_rng(9).random(SIZE) > 0.995).astype(np.uint8) * 255,
    "a border": lambda: np.pad(np.zeros((SIZE[0] - 9, SIZE[1] - 9), np.uint8), ((9, 0), (0, 9)), constant_values=255),
    "most of it": lambda: np.pad(np.zeros((8, 8), np.uint8), ((40, 27), (30, 64)), constant_values=255),
}


def restored(kind: Kind, mask: NDArray[np.uint8], root: Path, **override: object) -> tuple[bytes, dict[str, object]]:
    place = Place(root)
    generator = FakeGenerator(lambda crop, hole: np.full_like(crop, 0.4))
    bench = place.bench(generator, override or None)
    outcome = place.restore(kind.data, encoded(mask, ".png"), bench=bench)
    assert outcome.row["status"] == "ok", outcome.row["message"]
    assert outcome.row["output_bytes"] == len(place.output(outcome))
    return place.output(outcome), outcome.row


@pytest.mark.parametrize("shape", MASKS)
@pytest.mark.parametrize("name", KINDS)
def test_only_the_hole_differs(name: str, shape: str, tmp_path: Path) -> None:
    kind, mask = KINDS[name], MASKS[shape]()
    result, row = restored(kind, mask, tmp_path)
    dilated = dilate(mask >= 128, MaskSettings().dilate_px)
    before, after = kind.read(kind.data), kind.read(result)
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    if name.startswith("jpeg"):
        assert_same_blocks(*(coefficients(data, tmp_path / "a.jpg") for data in (kind.data, result)), dilated)
    else:
        assert before[~dilated].tobytes() == after[~dilated].tobytes()
        colours = before.shape[2] - kind.alpha if before.ndim == 3 else None
        if kind.alpha:
            np.testing.assert_array_equal(before[..., colours:], after[..., colours:])
    assert not np.array_equal(before[mask >= 128], after[mask >= 128], equal_nan=before.dtype.kind == "f")
    assert kind.container(result) == kind.container(kind.data)
    assert row["format"] == name.split(maxsplit=1)[0]


def assert_same_blocks(old: list[Plane], new: list[Plane], mask: NDArray[np.bool_]) -> None:
    """Coefficients of blocks without a masked pixel are equal."""
    assert len(old) == len(new)
    ys, xs = np.nonzero(mask)
    for (was, down, across), (now, _, _) in zip(old, new, strict=True):
        assert was.shape == now.shape
        touched = np.zeros(was.shape[:2], dtype=bool)
        touched[ys // (8 * down), xs // (8 * across)] = True
        assert touched.any() and (was[~touched] == now[~touched]).all()


def coefficients(data: bytes, file: Path) -> list[Plane]:
    """Of each component (rows, columns, 8, 8), and how many pixels one of its samples covers, down and across."""
    file.write_bytes(data)
    image = jpeglib.read_dct(str(file))
    planes = [plane for plane in (image.Y, image.Cb, image.Cr, image.K) if plane is not None]
    factors = [(int(pair[0]), int(pair[1])) for pair in image.samp_factor]
    most = [max(pair[axis] for pair in factors) for axis in (0, 1)]
    return [(p, most[0] // f[0], most[1] // f[1]) for p, f in zip(planes, factors, strict=True)]
