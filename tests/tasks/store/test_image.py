"""Properties over formats × channels × depths; damaged files never become pictures."""

import struct
import zlib
from typing import Any

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import (
    ImageEmpty,
    ImageTooLarge,
    ImageTruncated,
    ImageUnreadable,
    ImageUnsupported,
    ItemError,
    MaskUnreadable,
)
from tasks.store.formats.header import Model
from tasks.store.image import Header, decode, decode_mask, encode, icc, read_header

MAX_MP = 10.0
ICC = pyvips.Operation.call("profile_load", "p3")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>'


def read(data: bytes) -> np.ndarray:
    return decode(data, read_header(data, MAX_MP))


def test_header_and_pixels(variant: tuple[str, int, int], picture: Any) -> None:
    kind, channels, depth = variant
    data, pixels = picture(kind, channels, depth)
    header = read_header(data, MAX_MP)
    model: Model = "grey" if channels < 3 else "rgb"
    assert header == Header(kind.split(maxsplit=1)[0], 150, 120, depth, model, alpha=channels in (2, 4))
    assert (header.megapixels, header.channels) == (0.018, channels)
    decoded = decode(data, header)
    assert decoded.dtype == f"uint{depth}"
    assert np.array_equal(decoded, pixels)


def test_encode_keeps_header_and_pixels(variant: tuple[str, int, int], picture: Any, make_pixels: Any) -> None:
    kind, channels, depth = variant
    data, _ = picture(kind, channels, depth)
    wanted = make_pixels(120, 150, channels, depth, seed=1)
    encoded = encode(wanted, data).data
    assert read_header(encoded, MAX_MP) == read_header(data, MAX_MP)
    result = read(encoded)
    if kind.startswith("jpeg"):
        assert np.abs(result.astype(float) - wanted).mean() < 8
        assert len(encoded) < 1.2 * len(data)
    else:
        assert np.array_equal(result, wanted)
    assert encode(wanted, encoded).data == encoded, "the encoder is a function of pixels and original"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_lossless_round_trip_of_any_pixels(picture: Any, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["png", "png interlaced", "tiff", "tiff lzw", "tiff deflate tiles", "webp"]))
    depths, counts = ([8], [3, 4]) if kind == "webp" else ([8, 16], [1, 2, 3, 4])
    depth, channels = data.draw(st.sampled_from(depths)), data.draw(st.sampled_from(counts))
    size = data.draw(st.tuples(st.integers(1, 70), st.integers(1, 70)))
    seed, levels = data.draw(st.integers(0, 2**32)), data.draw(st.sampled_from([1, 2, 5, 2**depth]))
    rng = np.random.default_rng(seed)
    pixels = (rng.integers(0, levels, (*size, channels)) * ((2**depth - 1) // max(levels - 1, 1))).astype(
        f"uint{depth}"
    )
    original, _ = picture(kind, channels, depth, size=size)
    encoded = encode(pixels, original).data
    assert np.array_equal(read(encoded), pixels)
    assert read_header(encoded, MAX_MP) == read_header(original, MAX_MP)


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (3, 17)])
def test_odd_sizes(kind: str, size: tuple[int, int], picture: Any) -> None:
    data, pixels = picture(kind, 3, 8, size=size)
    assert read(encode(pixels, data).data).shape == (*size, 3)


def test_metadata_survives(kind: str, picture: Any) -> None:
    metadata = {"icc-profile-data": ICC, "xmp-data": XMP, "dpi": 300, "orientation": 6}
    if not kind.startswith("tiff"):
        metadata["exif-ifd0-Copyright"] = "An Archive (An Archive, ASCII, 11 components, 11 bytes)"
    if kind.startswith("png"):
        metadata["png-comment-0-Title"] = "a title"
    data, pixels = picture(kind, metadata=metadata)
    before, after = (pyvips.Image.new_from_buffer(d, "") for d in (data, encode(pixels, data).data))
    assert {"icc-profile-data", "xmp-data", "orientation"} < set(before.get_fields())
    assert set(before.get_fields()) == set(after.get_fields())
    for name in before.get_fields():
        assert before.get(name) == after.get(name), name


