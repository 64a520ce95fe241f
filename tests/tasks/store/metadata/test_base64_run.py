import base64
import io
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.store.metadata.base64_run import runs
from tasks.store.metadata.renewed import Tally
from tests.tasks.store.metadata.secret import hostile, jpeg, leaks, result, text_leaks

BREAKS = [b"\n", b"\r\n", b"&#xA;", b"&#10;", b"&#xD;&#xA;", b"\n      ", b"\\n"]


def wrapped(letters: bytes, line_break: bytes, width: int = 76) -> bytes:
    return line_break.join(letters[at : at + width] for at in range(0, len(letters), width))


def redrawn(text: bytes) -> tuple[bytes, Tally]:
    changed, tally = bytearray(text), Tally("picture")
    for run in runs(text):
        run.redraw(changed, result(), tally)
    assert len(changed) == len(text)
    return bytes(changed), tally


def decoded(text: bytes, line_break: bytes) -> bytes:
    return base64.b64decode(text.replace(line_break, b""))


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize("tail", [0, 1, 2])
def test_layout_stays(line_break: bytes, tail: int) -> None:
    binary = jpeg(64, 48) + bytes(tail)
    text = wrapped(base64.b64encode(binary), line_break)
    changed, tally = redrawn(b"<a>" + text + b"</a>")
    assert (tally.anew, tally.dropped) == (1, 0) and text_leaks(text) and not text_leaks(changed)
    new = changed[3:-4]
    assert [i for i in range(len(text)) if new[i : i + 1] == b"\n"] == [
        i for i in range(len(text)) if text[i : i + 1] == b"\n"
    ]
    made = decoded(new, line_break)
    assert len(made) == len(binary)
    assert Image.open(io.BytesIO(made)).size == (64, 48)
    assert new.replace(line_break, b"")[-1:] == text.replace(line_break, b"")[-1:] or tail == 0


def test_json_with_escaped_slashes() -> None:
    letters = base64.b64encode(jpeg(64, 48))
    text = b'{"thumbnail": "data:image\\/jpeg;base64,' + letters.replace(b"/", b"\\/") + b'"}'
    changed, tally = redrawn(text)
    assert tally.anew == 1 and leaks(base64.b64decode(letters)) and not text_leaks(changed)
    assert changed.startswith(text[:39]) and changed.endswith(b'"}')


def test_words_before_a_picture() -> None:
    text = b"A caption of words and more words " + base64.b64encode(jpeg(64, 48)) + b" and"
    changed, tally = redrawn(text)
    assert tally.anew == 1 and not text_leaks(changed) and changed.startswith(b"A caption of words and more words ")


def test_a_picture_within_a_container() -> None:
    binary = b"container" + jpeg(64, 48) + b"end"
    changed, tally = redrawn(base64.b64encode(binary))
    made = base64.b64decode(changed)
    assert tally.anew == 1 and made.startswith(b"container") and made.endswith(b"end") and not leaks(made)


@pytest.mark.parametrize(
    "binary",
    [
        jpeg(64, 48)[:60],
        b"\x89PNG\r\n\x1a\n" + bytes(90),
        b"GIF89a" + bytes(90),
        b"RIFF\1\2\3\4WEBPVP8 " + bytes(90),
        b"II*\0" + bytes(90),
        b"MM\0*" + bytes(90),
        b"BM\1\2\3\4\0\0\0\0" + bytes(90),
        b"\0\0\0\x20ftypheic" + bytes(90),
        b"\0\0\0\x0cJXL \r\n" + bytes(90),
        b"\0\0\0\x0cjP  \r\n" + bytes(90),
        b"8BPS\0\1" + bytes(90),
    ],
)
def test_other_images_are_blanked(binary: bytes) -> None:
    text = base64.b64encode(binary)
    assert redrawn(b'data="' + wrapped(text, b"\n") + b'"')[0] == b'data="' + b" " * len(wrapped(text, b"\n")) + b'"'
    assert redrawn(text)[1].dropped == 1


@pytest.mark.parametrize(
    "binary",
    [
        b"\0\0\0\x20ftypmp42" + bytes(90),
        b"ID3" + bytes(90),
        b"BM" + b"music" * 20,
        b"\0" * 90,
        b"RIFF\1\2\3\4WAVEfmt " * 9,
    ],
)
def test_what_is_no_image_stays(binary: bytes) -> None:
    text = b"<a>" + base64.b64encode(binary) + b"</a>"
    assert redrawn(text)[0] == text and redrawn(text)[1].notes == ()


def test_bits_that_stand_for_nothing_stay() -> None:
    letters = base64.b64encode(b"x" * 9 + jpeg(64, 48) + b"y" * (9 + (-len(jpeg(64, 48)) % 3)) + b"z")
    text = letters[:-3] + bytes([letters[-3] + 1]) + letters[-2:]
    changed, tally = redrawn(text)
    assert tally.anew == 1 and changed[-12:] == text[-12:]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(hostile(b"<a>" + wrapped(base64.b64encode(jpeg(40, 30)), b"\n") + b"</a><b>"))
def test_hostile_text(text: bytes) -> None:
    changed, tally = redrawn(text)
    assert bool(tally.notes) or changed == text


@settings(max_examples=60, deadline=None, derandomize=True)
@given(hostile(jpeg(40, 30)), st.sampled_from(BREAKS))
def test_hostile_pictures(binary: bytes, line_break: bytes) -> None:
    changed, _ = redrawn(b"<a>" + wrapped(base64.b64encode(binary), line_break) + b"</a>")
    assert not text_leaks(changed)


@pytest.mark.parametrize(
    "piece",
    [b"A", b"A ", b"/9j/ ", b"AAAA ", b"AAAA&#xA;", b"=", b"A=", b"\\/", b"&#x", b"/9j/" + b"A" * 30 + b"= ", b"Qk "],
)
def test_time_is_linear(piece: bytes) -> None:
    start = time.perf_counter()
    redrawn(piece * (500_000 // len(piece)))
    assert time.perf_counter() - start < 10
