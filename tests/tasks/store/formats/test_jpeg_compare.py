import io

import numpy as np
import pytest
from PIL import Image

from tasks.store.formats.jpeg_compare import changed_blocks
from tasks.store.image import decode, encode, read_header
from tests.support import photo

SIZE = (75, 102)


def coded(quality: int = 90, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(photo(*SIZE, 4)).save(file, "jpeg", quality=quality, **options)
    return file.getvalue()


@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_a_splice_changes_no_block_outside_its_mask_and_what_goes_further_is_seen(sampling: int, seed: int) -> None:
    original = coded(subsampling=sampling, progressive=seed == 1)
    rng = np.random.default_rng(seed)
    mask = np.zeros(SIZE, dtype=bool)
    y, x = rng.integers(0, 60), rng.integers(0, 80)
    mask[y : y + 9, x : x + 12] = True
    pixels = decode(original, read_header(original, 1)).copy()
    pixels[mask] = 255 - pixels[mask]
    output = encode(pixels, original, mask).data
    assert changed_blocks(original, output, mask) == 0
    assert changed_blocks(original, output, np.zeros_like(mask)) > 0
    pixels[~mask] ^= 64
    wider = encode(pixels, original, np.ones_like(mask)).data
    assert changed_blocks(original, wider, mask) > 0


def test_other_tables_change_every_block_outside() -> None:
    mask = np.zeros(SIZE, dtype=bool)
    blocks = -(-SIZE[0] // 8) * -(-SIZE[1] // 8)
    assert changed_blocks(coded(90, subsampling=0), coded(80, subsampling=0), mask) == 3 * blocks


def test_files_that_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="sampling"):
        changed_blocks(coded(subsampling=0), coded(subsampling=2), np.zeros(SIZE, dtype=bool))
    with pytest.raises(ValueError, match="size"):
        changed_blocks(coded(), coded(), np.zeros((8, 8), dtype=bool))