def test_cut_files_are_never_pictures(variant: tuple[str, int, int], picture: Any) -> None:
    data, pixels = picture(*variant)
    errors = []
    for end in [len(data) * tenth // 10 for tenth in range(1, 10)] + [len(data) - n for n in (200, 20, 12, 4, 2, 1)]:
        try:
            assert np.array_equal(read(data[:end]), pixels), f"half a picture from {end} of {len(data)} bytes"
        except ItemError as error:
            errors.append(type(error))
    assert set(errors) == {ImageTruncated}
    assert len(errors) >= 9


def test_bytes_missing_inside(picture: Any, kind: str) -> None:
    data, _ = picture(kind, size=(400, 300))
    gap = data[: len(data) // 2] + data[len(data) // 2 + len(data) // 5 :]
    with pytest.raises((ImageTruncated, ImageUnreadable)):
        read(gap)


def test_damaged_bytes_raise_item_errors_or_decode(picture: Any, kind: str) -> None:
    data, _ = picture(kind)
    rng = np.random.default_rng(5)
    for _ in range(40):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 5):
            damaged[at] = rng.integers(0, 256)
        try:
            assert read(bytes(damaged)).ndim == 3
        except ItemError as error:
            assert str(error)


def test_jpeg_with_padding_and_appended_data(picture: Any) -> None:
    data, pixels = picture("jpeg")
    assert np.array_equal(read(data[:-2] + bytes(7) + data[-2:]), pixels)
    assert np.array_equal(read(data + b"trailing"), pixels)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", ImageEmpty),
        (b"a letter to the archive\n" * 50, ImageUnreadable),
        (b"\0" * 1000, ImageUnreadable),
        (b"\xff\xd8\xff", ImageTruncated),
        (b"\x89PNG\r\n\x1a\n", ImageTruncated),
        (b"II*\0", ImageTruncated),
        (b"RIFF\0\0\0\0WEBP", ImageTruncated),
        (b"\x89PNG\r\n\x1a\n" + b"text" * 20, ImageUnreadable),
        (b"\xff\xd8\xff\xe0" + b"\0\x10JFIF" + b"text" * 20, ImageUnreadable),
        (b"RIFF\xff\0\0\0WEBP" + b"text" * 20, ImageUnreadable),
        (b"GIF89a" + bytes(50), ImageUnsupported),
        (b"BM" + bytes(50), ImageUnsupported),
        (b"8BPS" + bytes(50), ImageUnsupported),
        (b"\0\0\0\x1cftypheic" + bytes(50), ImageUnsupported),
    ],
)
def test_no_image(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_header(data, MAX_MP)
    with pytest.raises(MaskUnreadable):
        decode_mask(data, MAX_MP)


def test_bomb_is_refused_by_its_header(make_pixels: Any, save: Any) -> None:
    png = bytearray(save(make_pixels(8, 8, 3, 8), ".png"))
    png[16:24] = struct.pack(">II", 20000, 20000)
    png[29:33] = struct.pack(">I", zlib.crc32(bytes(png[12:29])))
    for call in (read_header, decode_mask):
        with pytest.raises((ImageTooLarge, MaskUnreadable), match="20000 × 20000 = 400 MP"):
            call(bytes(png), 100)


def test_max_mp_is_inclusive(kind: str, picture: Any) -> None:
    data, _ = picture(kind)
    assert read_header(data, 0.018)
    with pytest.raises(ImageTooLarge):
        read_header(data, 0.0179)


@pytest.mark.parametrize(
    ("suffix", "options", "reason"),
    [(".tif", {"compression": "jpeg"}, "JPEG|compression 7"), (".tif", {"bitdepth": 1}, "1 bit")],
)
def test_unsupported_says_why(suffix: str, options: dict[str, Any], reason: str, make_pixels: Any, save: Any) -> None:
    data = save(make_pixels(200, 200, 1, 8), suffix, **options)
    with pytest.raises(ImageUnsupported, match=reason):
        read_header(data, MAX_MP)


def test_unsupported_colour_space(make_pixels: Any) -> None:
    image = pyvips.Image.new_from_array(make_pixels(40, 40, 3, 8)).copy(interpretation="srgb")
    with pytest.raises(ImageUnsupported, match="Lab"):
        read_header(image.colourspace("lab").write_to_buffer(".tif"), MAX_MP)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk(suffix: str, make_pixels: Any) -> None:
    """Full scale is full ink, whatever the file's convention."""
    image = pyvips.Image.new_from_array(make_pixels(40, 40, 3, 8)).copy(interpretation="srgb").colourspace("cmyk")
    data = image.write_to_buffer(suffix)
    header = read_header(data, MAX_MP)
    assert (header.model, header.channels, header.alpha) == ("cmyk", 4, False)
    pixels = decode(data, header)
    assert np.abs(pixels.astype(int) - image.numpy()).mean() < (8 if suffix == ".jpg" else 1e-9)
    assert np.array_equal(read(encode(pixels, data, np.zeros((40, 40), dtype=bool)).data), pixels)


def test_the_profile(kind: str, picture: Any) -> None:
    data, _ = picture(kind, metadata={"icc-profile-data": ICC})
    assert icc(data) == bytes(ICC)
    assert icc(picture(kind)[0]) is None


@pytest.mark.parametrize("suffix", [".webp", ".tif"])
def test_animations_are_refused_and_so_are_masks_of_several_pages(suffix: str, make_pixels: Any) -> None:
    pages = pyvips.Image.new_from_array(np.concatenate([make_pixels(30, 40, 3, 8, seed) for seed in (1, 2)]))
    pages = pages.copy(interpretation="srgb")
    pages.set_type(pyvips.GValue.gint_type, "page-height", 30)
    data = pages.write_to_buffer(suffix)
    if suffix == ".webp":
        with pytest.raises(ImageUnsupported, match="animated"):
            read_header(data, MAX_MP)
    else:
        assert read_header(data, MAX_MP).height == 30
    with pytest.raises(MaskUnreadable, match="pages"):
        decode_mask(data, MAX_MP)


def test_encode_wants_the_original_shape(kind: str, picture: Any) -> None:
    data, pixels = picture(kind)
    for wrong in (pixels[1:], pixels[:, :, :1], pixels.astype(np.float32)):
        with pytest.raises(ValueError, match="do not fit"):
            encode(wrong, data)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".png", {}),
        (".png", {"bitdepth": 1}),
        (".png", {"palette": True}),
        (".tif", {"compression": "ccittfax4", "bitdepth": 1}),
        (".tif", {"compression": "lzw", "miniswhite": True}),
        (".webp", {"lossless": True}),
        (".jpg", {"Q": 100}),
    ],
)
def test_masks_of_every_kind(suffix: str, options: dict[str, Any], save: Any) -> None:
    mask = np.zeros((64, 48), np.uint8)
    mask[10:30, 8:40] = 255
    got, orientation = decode_mask(save(mask[:, :, None], suffix, **options), MAX_MP)
    assert orientation == 1
    assert (got.shape, got.dtype) == ((64, 48), np.uint8)
    assert np.array_equal(got, mask) if suffix != ".jpg" else np.abs(got.astype(int) - mask).max() <= 3


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [8, 16])
def test_mask_luminance(channels: int, depth: int, save: Any) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(channels, axis=2)
    if channels in (2, 4):
        levels[:, :, -1] = 255
    pixels = levels.astype(np.uint16) * 257 if depth == 16 else levels
    assert np.array_equal(decode_mask(save(pixels, ".png"), MAX_MP)[0], levels[:, :, 0])


