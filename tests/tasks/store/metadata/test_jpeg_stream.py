import io
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.fill.colour import Plain
from tasks.store.metadata.jpeg_stream import coded, drawn_for, redraw, stream_at, streams
from tasks.store.metadata.preview import Preview
from tasks.store.metadata.renewed import Tally
from tests.tasks.store.metadata.secret import hostile, is_red, jpeg, leaks, picture, result

KINDS = {
    "4:2:0": {"subsampling": 2},
    "4:4:4": {"subsampling": 0},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "metadata within": {"exif": b"Exif\0\0" + jpeg(16, 16), "comment": b"\xff\xd8\xff\xd9" * 9},
    "profile": {"icc_profile": bytes(100_000)},
}


def opened(blob: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(blob))
    image.load()
    return image


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_finds_each_stream_from_end_to_end(options: dict[str, Any]) -> None:
    first, second = jpeg(40, 30, **options), jpeg(64, 48)
    blob = b"\xff\xd8\xd8\xff" + first + b"\0\xff\xd8 between" + second + b"\xff\xd8\xff\xe1"
    found = list(streams(blob))
    assert [blob[s.start : s.end] for s in found] == [first, second]
    assert [(s.width, s.height, s.components, s.whole) for s in found] == [(40, 30, 3, True), (64, 48, 3, True)]
    assert stream_at(blob, 4) == found[0] and stream_at(blob, 5) is None


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_redraws_in_place(options: dict[str, Any]) -> None:
    stream = jpeg(**options)
    blob = bytearray(b"before" + stream + b"after")
    assert leaks(bytes(blob))
    tally = Tally("preview")
    redraw(blob, result(), tally)
    assert tally.notes == ("preview made anew",) and len(blob) == len(stream) + 11
    assert blob.startswith(b"before\xff\xd8") and blob.endswith(b"after")
    shows = opened(bytes(blob[6:]))
    assert shows.size == (160, 120) and shows.mode == "RGB"
    assert np.abs(np.asarray(shows).astype(int) - result().fitted(160, 120)).mean() < 6
    assert not leaks(bytes(blob))


def test_grey_stays_grey() -> None:
    out = io.BytesIO()
    Image.fromarray(picture()[:, :, 0]).save(out, "jpeg")
    blob = bytearray(out.getvalue())
    redraw(blob, result(), Tally("preview"))
    assert opened(bytes(blob)).mode == "L"


def test_only_the_part_asked_for() -> None:
    blob = bytearray(jpeg(40, 30) + jpeg(64, 48))
    size = len(jpeg(40, 30))
    redraw(blob, result(), Tally("preview"), size, len(blob))
    assert blob[:size] == jpeg(40, 30) and not leaks(bytes(blob[size:]))


def test_the_first_byte_may_be_another() -> None:
    blob = bytearray(b"..\x07" + jpeg()[1:] + b"..")
    redraw(blob, result(), Tally("preview"))
    assert blob[2] == 7 and not leaks(bytes(blob)) and opened(b"\xff" + blob[3:])


@pytest.mark.parametrize(
    "damage", [(2, b"\xff\xe0\0\0"), (2, b"\xff\xe0\0\1"), (2, b"abcde"), (20, b"\1" * 3000), (20, b"\xff\xd0")]
)
def test_damage_that_decoders_pass_over(damage: tuple[int, bytes]) -> None:
    at, between = damage
    blob = bytearray(jpeg()[:at] + between + jpeg()[20:])
    assert blob[:2] == b"\xff\xd8" and (leaks(bytes(blob)) or between == b"abcde")
    redraw(blob, result(), Tally("preview"))
    assert not leaks(bytes(blob))


@pytest.mark.parametrize("cut", [0.5, 0.9])
def test_a_stream_that_is_cut_off(cut: float) -> None:
    whole = jpeg()
    blob = bytearray(whole[: int(len(whole) * cut)])
    assert leaks(bytes(blob)) or cut < 0.9
    redraw(blob, result(), Tally("preview"))
    assert not leaks(bytes(blob))


def test_no_room_leaves_zeros() -> None:
    flat = io.BytesIO()
    Image.new("RGB", (160, 120), (255, 0, 0)).save(flat, "jpeg", quality=1, optimize=True)
    tally = Tally("preview")
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    blob = bytearray(b"a" + flat.getvalue() + b"b")
    redraw(blob, Preview(noise, Plain()), tally)
    assert tally.notes == ("preview dropped",)
    assert blob == b"a" + bytes(len(blob) - 2) + b"b"


def test_sizes_that_no_stream_of_this_length_has() -> None:
    stream = bytearray(jpeg())
    at = stream.index(b"\xff\xc0") + 5
    stream[at : at + 4] = b"\xff\xff\xff\xff"
    (found,) = streams(bytes(stream))
    assert (found.width, found.height) == (65535, 65535) and drawn_for(found, result()) == b""


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 9000))
def test_coded_fits_or_is_nothing(width: int, height: int, length: int) -> None:
    done = coded(picture(width, height), length)
    assert len(done) <= length
    if done:
        assert opened(done).size == (width, height)
        assert b"JFIF" not in done and not opened(done).info.get("jfif")
    else:
        assert length < 1500 + width * height


def test_more_room_is_better() -> None:
    def error(length: int) -> float:
        return float(np.abs(np.asarray(opened(coded(picture(), length))).astype(int) - picture()).mean())

    assert error(20_000) < error(5_000) < error(2_500)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(hostile(b"maker" + jpeg(48, 32) + b"note" + jpeg(32, 48, progressive=True)))
def test_hostile_bytes(blob: bytes) -> None:
    changed = bytearray(blob)
    redraw(changed, result(), Tally("preview"))
    assert len(changed) == len(blob)
    spans = [(s.start, s.end) for s in streams(blob)]
    outside = [at for at in range(len(blob)) if not any(a <= at < b for a, b in spans)]
    assert all(changed[at] == blob[at] for at in outside)
    assert not leaks(bytes(changed))


@pytest.mark.parametrize(
    "piece",
    [
        b"\xff\xd8",
        b"\xff\xd8\xff\xe0\0\x04\0\0",
        b"\xff\xd8\xff\xe0\0\x02",
        b"\xff",
        b"\xff\xd8" + b"\xff" * 30,
        b"\xd8\xff\xe1\x7f\xff",
        b"\xff\xd8\xff\xda\0\x02",
        b"\xff\xd8" + b"a" * 3000 + b"\xff",
        b"\xff\xd8\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\0\0\0",
        bytes(range(256)),
    ],
)
def test_time_is_linear(piece: bytes) -> None:
    blob = piece * (400_000 // len(piece))
    start = time.perf_counter()
    assert len(list(streams(blob))) <= 1
    assert time.perf_counter() - start < 10


def test_is_red_knows_both_orders() -> None:
    assert is_red(picture()) and is_red(picture()[:, :, ::-1]) and not is_red(picture(red=False))
