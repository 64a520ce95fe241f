"""Random damage: files decode or are refused with a type, manifests are read or refused, nothing else comes out."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.catalog.manifest import COLUMNS, read_manifest
from tasks.errors import ItemError, UsageError
from tasks.store.image import decode, decode_mask, icc, read_header
from tests.corpus.kinds import kinds

pytestmark = pytest.mark.slow

FILES = [kind.data for kind in kinds()]
HARD = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
MAX_MP = 2.0


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file of any kind with bytes changed, put in, taken out, repeated, or joined to another file's end."""
    data = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(1, 6))):
        # most of what can be lied about stands near the begin
        at = draw(st.integers(0, min(len(data), 400)) | st.integers(0, len(data)))
        what = draw(st.sampled_from(["change", "add", "remove", "repeat", "join"]))
        if what == "change":
            new = draw(st.binary(min_size=1, max_size=8))
            data[at : at + len(new)] = new
        elif what == "add":
            data[at:at] = draw(st.binary(min_size=1, max_size=40))
        elif what == "remove":
            del data[at : at + draw(st.integers(1, 300))]
        elif what == "repeat":
            data[at:at] = data[at : at + draw(st.integers(1, 300))]
        else:
            data[at:] = draw(st.sampled_from(FILES))[at:]
    return bytes(data)


@HARD
@given(damaged())
def test_a_damaged_image_decodes_or_is_refused(data: bytes) -> None:
    with contextlib.suppress(ItemError):
        header = read_header(data, MAX_MP)
        icc(data)
        pixels = decode(data, header)
        assert pixels.shape == (header.height, header.width, header.channels)
        assert pixels.dtype == header.dtype


@HARD
@given(damaged())
def test_a_damaged_mask_decodes_or_is_refused(data: bytes) -> None:
    with contextlib.suppress(ItemError):
        mask, orientation = decode_mask(data, MAX_MP)
        assert mask.ndim == 2 and 1 <= orientation <= 8


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
LINES = st.dictionaries(st.sampled_from(COLUMNS) | st.text(max_size=5), JSON, max_size=5).map(json.dumps)
MANIFESTS = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(LINES, max_size=4).map(lambda lines: "\n".join(lines).encode()),
    st.lists(st.lists(st.text(max_size=9), max_size=6).map(",".join), max_size=4).map(
        lambda lines: ("image,mask,boxes,name,override\n" + "\n".join(lines)).encode("utf-8", "surrogatepass")
    ),
)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_any_manifest_is_read_or_refused(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"manifest{suffix}"

    @HARD
    @given(MANIFESTS)
    def read(data: bytes) -> None:
        file.write_bytes(data)
        with contextlib.suppress(UsageError):
            for row in read_manifest(str(file)):
                assert row.image and row.where
                assert row.override is None or isinstance(json.loads(row.override), dict)

    read()