def test_mask_transparent_is_black(save: Any) -> None:
    pixels = np.full((4, 4, 4), 255, np.uint8)
    pixels[:2, :, 3] = 0
    got, _ = decode_mask(save(pixels, ".png"), MAX_MP)
    assert (got[:2] == 0).all()
    assert (got[2:] == 255).all()


def test_cut_masks_are_unreadable(variant: tuple[str, int, int], picture: Any) -> None:
    data, _ = picture(*variant)
    for tenth in range(1, 10):
        with pytest.raises(MaskUnreadable):
            decode_mask(data[: len(data) * tenth // 10], MAX_MP)


def test_libvips_says_nothing(kind: str, picture: Any, capfd: pytest.CaptureFixture[str]) -> None:
    data, _ = picture(kind)
    with pytest.raises(ItemError):
        read(data[: len(data) // 2])
    assert capfd.readouterr() == ("", "")


def test_a_damaged_tile_of_a_mask_is_noticed(save: Any) -> None:
    mask = np.zeros((200, 200, 1), np.uint8)
    mask[50:150, 60:140] = 255
    data = bytearray(save(mask, ".tif", compression="deflate", tile=True, tile_width=64, tile_height=64))
    at = data.index(b"\x78")  # of the first zlib stream
    data[at + 2 : at + 12] = b"\xff" * 10
    with pytest.raises(MaskUnreadable):
        decode_mask(bytes(data), MAX_MP)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_luminance_of_strips_is_that_of_the_whole(
    dtype: type, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.store import image

    pixels = np.random.default_rng(channels).integers(0, np.iinfo(dtype).max, (41, 30, channels), dtype, endpoint=True)
    whole = image._luminance(pixels)
    monkeypatch.setattr(image, "_STRIP", 7 * 30)
    assert (image._luminance(pixels) == whole).all()
    assert whole.shape == (41, 30)
    assert whole.dtype == np.uint8
    if channels == 1:
        step = 1 if dtype == np.uint8 else 257
        assert (np.abs(whole * float(step) - pixels[:, :, 0]) <= step / 2).all()
