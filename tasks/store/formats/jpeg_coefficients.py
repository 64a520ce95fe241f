"""Quantised DCT coefficients of a JPEG, read by libjpeg (jpeglib) from memory."""

import ctypes
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tasks.errors import ImageUnreadable
from tasks.store.formats.jpeg_frame import Frame
from tasks.store.formats.jpeg_segments import DHT, DQT, DRI, SOF, SOS, Segment
from tasks.store.formats.vips import library as vips

# libjpeg-turbo: the decoder of nearly everyone, so that what it makes of an odd file is what everyone sees.
_VERSION = "turbo210"
_NEEDED = SOF | {DHT, DQT, DRI, SOS}


def read(data: bytes, found: Iterable[Segment], frame: Frame) -> list[np.ndarray]:
    """Coefficients of each component, (rows, columns, 64) int16, rows and columns as `frame.blocks` says.

    Raises ImageUnreadable. Thread-safe, and the interpreter lock is released: libjpeg's state is that of the call.
    """
    stream = bytes_without_metadata(data, found)
    # jpeglib crashes on errors in a header. libvips reads it first, with a library of the same family.
    try:
        header = vips().Image.jpegload_buffer(stream)
    except vips().Error as error:
        raise ImageUnreadable(f"JPEG: {' '.join(str(error).split())}") from None
    if (header.height, header.width, header.bands) != (frame.height, frame.width, len(frame.components)):
        raise ImageUnreadable("JPEG: two frame headers")
    planes = [np.zeros((*frame.blocks(i), 64), np.int16) for i in range(len(frame.components))]
    pointers = [plane.ctypes.data_as(ctypes.c_void_p) for plane in planes]
    pointers += [ctypes.c_void_p()] * (4 - len(planes))
    with _path_of(stream) as path:
        # No tables are asked for: they are in the file's own segments.
        done = _library().read_jpeg_dct(os.fsencode(path), *pointers, ctypes.c_void_p(), ctypes.c_void_p())
    if not done:
        raise ImageUnreadable("JPEG: libjpeg cannot read its coefficients")
    return planes


def bytes_without_metadata(data: bytes, found: Iterable[Segment]) -> bytes:
    """The file with nothing in it but what decoding needs: no segment of others can confuse the reader."""
    parts = [data[s.start : s.until] for s in found if s.marker in _NEEDED]
    return b"".join((b"\xff\xd8", *parts, b"\xff\xd9"))


@cache
def _library() -> Any:
    from jpeglib import version  # type: ignore[import-untyped]

    version.set(_VERSION)
    return version._get_lib()


@contextmanager
def _path_of(data: bytes) -> Iterator[str]:
    """A path under which `data` can be read: jpeglib takes nothing else. In memory where the system can."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").exists():
        with os.fdopen(os.memfd_create("jpeg"), "wb") as file:
            file.write(data)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.NamedTemporaryFile(suffix=".jpg", delete=False) as named:
        named.write(data)
    try:
        yield named.name
    finally:
        with suppress(OSError):
            Path(named.name).unlink()
