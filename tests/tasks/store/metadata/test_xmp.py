import base64
import io
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.store.metadata import xmp
from tasks.store.metadata.renewed import Renewed
from tests.tasks.store.metadata.secret import hostile, jpeg, result, text_leaks

HEAD = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:g="http://ns.adobe.com/xap/1.0/g/img/" xmlns:gd="http://ns.google.com/photos/1.0/depthmap/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:title="Ein schöner Tag" '
)
TAIL = "</rdf:Description></rdf:RDF></x:xmpmeta>" + " " * 100 + '<?xpacket end="w"?>'
LETTERS = base64.b64encode(jpeg(64, 48)).decode()
BROKEN = "&#xA;".join(LETTERS[at : at + 76] for at in range(0, len(LETTERS), 76))

THUMBNAILS = "<xmp:Thumbnails><rdf:Alt><rdf:li>%s</rdf:li></rdf:Alt></xmp:Thumbnails>"
ELEMENT = f"{HEAD}>{THUMBNAILS % '<g:format>JPEG</g:format><g:image>%s</g:image>'}{TAIL}"
ATTRIBUTE = f'{HEAD} g:format="JPEG" g:image="%s">{TAIL}'
DEPTHS = [f'{HEAD} gd:Data="%s">{TAIL}', f"{HEAD}><gd:Data>%s</gd:Data>{TAIL}", f'{HEAD} x:DepthImage="%s">{TAIL}']
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


def valid(text: str) -> bool:
    import xml.etree.ElementTree as etree

    return etree.fromstring(text[text.index("<x:") : text.index("</x:xmpmeta>") + 12]) is not None


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("layout", [ELEMENT, ATTRIBUTE], ids=["element", "attribute"])
@pytest.mark.parametrize("letters", [LETTERS, BROKEN, f"\n   {BROKEN}\n  "], ids=["plain", "broken", "spaces"])
def test_thumbnails(encoding: str, layout: str, letters: str) -> None:
    packet = (layout % letters).encode(encoding)
    made = xmp.renewed(packet, result())
    assert made.notes == ("XMP thumbnail made anew",) and len(made.data) == len(packet)
    before, after = layout % letters, made.data.decode(encoding)
    assert text_leaks(before.encode()) and not text_leaks(after.encode()) and valid(after)
    start = before.index(letters)
    assert after[:start] == before[:start] and after[start + len(letters) :] == before[start + len(letters) :]
    new = after[start : start + len(letters)].replace("&#xA;", "")
    assert Image.open(io.BytesIO(base64.b64decode(new))).size == (64, 48)
    assert new.count("\n") == letters.count("\n")


@pytest.mark.parametrize("layout", DEPTHS)
def test_depth_maps_are_blanked(layout: str) -> None:
    made = xmp.renewed((layout % BROKEN).encode(), result())
    assert made == Renewed((layout % (" " * len(BROKEN))).encode(), ("XMP depth map dropped",))


@pytest.mark.parametrize("layout", [ELEMENT, ATTRIBUTE])
def test_other_images_are_blanked(layout: str) -> None:
    letters = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(300)).decode()
    made = xmp.renewed((layout % letters).encode(), result())
    assert made == Renewed((layout % (" " * len(letters))).encode(), ("XMP thumbnail dropped",))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_nothing_embedded(encoding: str) -> None:
    for text in ("", ELEMENT % "", ATTRIBUTE % base64.b64encode(bytes(range(256))).decode()):
        packet = text.encode(encoding)
        assert xmp.renewed(packet, result()) == Renewed(packet)


def test_a_part_of_a_packet() -> None:
    packet = (ELEMENT % BROKEN).encode()[300:]
    made = xmp.renewed(packet, result())
    assert made.notes and not text_leaks(made.data)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.sampled_from([ELEMENT, ATTRIBUTE, *DEPTHS]).flatmap(
        lambda layout: hostile(*((layout % BROKEN[:1500]).encode(e) for e in ("utf-8", "utf-16", "utf-32-be")))
    )
)
def test_hostile_bytes(packet: bytes) -> None:
    made = xmp.renewed(packet, result())
    assert len(made.data) == len(packet) and (bool(made.notes) or made.data == packet)


@pytest.mark.parametrize("piece", ['g:image="' + "/9j/" + "A" * 80 + '" ', "<", "<a:b>", " xmlns:a=", "=\"'"])
def test_time_is_linear(piece: str) -> None:
    start = time.perf_counter()
    xmp.renewed((HEAD + piece * (500_000 // len(piece))).encode(), result())
    assert time.perf_counter() - start < 10
