"""What a method is to the benchmark: it fills a damaged photo, and says what decides its pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Damaged:
    """A photo with a hole. name: its path below the photos' root; kind: of mask.

    pixels (H, W, 3) uint8 RGB, 0 in the hole: the truth is not handed to a method. mask (H, W) bool.
    """

    name: str
    kind: str
    pixels: Pixels
    mask: Bool


# Pixels (H, W, 3) uint8 of the whole photo; what it holds outside the hole is not looked at.
Fill = Callable[[Damaged], Pixels]


class Unavailable(Exception):
    """The method cannot run here, or has nothing for this photo: a row with the status `skipped`, and why."""


class Method(Protocol):
    """Frozen and picklable; loaded in the worker that uses it."""

    @property
    def name(self) -> str:
        """As the command names it."""

    @property
    def timed(self) -> bool:
        """Whether its seconds are its own."""

    def version(self, photo: str, kind: str) -> str:
        """Digest of what decides the pixels of this photo, besides the program's code."""

    def load(self, threads: int) -> Fill:
        """Ready to fill, on so many threads. Raises Unavailable."""
