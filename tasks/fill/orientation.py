"""EXIF orientation: where a mask that was drawn over the turned picture lies on the stored pixels."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.errors import MaskAmbiguous

Bool = NDArray[np.bool_]
Shape = tuple[int, int]
Policy = Literal["auto", "viewer", "stored"]

# What a viewer does to stored pixels (EXIF 2.32, tag 274), and its inverse; number 1 leaves them as they are.
_TURNS: dict[int, Callable[[NDArray[np.generic]], NDArray[np.generic]]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}
_INVERSE = {6: 8, 8: 6}


def upright(pixels: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """Stored pixels (H, W, …) as a viewer shows them: (W, H, …) for orientations 5 to 8."""
    return _TURNS[orientation](pixels)


def as_stored(pixels: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """The inverse of `upright`."""
    return _TURNS[_INVERSE.get(orientation, orientation)](pixels)


def shown_shape(shape: Shape, orientation: int) -> Shape:
    """(H, W) of the stored picture -> (H, W) in a viewer."""
    return (shape[1], shape[0]) if orientation >= 5 else shape


def over_stored(stored: Bool | None, shown: Bool | None, orientation: int, policy: Policy) -> Bool | None:
    """The hole over stored pixels, (H, W) bool, or None where it fits neither reading that the policy allows.

    stored: the hole read as lying over stored pixels, shown: read as lying over what a viewer shows; None where its size
    does not fit that reading. orientation: the image's, 1 to 8; policy: `mask.orientation`. Raises MaskAmbiguous where
    `auto` finds that both readings fit and differ.
    """
    if policy == "stored" or (orientation == 1 and shown is stored):
        return stored
    turned = None if shown is None else np.ascontiguousarray(as_stored(shown, orientation), dtype=np.bool_)
    if policy == "viewer" or stored is None:
        return turned
    if turned is not None and not np.array_equal(stored, turned):
        raise MaskAmbiguous(
            f"the image has EXIF orientation {orientation}, and its mask fits both as a viewer turns them and as they are "
            "stored: set mask.orientation to viewer or stored"
        )
    return stored
