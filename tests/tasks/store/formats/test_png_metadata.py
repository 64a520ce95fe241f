import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.store.formats.png_chunks import chunks
from tasks.store.formats.png_metadata import icc, orientation, renewed
from tests.tasks.store.formats.pngs import GREY, chunk, listed, png, preview

KEYWORDS = {"xmp": b"XML:com.adobe.xmp", "exif": b"Raw profile type exif", "APP1": b"Raw profile type APP1"}


def picture(*added: bytes) -> bytes:
    return png(np.zeros((4, 4, 1), int), 8, GREY, b"".join(added))


def done(data: bytes) -> tuple[list[tuple[bytes, bytes]], tuple[str, ...]]:
    """The chunks and the notes, after the picture has changed to a dark one."""
    drawn = preview(np.full((60, 80, 3), 20, np.uint8))
    kept = [renewed(data, kind, start, end, drawn) for kind, start, end in chunks(data)]
    return listed(data[:8] + b"".join(k.data for k in kept)), tuple(note for k in kept for note in k.notes)


def jpeg(level: int = 230) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (80, 60), (level, 30, 30)).save(file, "JPEG", quality=95)
    return file.getvalue()


def exif_with_thumbnail(orientation: int = 6) -> bytes:
    """IFD0 with an orientation, IFD1 with a JPEG."""
    thumbnail = jpeg()
    ifd1 = struct.pack("<H", 3) + struct.pack("<HHIHH", 0x0103, 3, 1, 6, 0)
    ifd1 += struct.pack("<HHII", 0x0201, 4, 1, 68) + struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail)) + bytes(4)
    ifd0 = struct.pack("<H", 1) + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack("<I", 26)
    return b"II*\0\x08\0\0\0" + ifd0 + ifd1 + thumbnail


def xmp_with_thumbnail() -> bytes:
    import base64

    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><xmp:Thumbnails><xmpGImg:image>'
        + base64.b64encode(jpeg())
        + b"</xmpGImg:image></xmp:Thumbnails></rdf:RDF></x:xmpmeta>"
    )


def brightness(blob: bytes) -> float:
    """Of the JPEG inside."""
    return float(np.asarray(Image.open(io.BytesIO(blob[blob.index(b"\xff\xd8\xff") :])).convert("L")).mean())


def raw_profile(name: bytes, content: bytes) -> bytes:
    digits = content.hex().encode()
    lines = [digits[at : at + 72] for at in range(0, len(digits), 72)]
    return b"\n" + name + b"\n" + b"%8d" % len(content) + b"\n" + b"\n".join(lines) + b"\n"


@settings(derandomize=True, deadline=None)
@given(
    st.sampled_from(
        [b"gAMA", b"cICP", b"sRGB", b"cHRM", b"pHYs", b"sBIT", b"tIME", b"iCCP", b"vpAg", b"prVt", b"sPLT"]
    ),
    st.binary(max_size=40),
)
def test_other_chunks_stay_byte_for_byte(kind: bytes, payload: bytes) -> None:
    data = picture(chunk(kind, payload))
    assert done(data) == (listed(data), ())


@settings(derandomize=True, deadline=None)
@given(st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"eXIf"]), st.sampled_from(list(KEYWORDS)), st.binary(max_size=60))
def test_hostile_texts_and_exif_stay_as_they_are(kind: bytes, name: str, payload: bytes) -> None:
    for head in (b"", KEYWORDS[name] + b"\0", KEYWORDS[name] + b"\0\1\0\0\0"):
        data = picture(chunk(kind, head + payload))
        assert done(data) == (listed(data), ())
        assert orientation(data) in range(1, 9)


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_an_exif_thumbnail_shows_the_result(prefix: bytes) -> None:
    data = picture(chunk(b"eXIf", prefix + exif_with_thumbnail()))
    assert orientation(data) == 6
    after, notes = done(data)
    blob = dict(after)[b"eXIf"]
    assert notes == ("EXIF thumbnail made anew",)
    assert len(blob) == len(prefix) + len(exif_with_thumbnail())
    assert blob.startswith(prefix + exif_with_thumbnail()[:60])
    assert brightness(blob) < 40


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: chunk(b"iTXt", KEYWORDS["xmp"] + b"\0\0\0\0\0" + text),
        lambda text: chunk(b"iTXt", KEYWORDS["xmp"] + b"\0\1\0de\0Metadaten\0" + zlib.compress(text)),
        lambda text: chunk(b"zTXt", KEYWORDS["xmp"] + b"\0\0" + zlib.compress(text)),
    ],
    ids=["iTXt", "iTXt compressed", "zTXt"],
)
def test_an_xmp_thumbnail_shows_the_result(wrap: Any) -> None:
    data = picture(wrap(xmp_with_thumbnail()))
    after, notes = done(data)
    assert notes == ("XMP thumbnail made anew",)
    old, new = listed(data)[1][1], after[1][1]
    head = old.rindex(b"\0", 0, 40) + 1
    assert new[:head] == old[:head]
    text = new[head:] if b"xmpmeta" in old else zlib.decompress(new[head:])
    assert len(text) == len(xmp_with_thumbnail())
    assert text != xmp_with_thumbnail()
    assert text[:60] == xmp_with_thumbnail()[:60]


