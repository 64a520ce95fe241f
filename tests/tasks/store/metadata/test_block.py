import base64

import pytest

from tasks.store.metadata import block
from tasks.store.metadata.renewed import Renewed
from tests.tasks.store.metadata.secret import exif, jpeg, leaks, result, text_leaks
from tests.tasks.store.metadata.test_photoshop import resource, thumbnail

XMP = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta a:image="' + base64.b64encode(jpeg(40, 30)) + b'"/>'
RESOURCE = resource(1036, thumbnail(jpeg()))


@pytest.mark.parametrize(
    ("blob", "note"),
    [
        (exif("<", jpeg()), "EXIF thumbnail made anew"),
        (b"Exif\0\0" + exif(">", jpeg()), "EXIF thumbnail made anew"),
        (XMP, "XMP thumbnail made anew"),
        (RESOURCE, "Photoshop thumbnail made anew"),
        (b"Photoshop 3.0\0" + RESOURCE, "Photoshop thumbnail made anew"),
        (b"another" + jpeg(), "preview in another block made anew"),
    ],
)
def test_by_its_first_bytes(blob: bytes, note: str) -> None:
    made = block.renewed(blob, result(), "preview in another block")
    assert made.notes == (note,) and len(made.data) == len(blob) and made.data[:6] == blob[:6]
    assert not leaks(made.data) and not text_leaks(made.data)


@pytest.mark.parametrize("blob", [b"", b"text", exif("<"), XMP[:60]])
def test_nothing_embedded(blob: bytes) -> None:
    assert block.renewed(blob, result(), "preview") == Renewed(blob)
