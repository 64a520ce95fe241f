import io
import struct
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.errors import ImageTruncated, ImageUnreadable, ImageUnsupported
from tasks.store.formats import jpeg
from tasks.store.formats.header import EndsEarly
from tasks.store.formats.jpeg_frame import frame
from tasks.store.formats.jpeg_segments import DQT, DRI, SOS
from tasks.store.formats.jpeg_splice import touched
from tests.tasks.store.formats.jpegs import (
    Kind,
    coefficients,
    decoded,
    encode,
    kinds,
    payloads,
    photo,
    random_mask,
    with_segments,
    written,
)

SEEDED = settings(derandomize=True, deadline=None, max_examples=30)
WHOLE = st.sampled_from(((32, 64), (64, 96)))  # no padding in any block
FULL = st.sampled_from(("ycc", "grey", "rgb", "cmyk"))


def filled(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Other smooth values in the mask."""
    out = pixels.copy()
    out[mask] = photo(*pixels.shape, seed=7)[mask]
    return out


@SEEDED
@given(kinds(), st.integers(0, 10**6))
def test_only_touched_blocks_change(kind: Kind, seed: int) -> None:
    original = written(kind)
    pixels, mask = decoded(original), random_mask(kind.size, seed)
    encoded = encode(filled(pixels, mask), original, mask)
    shape = frame(original)
    assert not encoded.notes
    assert frame(encoded.data) == shape
    for marker in (DQT, DRI, SOS):
        assert payloads(encoded.data, marker) == payloads(original, marker)
    for index, (before, after) in enumerate(zip(coefficients(original), coefficients(encoded.data), strict=True)):
        keeps = ~touched(mask, shape.pixels(index))
        assert np.array_equal(before[keeps], after[keeps])
    # What is decoded of a block depends on its neighbours' chroma, one sample away.
    reach = 8 * max(shape.most) + max(shape.most)
    far = cv2.dilate(mask.astype(np.uint8), np.ones((2 * reach + 1,) * 2)) == 0
    assert np.array_equal(decoded(encoded.data)[far], pixels[far])
    for data in (encoded.data, original):
        Image.open(io.BytesIO(data)).load()


@SEEDED
@given(kinds(model=FULL, quality=st.just(100), sampling=st.just("4:4:4")), st.integers(0, 10**6))
def test_the_fill_is_in_the_file(kind: Kind, seed: int) -> None:
    original = written(kind)
    pixels, mask = decoded(original), random_mask(kind.size, seed)
    new = filled(pixels, mask)
    assert np.abs(decoded(encode(new, original, mask).data)[mask].astype(int) - new[mask]).max(initial=0) <= 5


@pytest.mark.parametrize("model", ["ycc", "ycck"])
def test_the_fill_of_whole_units_has_its_colour(model: str) -> None:
    original = written(Kind(model))
    pixels = decoded(original)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[16:48, 32:64] = True
    new = pixels.copy()
    new[mask] = (200, 90, 30, 70)[: pixels.shape[2]]
    inside = (slice(18, 46), slice(34, 62))
    assert np.abs(decoded(encode(new, original, mask).data)[inside].astype(int) - new[inside]).max() <= 3


@SEEDED
@given(kinds(quality=st.sampled_from((30, 60)), size=WHOLE), st.integers(0, 10**6))
def test_a_mask_in_which_nothing_changed_changes_next_to_nothing(kind: Kind, seed: int) -> None:
    original = written(kind)
    pixels, mask = decoded(original), random_mask(kind.size, seed)
    after = coefficients(encode(pixels, original, mask).data)
    changed = [np.abs(a - b).max() > 1 for a, b in zip(coefficients(original), after, strict=True)]
    # Colours that were clipped are no longer what they were before.
    clipped = ((pixels == 0) | (pixels == 255)).any()
    assert clipped or not any(changed)


@SEEDED
@given(kinds(model=st.sampled_from(("ycc", "grey", "cmyk"))))
def test_without_splice_all_blocks_are_made_from_the_pixels(kind: Kind) -> None:
    original = written(kind)
    pixels = photo(*kind.size, kind.channels, seed=9)
    nothing = np.zeros(kind.size, bool)
    whole = encode(pixels, original, nothing, splice=False)
    assert whole == encode(pixels, original)
    assert payloads(whole.data, DQT, DRI, SOS) == payloads(original, DQT, DRI, SOS)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("quality", [75, 90, 95])
@pytest.mark.parametrize("sampling", ["4:2:0", "4:4:4"])
def test_size(sampling: str, quality: int, progressive: bool) -> None:
    original = written(Kind(sampling=sampling, quality=quality, progressive=progressive, size=(300, 400)))
    pixels = decoded(original)
    mask = np.zeros((300, 400), bool)
    mask[100:150, 30:300] = True
    assert len(encode(filled(pixels, mask), original, mask).data) <= 1.2 * len(original)


def test_metadata_is_kept_in_its_place() -> None:
    kept = [(0xE1, b"Exif\0\0anything"), (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), (0xE2, b"ICC_PROFILE\0\1\1abc")]
    kept += [(0xED, b"Photoshop 3.0\0iptc"), (0xEE, b"Adobe\0d\0\0\0\0\1"), (0xFE, b"a comment")]
    original = with_segments(written(Kind()), *kept)
    encoded = encode(decoded(original), original)
    assert payloads(encoded.data, *range(0xE0, 0xF0), 0xFE) == payloads(original, *range(0xE0, 0xF0), 0xFE)
    assert jpeg.icc(encoded.data) == b"abc"
    assert not encoded.notes


def test_what_is_appended_is_dropped_and_said() -> None:
    original = written(Kind())
    pixels = decoded(original)
    encoded = encode(pixels, original)
    assert encode(pixels, original + b"\0" * 9) == encoded
    assert encode(pixels, original + original).data == encoded.data
    assert encode(pixels, original + original).notes == ("1 appended picture dropped",)


def test_scans_that_stop_early_are_made_anew() -> None:
    original = written(Kind(progressive=True))
    *_, last = (s for s in jpeg.segments(original)[0] if s.marker == SOS)
    short = original[: last.start] + b"\xff\xd9"
    pixels = decoded(short)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[:9, :9] = True
    encoded = encode(filled(pixels, mask), short, mask)
    assert encoded.notes == ("scans made anew: those of the original do not carry every bit",)
    for index, (before, after) in enumerate(zip(coefficients(short), coefficients(encoded.data), strict=True)):
        keeps = ~touched(mask, frame(short).pixels(index))
        assert np.array_equal(before[keeps], after[keeps])


def test_threads() -> None:
    files = [written(Kind(seed=i % 4, progressive=i % 2 == 0)) for i in range(8)]
    alone = [encode(decoded(f), f).data for f in files]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda f: encode(decoded(f), f).data, files * 5)) == alone * 5


@SEEDED
@given(kinds(), st.data())
def test_hostile_files_are_refused(kind: Kind, data: st.DataObject) -> None:
    hostile = bytearray(written(kind))
    pixels = np.zeros((*kind.size, kind.channels), np.uint8)
    for _ in range(data.draw(st.integers(1, 4))):
        hostile[data.draw(st.integers(0, len(hostile) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(hostile[: data.draw(st.integers(len(hostile) // 2, len(hostile)))])
    try:
        header = jpeg.probe(cut).header
        if (header.height, header.width, header.channels) == pixels.shape:
            encode(pixels, cut)
    except (EndsEarly, ImageTruncated, ImageUnreadable, ImageUnsupported):
        pass
    jpeg.icc(cut)
    jpeg.complete(cut)


def test_truncated_and_unsupported_originals() -> None:
    original = written(Kind())
    pixels = decoded(original)
    with pytest.raises(ImageTruncated):
        encode(pixels, original[:-2])
    arithmetic = original.replace(b"\xff\xc0", b"\xff\xc9")
    with pytest.raises(ImageUnsupported):
        encode(pixels, arithmetic)


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [
        (1, 0xC3, "lossless"),
        (1, 0xC9, "arithmetic"),
        (4, 12, "12 bits"),
        (9, 2, "2 components"),
        (11, 0x31, "sampling factors"),
    ],
)
def test_other_codings(at: int, value: int, reason: str) -> None:
    data = bytearray(written(Kind()))
    start = data.index(b"\xff\xc0")
    data[start + at] = value
    if reason == "sampling factors":
        data[start + 14] = 0x21
    assert reason in (jpeg.probe(bytes(data)).unsupported or "")


def test_height_after_the_scan() -> None:
    data = bytearray(written(Kind()))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 7] = b"\0\0"
    assert "DNL" in (jpeg.probe(bytes(data)).unsupported or "")


@pytest.mark.parametrize("model", ["grey", "ycc", "rgb", "cmyk", "ycck"])
def test_header(model: str) -> None:
    turned = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)
    probe = jpeg.probe(with_segments(written(Kind(model)), (0xE1, b"Exif\0\0" + turned)))
    assert probe.unsupported is None
    expected = (83, 61, {"grey": "grey", "cmyk": "cmyk", "ycck": "cmyk"}.get(model, "rgb"), 6)
    header = probe.header
    assert (header.width, header.height, header.model, header.orientation) == expected


def test_broken_headers() -> None:
    for data in (b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\0\x10", b"\xff\xd8\xff\xff\xff"):
        with pytest.raises(EndsEarly):
            jpeg.probe(data)
    for data in (b"\xff\xd8\xff\xe0\0\0ab", b"\xff\xd8\xff\xe0\0\4abcdef", b"\xff\xd8\xff\xda\0\2"):
        with pytest.raises(ImageUnreadable):
            jpeg.probe(data)


def test_end_marker_of_a_thumbnail_is_not_the_end() -> None:
    data = with_segments(written(Kind()), (0xE1, b"Exif\0\0\xff\xd8\xff\xd9"))
    assert jpeg.complete(data)
    assert not jpeg.complete(data[:-2])
