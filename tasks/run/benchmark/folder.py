"""Method `folder:PATH`: what another program made of the same photos and masks."""

import hashlib
import posixpath
from contextlib import suppress
from dataclasses import dataclass

from tasks.run.benchmark.method import Damaged, Fill, Pixels, Unavailable
from tasks.run.benchmark.photos import decoded
from tasks.store.objects import Store

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True)
class Folder:
    """Results lie in `<root>/<kind of mask>/`, each under its photo's path, with any suffix of an image.

    Only the hole is taken from them: a program that also changes what is known is judged by its fill.
    """

    name: str
    root: str
    timed: bool = False

    def version(self, photo: str, kind: str) -> str:
        """Of the result's bytes."""
        try:
            return hashlib.sha256(self._read(photo, kind)).hexdigest()
        except Unavailable:
            return "not there"

    def load(self, threads: int) -> Fill:  # noqa: ARG002 - nothing is computed
        """Reads a result when it is asked for."""

        def fill(damaged: Damaged) -> Pixels:
            pixels = decoded(self._read(damaged.name, damaged.kind), damaged.name)
            if pixels.shape != damaged.pixels.shape:
                have, want = (f"{shape[1]} × {shape[0]} px" for shape in (pixels.shape, damaged.pixels.shape))
                raise ValueError(f"the result has {have}, the photo {want}")
            return pixels

        return fill

    def _read(self, photo: str, kind: str) -> bytes:
        store = Store(self.root)
        stem, suffix = posixpath.splitext(photo)
        for each in dict.fromkeys((suffix, *SUFFIXES)):
            with suppress(FileNotFoundError):
                return store.read(f"{kind}/{stem}{each}")
        raise Unavailable(f"no {kind}/{stem}.* in {store.root}")
