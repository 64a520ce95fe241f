import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.store.formats import jpeg_encode
from tasks.store.formats.jpeg_frame import Component, Frame
from tasks.store.formats.jpeg_scans import Scan, complete, plain
from tests.tasks.store.formats.jpegs import coefficients, decoded, segment

SAMPLINGS = (
    [(1, 1)],
    [(2, 2)],
    [(1, 1)] * 3,
    [(2, 2), (1, 1), (1, 1)],
    [(2, 1), (1, 1), (1, 1)],
    [(1, 1), (2, 2), (2, 1)],
)
SAMPLINGS += ([(4, 1), (1, 1), (2, 1)], [(1, 2), (1, 1), (1, 1), (1, 2)], [(1, 1)] * 4)


def progression(draw: st.DrawFn, components: int) -> list[Scan]:
    """A random script: bands, bits, interleaved DC or not."""
    every = tuple(range(components))
    groups = draw(st.sampled_from(([every], [(i,) for i in every])))
    tables = {i: min(i, 1) for i in every}
    listed = []

    def scans(part: tuple[int, ...], first: int, last: int) -> None:
        low = draw(st.integers(0, 3))
        steps = [(0, low), *((bit, bit - 1) for bit in range(low, 0, -1))]
        numbers = tuple(tables[i] for i in part)
        listed.extend(Scan(part, numbers, numbers, first, last, *step) for step in steps)

    for group in groups:
        scans(group, 0, 0)
    for index in draw(st.permutations(every)):
        cut = draw(st.integers(1, 63))
        for first, last in ((1, cut), (cut + 1, 63)):
            if first <= last:
                scans((index,), first, last)
    return listed


@st.composite
def pictures(draw: st.DrawFn) -> tuple[Frame, list[np.ndarray], list[Scan], int]:
    """Frame, coefficients, scans, restart interval."""
    sampling = draw(st.sampled_from(SAMPLINGS))
    parts = tuple(Component(i + 1, h, v, 0) for i, (h, v) in enumerate(sampling))
    advances = draw(st.booleans())
    shape = Frame(0xC2 if advances else 0xC0, 8, draw(st.integers(1, 60)), draw(st.integers(1, 60)), parts)
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    density = draw(st.sampled_from((0, 0.02, 0.2, 1)))
    planes = []
    for index in range(len(parts)):
        values = rng.laplace(0, draw(st.sampled_from((1, 60))), (*shape.blocks(index), 64)).clip(-1023, 1023)
        planes.append((values * (rng.random(values.shape) < density)).astype(np.int16))
    restart = draw(st.sampled_from((0, 0, 1, 3)))
    script = progression(draw, len(parts)) if advances else plain(shape)
    if not advances and draw(st.booleans()):
        script = [Scan((i,), (0,), (1,)) for i in draw(st.permutations(range(len(parts))))]
    return shape, planes, [Scan(*(vars(s) | {"restart": restart}).values()) for s in script], restart


def file_of(shape: Frame, planes: list[np.ndarray], script: list[Scan], restart: int) -> bytes:
    parts = b"".join(bytes((c.number, c.horizontal << 4 | c.vertical, c.table)) for c in shape.components)
    frame = struct.pack(">BHHB", 8, shape.height, shape.width, len(shape.components)) + parts
    head = (
        segment(0xDB, b"\0" + bytes([1] * 64))
        + segment(shape.marker, frame)
        + segment(0xDD, struct.pack(">H", restart))
    )
    scans = []
    for scan in script:
        tables, data = jpeg_encode.encode(planes, shape, scan)
        scans.append(tables + scan.header(shape) + data)
    return b"\xff\xd8" + head + b"".join(scans) + b"\xff\xd9"


@settings(derandomize=True, deadline=None, max_examples=80)
@given(pictures())
def test_others_read_the_same_coefficients(picture: tuple[Frame, list[np.ndarray], list[Scan], int]) -> None:
    shape, planes, script, restart = picture
    assert complete(script, shape)
    data = file_of(shape, planes, script, restart)
    for found, plane in zip(coefficients(data), planes, strict=True):
        assert np.array_equal(found, plane)
    # Neither libvips nor Pillow finds anything to warn of.
    assert decoded(data).shape[:2] == (shape.height, shape.width)
    Image.open(io.BytesIO(data)).load()


@pytest.mark.parametrize("marker", [0xC0, 0xC2])
def test_pictures_of_many_parts(marker: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    shape = Frame(marker, 8, 70, 90, (Component(1, 2, 2, 0), Component(2, 1, 1, 0), Component(3, 1, 1, 0)))
    planes = [(rng.normal(0, 9, (*shape.blocks(i), 64)) * (rng.random(64) < 0.1)).astype(np.int16) for i in range(3)]
    whole = file_of(shape, planes, plain(shape, 2), 2)
    monkeypatch.setattr(jpeg_encode, "_AT_ONCE", 40)
    parts = file_of(shape, planes, plain(shape, 2), 2)
    assert all(map(np.array_equal, coefficients(whole), coefficients(parts)))
    assert marker == 0xC2 or whole == parts
