import pytest

from tasks.errors import ImageTooLarge, ImageUnreadable
from tasks.store.header import Header, Probe, check_size, sniff


def test_megapixels() -> None:
    assert Header("png", 2000, 1500, 3, 8).megapixels == 3.0


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
    check_size(Probe("png", 1000, 1000, 3, 8), 1)
    with pytest.raises(ImageTooLarge, match="1001 × 1000"):
        check_size(Probe("png", 1001, 1000, 3, 8), 1)
    with pytest.raises(ImageUnreadable, match="0 × 5"):
        check_size(Probe("png", 0, 5, 3, 8), 1)
