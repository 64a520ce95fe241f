import time

import pytest
from hypothesis import given, settings

from tasks.store.metadata import exif as exif_module
from tasks.store.metadata import raw_profile
from tasks.store.metadata.renewed import Renewed
from tests.tasks.store.metadata.secret import exif, hostile, jpeg, leaks, result

PAYLOAD = b"Exif\0\0" + exif("<", jpeg())


def profile(payload: bytes, name: bytes = b"exif") -> bytes:
    digits = payload.hex().encode()
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return b"\n" + name + b"\n%8d\n" % len(payload) + lines + b"\n"


def test_exif() -> None:
    made = raw_profile.renewed(profile(PAYLOAD), result())
    expected = exif_module.renewed(PAYLOAD, result())
    assert made == Renewed(profile(expected.data), ("EXIF thumbnail made anew",))


def test_any_other() -> None:
    text = profile(b"other" + jpeg(), b"generic profile")
    made = raw_profile.renewed(text, result())
    assert made.notes == ("preview in a raw profile made anew",) and made.data[:36] == text[:36]
    assert not leaks(bytes.fromhex(made.data.split(b"\n", 3)[3].replace(b"\n", b"").decode()))


@pytest.mark.parametrize("text", [b"", b"text", b"\nexif\n", profile(exif("<")), profile(b""), b"\nexif\n 4\nabc"])
def test_nothing_embedded(text: bytes) -> None:
    assert raw_profile.renewed(text, result()) == Renewed(text)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(hostile(profile(b"Exif\0\0" + exif(">", jpeg(40, 30)))))
def test_hostile_bytes(text: bytes) -> None:
    made = raw_profile.renewed(text, result())
    assert len(made.data) == len(text) and (bool(made.notes) or made.data == text)


def test_time_is_linear() -> None:
    start = time.perf_counter()
    raw_profile.renewed(profile(b"") + b"a\n" * 400_000, result())
    assert time.perf_counter() - start < 10
