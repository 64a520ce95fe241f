"""Which blocks of two JPEGs differ: without decoding them, because decoded pixels mix with those of their neighbours."""

import numpy as np

from tasks.store.formats.jpeg_coefficients import read
from tasks.store.formats.jpeg_frame import frame, quantisation_tables
from tasks.store.formats.jpeg_segments import segments
from tasks.store.formats.jpeg_splice import touched


def changed_blocks(original: bytes, output: bytes, mask: np.ndarray) -> int:
    """How many blocks without a pixel of `mask` (H, W) bool have other coefficients or other quantisation tables.

    Files of one size and sampling, which ValueError says otherwise. Raises EndsEarly and ImageUnreadable.
    """
    shapes = frame(original), frame(output)
    if shapes[0].components != shapes[1].components or (shapes[0].height, shapes[0].width) != mask.shape:
        raise ValueError("the sampling or the size differs")
    found = [segments(data)[0] for data in (original, output)]
    planes = [read(data, parts, shape) for data, parts, shape in zip((original, output), found, shapes, strict=True)]
    tables = [
        quantisation_tables(data, parts, shape)
        for data, parts, shape in zip((original, output), found, shapes, strict=True)
    ]
    changed = 0
    for index, (before, after) in enumerate(zip(*planes, strict=True)):
        outside = ~touched(mask, shapes[0].pixels(index))
        differs = (before != after).any(axis=2)
        if not np.array_equal(tables[0][index], tables[1][index]):
            differs[:] = True
        changed += int(np.count_nonzero(differs & outside))
    return changed
