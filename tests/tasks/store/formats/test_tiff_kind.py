from typing import Any

import numpy as np
import pytest

from tasks.store.formats.tiff_directory import first
from tasks.store.formats.tiff_kind import Kind, kind_of, reason
from tests.tasks.store.formats.tiff_files import picture, write


@pytest.mark.parametrize(
    ("options", "dtype", "channels", "expected"),
    [
        ({}, "uint8", 1, Kind("grey", 8, 1, False, False, False, False)),
        ({"photometric": "miniswhite"}, "uint16", 1, Kind("grey", 16, 1, False, False, True, False)),
        ({"extrasamples": ["unassalpha"]}, "uint8", 2, Kind("grey", 8, 2, True, False, False, False)),
        ({"photometric": "rgb"}, "float32", 3, Kind("rgb", 32, 3, False, False, False, False)),
        (
            {"photometric": "rgb", "extrasamples": ["assocalpha"]},
            "uint16",
            4,
            Kind("rgb", 16, 4, True, True, False, False),
        ),
        (
            {"photometric": "rgb", "extrasamples": ["unspecified"]},
            "uint8",
            4,
            Kind("rgb", 8, 4, True, False, False, False),
        ),
        ({"photometric": "separated"}, "uint8", 4, Kind("cmyk", 8, 4, False, False, False, False)),
        (
            {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)},
            "uint8",
            1,
            Kind("rgb", 8, 1, False, False, False, True),
        ),
    ],
)
def test_kinds(options: dict[str, Any], dtype: str, channels: int, expected: Kind) -> None:
    pixels = picture(20, 20, channels, dtype)
    options = {"planarconfig": "contig", **options} if channels > 1 else options
    found = first(write(pixels if channels > 1 else pixels[:, :, 0], **options))
    assert reason(found) is None
    assert kind_of(found) == expected
    assert expected.dtype == dtype


def changed(tag: int, value: int, **options: Any) -> str | None:
    """The reason once a tag of one short or long has another value; tags that are not there replace 305 (Software)."""
    data = bytearray(write(picture(32, 32, 3, "uint8"), **options))
    directory = first(bytes(data))
    entry = directory.entries.get(tag) or directory.entries[305]
    data[entry.at : entry.at + 12] = tag.to_bytes(2, "little") + b"\3\0\1\0\0\0" + value.to_bytes(4, "little")
    return reason(first(bytes(data)))


@pytest.mark.parametrize(
    ("tag", "value", "said"),
    [
        (259, 2, "fax"),
        (259, 6, "old JPEG"),
        (259, 34712, "JPEG 2000"),
        (259, 4711, "compression 4711"),
        (262, 6, "YCbCr"),
        (262, 9, "Lab"),
        (262, 32803, "camera raw"),
        (262, 99, "photometric 99"),
        (266, 2, "reverse order"),
        (284, 3, "planar configuration 3"),
        (317, 2, "uncompressed TIFF with a predictor"),
        (317, 34892, "predictor 34892"),
        (317, 3, "predictor 3"),
        (339, 2, "signed"),
        (32997, 2, "volumes"),
        (50706, 1, "DNG"),
    ],
)
def test_reasons(tag: int, value: int, said: str) -> None:
    assert said in (changed(tag, value) or "")


def test_inks() -> None:
    data = bytearray(write(picture(32, 32, 4, "uint8"), photometric="separated"))
    entry = first(bytes(data)).entries.get(332) or first(bytes(data)).entries[305]
    data[entry.at : entry.at + 12] = b"\x4c\1\3\0\1\0\0\0\2\0\0\0"
    assert "not CMYK" in (reason(first(bytes(data))) or "")


def test_undefined_samples_are_integers() -> None:
    assert changed(339, 4) is None


def test_old_style_lzw() -> None:
    data = bytearray(write(picture(32, 32, 3, "uint8"), compression="lzw"))
    at = int(first(bytes(data)).array(273)[0])
    data[at : at + 2] = b"\0\1"
    assert "old-style LZW" in (reason(first(bytes(data))) or "")


def test_compressed_strips_without_sizes() -> None:
    data = bytearray(write(picture(32, 32, 3, "uint8"), compression="lzw"))
    entry = first(bytes(data)).entries[279]
    data[entry.at : entry.at + 2] = b"\xff\xfe"
    assert "how long" in (reason(first(bytes(data))) or "")
