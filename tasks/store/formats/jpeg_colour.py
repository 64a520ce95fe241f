"""How the components of a JPEG code colour, after libjpeg's rules (jdapimin.c, default_decompress_parms)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tasks.store.formats.jpeg_frame import Frame
from tasks.store.formats.jpeg_segments import APP0, APP14, SOS, Segment

Coding = Literal["grey", "rgb", "ycc", "cmyk", "ycck"]

# JFIF 1.02 (ITU-T T.871, clause 7): Y, Cb, Cr of R, G, B.
_YCC = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.299 / 1.772, -0.587 / 1.772, 0.886 / 1.772],
        [0.701 / 1.402, -0.587 / 1.402, -0.114 / 1.402],
    ]
)


def coding(data: bytes, found: Iterable[Segment], frame: Frame) -> Coding:
    """Which colour coding the components have."""
    jfif, transform = False, None
    for segment in found:
        if segment.marker == SOS:
            break
        payload = segment.payload(data)
        if segment.marker == APP0 and payload.startswith(b"JFIF\0") and len(payload) >= 14:
            jfif = True
        if segment.marker == APP14 and payload.startswith(b"Adobe") and len(payload) >= 12:
            transform = payload[11]
    if len(frame.components) == 1:
        return "grey"
    if len(frame.components) == 4:
        return "cmyk" if transform in (None, 0) else "ycck"
    if jfif:
        return "ycc"
    if transform is not None:
        return "ycc" if transform else "rgb"
    return "rgb" if tuple(c.number for c in frame.components) == tuple(b"RGB") else "ycc"


@dataclass(frozen=True)
class Samples:
    """A component's sample is `weights` · pixel + `offset`; pixels and samples 0 to 255."""

    weights: np.ndarray
    offset: float


def samples(coded: Coding) -> list[Samples]:
    """Of each component, how its samples come from decoded pixels.

    Decoded CMYK has full scale for full ink, and files hold it inverted: Adobe's applications began it, and libvips and
    Pillow read every file so. In YCCK (Adobe technical note 5116) Y, Cb, Cr are those of inverted CMY, inverted again.
    """
    matrix, offsets = {
        "grey": (np.eye(1), (0,)),
        "rgb": (np.eye(3), (0, 0, 0)),
        "ycc": (_YCC, (0, 128, 128)),
        "cmyk": (-np.eye(4), (255, 255, 255, 255)),
        "ycck": (_block(_YCC, -1.0), (0, 128, 128, 255)),
    }[coded]
    return [Samples(row.astype(np.float32), o) for row, o in zip(matrix, offsets, strict=True)]


def _block(upper: np.ndarray, last: float) -> np.ndarray:
    whole = np.zeros((4, 4))
    whole[:3, :3], whole[3, 3] = upper, last
    return whole
