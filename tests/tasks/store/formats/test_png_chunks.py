import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store.formats.png_chunks import SIGNATURE, chunk, chunks, first, inflated
from tests.tasks.store.formats.pngs import chunk as expected
from tests.tasks.store.formats.pngs import listed

PARTS = st.lists(st.tuples(st.sampled_from([b"tEXt", b"IDAT", b"abcd"]), st.binary(max_size=20)), max_size=5)


@settings(derandomize=True, deadline=None)
@given(PARTS, st.binary(max_size=20))
def test_chunks_are_found_again(parts: list[tuple[bytes, bytes]], trailing: bytes) -> None:
    body = b"".join(chunk(*part) for part in [*parts, (b"IEND", b"")])
    assert body == b"".join(expected(*part) for part in [*parts, (b"IEND", b"")])
    data = SIGNATURE + body
    found = [(kind, data[start + 8 : end - 4]) for kind, start, end in chunks(data + trailing)]
    assert found == listed(data) == [*parts, (b"IEND", b"")]
    assert b"".join(data[start:end] for _, start, end in chunks(data)) == body
    assert first(data, b"tEXt") == next((p for k, p in parts if k == b"tEXt"), None)


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_have_chunks_or_none(data: bytes) -> None:
    assert all(end <= len(data) for _, _, end in chunks(data))


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=200))
def test_inflated(content: bytes) -> None:
    coded = zlib.compress(content)
    assert inflated(coded) == content
    assert inflated(coded + b"more") == content
    assert inflated(coded[:-1]) is None
    assert inflated(b"no zlib" + content) is None


def test_a_bomb_is_not_inflated() -> None:
    assert inflated(zlib.compress(bytes(1 << 20)), 1 << 16) is None
    assert inflated(zlib.compress(bytes(1 << 16)), 1 << 16) == bytes(1 << 16)
