import base64
import time

import numpy as np
from hypothesis import given, settings

from tasks.store.metadata import embedded_jpeg
from tasks.store.metadata.renewed import Renewed
from tests.tasks.store.metadata.secret import hostile, jpeg, leaks, result, text_leaks


def test_binary_and_text() -> None:
    blob = b"first " + jpeg() + b" second: " + base64.b64encode(jpeg(64, 48)) + b" ."
    made = embedded_jpeg.renewed(blob, result(), "preview in a comment")
    assert made.notes == ("preview in a comment made anew",) and len(made.data) == len(blob)
    assert made.data.startswith(b"first \xff\xd8") and b" second: /9j/" in made.data and made.data.endswith(b" .")
    assert leaks(blob) and not leaks(made.data) and not text_leaks(made.data)


def test_nothing_embedded() -> None:
    for blob in (b"", b"text", bytes(range(256)) * 9, jpeg()[:100]):
        assert embedded_jpeg.renewed(blob, result(), "preview") == Renewed(blob)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(hostile(b"x" + jpeg(40, 30) + b" " + base64.b64encode(jpeg(40, 30))))
def test_hostile_bytes(blob: bytes) -> None:
    made = embedded_jpeg.renewed(blob, result(), "preview")
    assert len(made.data) == len(blob) and (bool(made.notes) or made.data == blob)
    assert not leaks(made.data)


def test_megabytes() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 8_000_000, dtype=np.uint8).tobytes()
    start = time.perf_counter()
    assert embedded_jpeg.renewed(noise, result(), "preview") == Renewed(noise)
    assert time.perf_counter() - start < 10
