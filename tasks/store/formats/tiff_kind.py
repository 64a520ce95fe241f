"""What a TIFF directory says its samples mean, and which of it can be given back (TIFF 6.0, sections 3 to 8, 16, 18)."""

from dataclasses import dataclass

import numpy as np

from tasks.store.formats import tiff_directory as td
from tasks.store.formats.header import Model
from tasks.store.formats.tiff_directory import Directory

NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD = 1, 5, 8, 32946, 32773, 34925, 50000
WRITABLE = frozenset((NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD))
_WITHOUT_PREDICTOR = frozenset((NONE, PACKBITS))
_ASSOCIATED = 1
_FLOAT = 3
_FORMATS = {2: "signed", 5: "complex", 6: "complex"}
_COMPRESSIONS = {
    2: "fax", 3: "fax", 4: "fax", 6: "old JPEG", 7: "JPEG", 34712: "JPEG 2000", 34887: "LERC", 50001: "WebP", 50002: "JPEG XL",
}  # fmt: skip
_PHOTOMETRICS = {
    4: "transparency mask",
    6: "YCbCr",
    8: "Lab",
    9: "Lab",
    10: "Lab",
    32803: "camera raw",
    34892: "camera raw",
}
_MODELS: dict[int, Model] = {0: "grey", 1: "grey", 2: "rgb", 3: "rgb", 5: "cmyk"}
_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4}
_DNG_VERSION = 50706
_CMYK_INKS = 1


@dataclass(frozen=True)
class Kind:
    """`bits` a sample; `samples` a pixel, as stored; the last of them is `alpha` (or another extra channel).

    `associated`: colour is stored multiplied by alpha. `inverted`: 0 is white. `palette`: the sample is an index.
    """

    model: Model
    bits: int
    samples: int
    alpha: bool
    associated: bool
    inverted: bool
    palette: bool

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Of a sample, in this machine's byte order: uint8, uint16 or float32."""
        return np.dtype({8: np.uint8, 16: np.uint16}.get(self.bits, np.float32))


def kind_of(directory: Directory) -> Kind:
    """The kind of a directory for which `reason` finds nothing to say. Raises EndsEarly and ImageUnreadable."""
    photometric = directory.integer(td.PHOTOMETRIC, 1)
    samples = directory.integer(td.SAMPLES, 1)
    alpha = samples > _COLOURS.get(photometric, 1)
    return Kind(
        _MODELS.get(photometric, "grey"),
        max(directory.integers(td.BITS, (1,)), default=1),
        samples,
        alpha,
        alpha and directory.integer(td.EXTRA_SAMPLES, 0) == _ASSOCIATED,
        photometric == 0,
        photometric == 3,
    )


def reason(directory: Directory) -> str | None:
    """Why this picture cannot be given back as it was, or None. Raises EndsEarly and ImageUnreadable."""
    photometric = directory.integer(td.PHOTOMETRIC, 1)
    compression = directory.integer(td.COMPRESSION, 1)
    named = _COMPRESSIONS.get(compression)
    reasons = {
        "camera raw (DNG)": _DNG_VERSION in directory.entries,
        f"TIFF with {f'{named} ' if named else ''}compression{'' if named else f' {compression}'}": compression
        not in WRITABLE,
        f"{_PHOTOMETRICS.get(photometric, f'photometric {photometric}')} TIFF": photometric not in _MODELS,
        "TIFF of inks that are not CMYK": photometric == 5 and directory.integer(td.INK_SET, _CMYK_INKS) != _CMYK_INKS,
        "TIFF with bits in reverse order": directory.integer(td.FILL_ORDER, 1) != 1,
        "TIFF of volumes": directory.integer(td.IMAGE_DEPTH, 1) != 1,
        f"TIFF with planar configuration {directory.integer(td.PLANAR, 1)}": directory.integer(td.PLANAR, 1)
        not in (1, 2),
        "TIFF that does not say how long its compressed strips are": compression != NONE
        and td.STRIP_BYTES not in directory.entries
        and td.TILE_BYTES not in directory.entries,
        "TIFF with old-style LZW": compression == LZW and _old_lzw(directory),
    }
    found = next((reason for reason, holds in reasons.items() if holds), None)
    return found or _sample_reason(directory, photometric) or _predictor_reason(directory, compression)


def _sample_reason(directory: Directory, photometric: int) -> str | None:
    samples = directory.integer(td.SAMPLES, 1)
    bits = set(directory.integers(td.BITS, (1,)))
    # 4 is "undefined": read as integers, as TIFF 6.0 says of data whose format nobody knows.
    formats = set(directory.integers(td.SAMPLE_FORMAT, (1,))) - {4} or {1}
    colours = _COLOURS[photometric]
    several = ", ".join(map(str, sorted(bits)))
    reasons = {
        f"TIFF of {_FORMATS.get(min(formats), f'format {min(formats)}')} samples": not formats <= {1, _FLOAT},
        "TIFF of samples of several formats": len(formats) > 1,
        f"TIFF of {several}-bit floats": formats == {_FLOAT} and bits != {32},
        f"TIFF of {several} bits": formats == {1} and bits not in ({8}, {16}),
        f"palette TIFF of {several} bits": photometric == 3 and bits != {8},
        "palette TIFF without its palette": photometric == 3 and len(directory.array(td.COLOUR_MAP)) != 3 * 256,
        "MinIsWhite float TIFF": photometric == 0 and formats == {_FLOAT},
        f"TIFF of {samples} channels": samples not in (colours, colours + 1),
        "premultiplied MinIsWhite TIFF": photometric == 0
        and samples == 2
        and directory.integer(td.EXTRA_SAMPLES, 0) == _ASSOCIATED,
        "palette TIFF with alpha": photometric == 3 and samples != 1,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _predictor_reason(directory: Directory, compression: int) -> str | None:
    predictor = directory.integer(td.PREDICTOR, 1)
    floats = directory.integer(td.SAMPLE_FORMAT, 1) == _FLOAT
    if predictor not in (1, 2, 3) or (predictor == 3 and not floats):
        return f"TIFF with predictor {predictor}"
    if predictor != 1 and compression in _WITHOUT_PREDICTOR:
        # Readers differ in whether they heed it.
        return "uncompressed TIFF with a predictor"
    return None


def _old_lzw(directory: Directory) -> bool:
    """Codes with the low bits first, as written before TIFF 6.0: they begin with a clear code read that way."""
    tag = td.TILE_OFFSETS if td.TILE_OFFSETS in directory.entries else td.STRIP_OFFSETS
    offsets = directory.array(tag)
    at = int(offsets[0]) if len(offsets) else -1
    start = directory.data[at : at + 2] if at >= 0 else b""
    return len(start) == 2 and start[0] == 0 and start[1] & 1 == 1
