import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store.formats.jpeg_bits import BitWriter
from tasks.store.formats.jpeg_symbols import RAW, RESTART, Items

CODES, LENGTHS = np.zeros(RESTART + 1, np.uint32), np.zeros(RESTART + 1, np.uint8)
for _key in range(16):
    CODES[_key], LENGTHS[_key] = (1 << _key) - _key % 2, _key + 1

ITEM = st.tuples(st.sampled_from([*range(16), RAW]), st.integers(0, 15), st.integers(0, 2**15 - 1))


def expected(parts: list[list[tuple[int, int, int]]]) -> bytes:
    """The same, bit by bit."""
    out, bits, restarts = b"", "", 0

    def flushed() -> bytes:
        whole = bits + "1" * (-len(bits) % 8)
        return bytes(int(whole[i : i + 8], 2) for i in range(0, len(whole), 8)).replace(b"\xff", b"\xff\0")

    for key, size, value in (item for part in parts for item in part):
        if key == RESTART:
            out, bits = out + flushed() + bytes((0xFF, 0xD0 + restarts % 8)), ""
            restarts += 1
            continue
        bits += f"{int(CODES[key]):0{LENGTHS[key]}b}" if LENGTHS[key] else ""
        bits += f"{value & (1 << size) - 1:0{size}b}" if size else ""
    return out + flushed()


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.lists(ITEM | st.just((RESTART, 0, 0)), max_size=40), max_size=5))
def test_bit_by_bit(parts: list[list[tuple[int, int, int]]]) -> None:
    writer = BitWriter(CODES, LENGTHS)
    done = b""
    for part in parts:
        columns = np.array(part, np.int64).reshape(-1, 3)
        extra = columns[:, 2] & (1 << columns[:, 1]) - 1
        done += writer.add(
            Items(columns[:, 0].astype(np.uint16), extra.astype(np.uint16), columns[:, 1].astype(np.uint8))
        )
    assert done + writer.finish() == expected(parts)
