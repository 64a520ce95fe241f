import pytest

from tasks.errors import ImageTooLarge, ImageUnreadable
from tasks.store.formats.header import Header, Model, check_size, sniff


def test_megapixels() -> None:
    assert Header("png", 2000, 1500, 8).megapixels == 3.0


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"II*\0", "tiff"),
        (b"MM\0*", "tiff"),
        (b"II+\0", "tiff"),
        (b"MM\0+", "tiff"),
        (b"RIFF\1\2\3\4WEBP", "webp"),
    ],
)
def test_sniff(start: bytes, name: str) -> None:
    assert sniff(start + bytes(20)) == name


def test_check_size() -> None:
    check_size(Header("png", 1000, 1000, 8), 1)
    with pytest.raises(ImageTooLarge, match="1001 × 1000"):
        check_size(Header("png", 1001, 1000, 8), 1)
    with pytest.raises(ImageUnreadable, match="0 × 5"):
        check_size(Header("png", 0, 5, 8), 1)


@pytest.mark.parametrize(
    ("model", "alpha", "depth", "channels", "dtype"),
    [
        ("grey", False, 1, 1, "uint8"),
        ("grey", True, 8, 2, "uint8"),
        ("rgb", False, 16, 3, "uint16"),
        ("cmyk", True, 32, 5, "float32"),
    ],
)
def test_what_it_decodes_to(model: Model, alpha: bool, depth: int, channels: int, dtype: str) -> None:
    header = Header("tiff", 3, 2, depth, model, alpha)
    assert (header.channels, header.dtype.name) == (channels, dtype)
