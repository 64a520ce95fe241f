import io
import struct
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from tasks.store.formats import tiff_directory as td
from tests.tasks.store.formats.tiff_files import decoded, encoded, picture, same, tags, write

MASK = np.zeros((90, 120), bool)
MASK[30:60, 40:80] = True


def jpeg(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def resources(pixels: np.ndarray) -> bytes:
    """Photoshop image resources with a thumbnail (1036) and a resolution (1005)."""
    stream = jpeg(pixels)
    height, width = pixels.shape[:2]
    row = (width * 3 + 3) // 4 * 4
    thumbnail = struct.pack(">6I2H", 1, width, height, row, row * height, len(stream), 24, 1) + stream
    parts = [(1005, bytes(16)), (1036, thumbnail)]
    return b"".join(b"8BIM" + struct.pack(">HHI", n, 0, len(d)) + d + bytes(len(d) % 2) for n, d in parts)


def restored(pixels: np.ndarray, extra: list[Any], **options: Any) -> tuple[bytes, bytes, tuple[str, ...]]:
    data = write(pixels, extratags=extra, **options)
    wanted = np.where(MASK[:, :, None], 10, pixels).astype(np.uint8)
    result = encoded(wanted, data, MASK)
    assert same(decoded(result.data), wanted)
    return data, result.data, result.notes


@pytest.mark.parametrize("order", ["<", ">"])
def test_photoshop_thumbnails(order: Any) -> None:
    pixels = picture(90, 120, 3, "uint8")
    blob = resources(cv2.resize(pixels, (60, 45), interpolation=cv2.INTER_AREA))
    before, after, notes = restored(pixels, [(34377, 7, len(blob), blob, True)], byteorder=order)
    assert len(notes) == 1 and "Photoshop thumbnail" in notes[0]
    assert len(after) == len(before)
    new = td.first(after).blob(34377)
    assert new and len(new) == len(blob) and new[:40] == blob[:40]
    shown = cv2.imdecode(np.frombuffer(new[new.index(b"\xff\xd8") :], np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None and shown[16:29, 21:39].mean() < 40


def test_xmp_without_pictures_is_kept() -> None:
    packet = b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"/>' + b" " * 100
    before, after, notes = restored(picture(90, 120, 3, "uint8"), [(700, 1, len(packet), packet, True)])
    assert notes == ()
    assert str(tags(after)) == str(tags(before))


def test_previews_in_private_tags_and_nothing_else_in_them() -> None:
    pixels = picture(90, 120, 3, "uint8")
    stream = jpeg(pixels)
    blob = b"HEAD" * 10 + stream + b"TAIL" * 10
    other = bytes(range(256))
    before, after, notes = restored(pixels, [(50005, 7, len(blob), blob, True), (50006, 7, 256, other, True)])
    assert notes == ("preview in tag 50005 made anew",)
    new = td.first(after).blob(50005)
    assert new and new.startswith(b"HEAD" * 10) and new.endswith(b"TAIL" * 10) and stream[-400:-300] not in after
    assert td.first(after).blob(50006) == other
    assert len(before) == len(after)


@pytest.mark.parametrize("big", [False, True])
def test_layers_and_credentials_are_dropped(big: bool) -> None:
    secret = bytes(range(256)) * 4
    extra = [(37724, 7, 1024, secret, True), (52545, 7, 1024, secret[::-1], True)]
    before, after, notes = restored(picture(90, 120, 3, "uint8"), extra, bigtiff=big)
    assert notes == ("Photoshop layers dropped", "content credentials (C2PA) dropped: they were for other pixels")
    assert secret[5:40] not in after and secret[::-1][5:40] not in after
    kept = [tag for tag in tags(before)[0] if tag[0] not in (37724, 52545)]
    assert str(tags(after)[0]) == str(kept)


def test_maker_notes() -> None:
    pixels = picture(90, 120, 3, "uint8")
    stream = jpeg(pixels)
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[0x8769] = {37500: b"Maker\0\0\0" + stream}
    info.tagtype[0x8769] = 4
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "tiff", tiffinfo=info)
    data = file.getvalue()
    assert stream in data
    result = encoded(np.where(MASK[:, :, None], 10, pixels).astype(np.uint8), data, MASK)
    assert result.notes == ("preview in the maker note made anew",)
    assert stream[-400:-300] not in result.data and b"Maker\0\0\0\xff\xd8" in result.data


def test_the_layout_of_cloud_optimised_files_is_no_promise_any_more() -> None:
    text = b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
    ghost = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(text) + text
    pixels = picture(90, 120, 3, "uint8")
    file = bytearray(write(pixels, rowsperstrip=90))
    # The directory moves behind the pixels, so that there is room for what GDAL writes behind the header.
    directory = td.first(bytes(file))
    file += file[-4:]
    end = len(file)
    file += file[directory.at : directory.end]
    struct.pack_into("<I", file, 4, end)
    file[8 : 8 + len(ghost)] = ghost
    data = bytes(file)
    assert same(decoded(data), pixels)
    corner = MASK.copy()
    corner[-1, -3:] = True
    result = encoded(np.where(corner[:, :, None], 10, pixels).astype(np.uint8), data, corner).data
    assert data[end - 4 : end] == data[end - 8 : end - 4] not in result
    assert b"KNOWN_INCOMPATIBLE_EDITION=YES\n" in result[:200] and len(result) == len(data)


def test_damaged_metadata_is_left() -> None:
    rng = np.random.default_rng(0)
    pixels = picture(90, 120, 3, "uint8")
    blob = bytearray(resources(pixels[::4, ::4]))
    for _ in range(40):
        damaged = bytearray(blob)
        for at in rng.integers(0, 60, 4):
            damaged[at] = rng.integers(256)
        extra = [(34377, 7, len(blob), bytes(damaged), True), (34665, 4, 1, int(rng.integers(0, 1 << 20)), True)]
        restored(pixels, extra)
