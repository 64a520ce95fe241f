"""The photos of a benchmark: listed, identified by their bytes, decoded; and the hole that each gets."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pyarrow.compute as pc

from models.training.masks import stroke_masks
from tasks.catalog.catalog import build_catalog
from tasks.catalog.settings import SourceSettings
from tasks.errors import ImageUnreadable, UsageError
from tasks.run.benchmark.method import Bool, Pixels
from tasks.store.objects import read_url

KINDS = ("thin", "medium", "thick")
THREADS = 8


@dataclass(frozen=True)
class Photo:
    """name: its path below the root; stem: the same without suffix; sha256 of its bytes."""

    name: str
    url: str
    sha256: str

    @property
    def stem(self) -> str:
        """What masks and results are called by."""
        folder, slash, name = self.name.rpartition("/")
        return f"{folder}{slash}{name.rpartition('.')[0] or name}"


def list_photos(photos: str, settings: SourceSettings, limit: int | None = None) -> list[Photo]:
    """Photos of a folder, glob, file or manifest, in the order of their names; one of several with the same bytes.

    limit: at most so many, spread evenly over the names. Raises UsageError where there are none, or where two differ in
    their suffix only, or one is refused by its name; StorageDenied, StorageUnavailable.
    """
    table = build_catalog(photos, source=settings, mask_source="alpha").table
    refused = table.filter(pc.is_valid(table["error"])).slice(0, 1).to_pylist()
    if refused:
        raise UsageError(f"{refused[0]['image']}: {refused[0]['error']}: {refused[0]['message']}")
    there = sorted(zip(table["output"].to_pylist(), table["image"].to_pylist(), strict=True))
    if not there:
        raise UsageError(f"{photos}: no photos")
    if limit is not None and limit < len(there):
        there = [there[index] for index in np.linspace(0, len(there) - 1, limit).round().astype(int)]
    with ThreadPoolExecutor(THREADS) as pool:
        digests = list(pool.map(lambda each: hashlib.sha256(read_url(each[1])).hexdigest(), there))
    found: dict[str, Photo] = {}
    for (name, url), digest in zip(there, digests, strict=True):
        found.setdefault(digest, Photo(name, url, digest))
    stems = [photo.stem for photo in found.values()]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise UsageError(f"{photos}: two photos are called {twice}, with different suffixes: rename one")
    return list(found.values())


def decoded(data: bytes, name: str) -> Pixels:
    """(H, W, 3) uint8 RGB as a viewer shows it. Raises ImageUnreadable."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:  # more pixels than OpenCV's limit
        pixels = None
    if pixels is None:
        raise ImageUnreadable(f"{name} cannot be decoded")
    return np.ascontiguousarray(pixels[:, :, ::-1], dtype=np.uint8)


def hole_of(photo_sha256: str, shape: tuple[int, int], kind: str, seed: int) -> Bool:
    """The hole (H, W) bool: LaMa's `thin`, `medium` or `thick` of 512 px, scaled to the longer side, at most half covered.

    Seeded by the photo's bytes: neither other photos nor their order matter. Raises KeyError for another kind, ValueError
    for a photo that is too small for one.
    """
    draw = stroke_masks(kind, max(shape))
    words = [int(photo_sha256[start : start + 8], 16) for start in range(0, 64, 8)]
    rng = np.random.default_rng([seed, KINDS.index(kind), *words])
    return draw(shape, rng)
