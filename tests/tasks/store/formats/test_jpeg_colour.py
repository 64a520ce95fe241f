import numpy as np
import pytest

from tasks.store.formats.jpeg_colour import coding, samples
from tasks.store.formats.jpeg_frame import frame
from tasks.store.formats.jpeg_segments import APP0, APP14, segments
from tests.tasks.store.formats.jpegs import Kind, coefficients, decoded, segment, written

JFIF, ADOBE = b"JFIF\0\1\1\0\0\1\0\1\0\0", b"Adobe\0d\0\0\0\0"
MODELS = ["grey", "ycc", "rgb", "cmyk", "ycck"]


def with_only(data: bytes, *added: tuple[int, bytes]) -> bytes:
    found, _ = segments(data)
    kept = b"".join(data[s.start : s.until] for s in found if s.marker not in (APP0, APP14))
    return b"\xff\xd8" + b"".join(segment(m, p) for m, p in added) + kept + b"\xff\xd9"


@pytest.mark.parametrize("model", MODELS)
def test_coding_of_real_files(model: str) -> None:
    data = written(Kind(model))
    assert coding(data, segments(data)[0], frame(data)) == model


@pytest.mark.parametrize(
    ("model", "added", "expected"),
    [
        ("ycc", [], "ycc"),
        ("rgb", [], "rgb"),
        ("rgb", [(APP0, JFIF)], "ycc"),
        ("ycc", [(APP14, ADOBE + b"\0")], "rgb"),
        ("ycc", [(APP14, ADOBE + b"\1")], "ycc"),
        ("ycc", [(APP0, JFIF), (APP14, ADOBE + b"\0")], "ycc"),
        ("rgb", [(APP14, ADOBE)], "rgb"),
        ("cmyk", [], "cmyk"),
        ("cmyk", [(APP14, ADOBE + b"\0")], "cmyk"),
        ("cmyk", [(APP14, ADOBE + b"\2")], "ycck"),
    ],
)
def test_markers(model: str, added: list[tuple[int, bytes]], expected: str) -> None:
    data = with_only(written(Kind(model)), *added)
    assert coding(data, segments(data)[0], frame(data)) == expected


@pytest.mark.parametrize("model", MODELS)
def test_samples_are_what_the_file_holds(model: str) -> None:
    # The DC coefficients are 8 × the mean of a block's samples, less 128; quality 100 has tables of ones.
    data = written(Kind(model, "4:4:4", quality=100, size=(64, 64)))
    shape = frame(data)
    for index, colour in enumerate(samples(coding(data, segments(data)[0], shape))):
        values = decoded(data).astype(np.float32) @ colour.weights + colour.offset
        step = 64 // shape.blocks(index)[0]
        means = values.reshape(64 // step, step, 64 // step, step).mean(axis=(1, 3))
        assert np.abs(coefficients(data)[index][:, :, 0] / 8 + 128 - means).max() < 1.5