@pytest.mark.parametrize("holder", [b"tEXt", b"zTXt", b"iTXt"])
@pytest.mark.parametrize("name", ["exif", "APP1"])
def test_a_raw_profile_s_thumbnail_shows_the_result(holder: bytes, name: str) -> None:
    text = raw_profile(name.encode(), b"Exif\0\0" + exif_with_thumbnail())
    head = KEYWORDS[name] + {b"tEXt": b"\0", b"zTXt": b"\0\0", b"iTXt": b"\0\0\0\0\0"}[holder]
    after, notes = done(picture(chunk(holder, head + (zlib.compress(text) if holder == b"zTXt" else text))))
    assert notes == ("EXIF thumbnail made anew",)
    payload = after[1][1]
    assert payload.startswith(head)
    new = zlib.decompress(payload[len(head) :]) if holder == b"zTXt" else payload[len(head) :]
    lines, old_lines = new.split(b"\n"), text.split(b"\n")
    assert [len(line) for line in lines] == [len(line) for line in old_lines]
    assert lines[:3] == old_lines[:3]
    assert brightness(bytes.fromhex(b"".join(lines[3:]).decode())) < 40


def test_a_text_that_cannot_be_read_stays() -> None:
    data = picture(chunk(b"tEXt", b"Comment\0a plain comment"), chunk(b"zTXt", b"Author\0\0no zlib"))
    assert done(data) == (listed(data), ())


@pytest.mark.parametrize(
    ("dropped", "said"),
    [
        (b"caBX", "content credentials"),
        (b"gdAT", "gain map"),
        (b"iDOT", "iDOT"),
        (b"msOG", "embedded GIF"),
        (b"mkBT", "Fireworks"),
        (b"abCD", "chunk abCD"),
        (b"\xff\0\0\0", "dropped"),
    ],
)
def test_what_depends_on_the_old_pixels_goes(dropped: bytes, said: str) -> None:
    data = picture(chunk(b"pHYs", bytes(9)), chunk(dropped, b"old"), chunk(b"tIME", bytes(7)))
    after, notes = done(data)
    assert [k for k, _ in after] == [b"IHDR", b"pHYs", b"tIME", b"IDAT", b"IDAT", b"IEND"]
    assert len(notes) == 1
    assert said in notes[0]
    assert notes[0].endswith("dropped")


def test_icc() -> None:
    profile = bytes(range(256)) * 3
    assert icc(picture(chunk(b"iCCP", b"name\0\0" + zlib.compress(profile)))) == profile
    for payload in (b"", b"name", b"name\0", b"name\0\0", b"name\0\1" + zlib.compress(profile), b"name\0\0no zlib"):
        assert icc(picture(chunk(b"iCCP", payload))) is None
    assert icc(picture()) is None
    assert icc(b"") is None


def test_an_orientation_may_come_after_the_pixels() -> None:
    data = png(np.zeros((4, 4, 1), int), 8, GREY, b"", chunk(b"eXIf", exif_with_thumbnail(8)))
    assert orientation(data) == 8
    assert orientation(picture()) == 1


@pytest.mark.parametrize("name", [b"tEXt", b"zTXt"])
def test_a_picture_in_any_text(name: bytes) -> None:
    import base64

    text = b'{"preview": "' + base64.b64encode(jpeg()) + b'"}'
    method = b"\0" if name == b"zTXt" else b""
    payload = b"parameters\0" + method + (zlib.compress(text) if name == b"zTXt" else text)
    found, notes = done(picture(chunk(name, payload)))
    assert notes == ("picture in a text chunk made anew",)
    (after,) = (content for each, content in found if each == name)
    after = after[len(b"parameters\0" + method) :]
    after = zlib.decompress(after) if name == b"zTXt" else after
    assert len(after) == len(text)
    assert brightness(base64.b64decode(after.partition(b": ")[2].strip(b'"}'))) < 40
