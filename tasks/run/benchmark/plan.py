"""What a benchmark is to compute: the rows that it wants, less those that are there."""

from collections.abc import Sequence
from functools import cached_property

from tasks.publish.benchmark.crops import crop_path
from tasks.publish.benchmark.rows import Key, done_keys, key_of
from tasks.run.benchmark.method import Method
from tasks.run.benchmark.photos import Photo
from tasks.run.benchmark.work import BenchmarkJob, Unit
from tasks.store.objects import Store

SHOWN = 6  # photos on the contact sheet


class Plan:
    """All that is wanted: a unit for each photo and kind of mask. (No dataclass: Prefect would walk through all of it.)"""

    def __init__(
        self, photos: Sequence[Photo], kinds: Sequence[str], methods: Sequence[Method], job: BenchmarkJob
    ) -> None:
        self.job = job
        self.photos = len(photos)
        # on the contact sheet: the first by digest, so that it is no choice of the eye
        self.shown = sorted(photo.sha256 for photo in photos)[:SHOWN]
        self.units = [
            Unit(photo, kind, tuple(methods), photo.sha256 in self.shown) for photo in photos for kind in kinds
        ]

    @property
    def rows(self) -> int:
        """How many rows are wanted."""
        return sum(len(unit.methods) for unit in self.units)

    @cached_property
    def keys(self) -> list[Key]:
        """The keys of the rows, unit by unit; results of other programs are read for it, once."""
        return [key_of(unit.row(method, self.job)) for unit in self.units for method in unit.methods]

    def left(self) -> list[Unit]:
        """What is still to be done: rows that are not there or not `ok`, or whose crop for the sheet is not there."""
        store = Store(self.job.out)
        done, keys = done_keys(store, self.keys), iter(self.keys)
        found = []
        for unit in self.units:
            mine = zip(unit.methods, keys, strict=False)  # the shorter first: it takes no key too many
            lacking = tuple(m for m, key in mine if key not in done or self._lacks_crop(unit, m, store))
            if lacking:
                found.append(Unit(unit.photo, unit.kind, lacking, unit.shown))
        return found

    def _lacks_crop(self, unit: Unit, method: Method, store: Store) -> bool:
        path = crop_path(self.job.seed, unit.kind, unit.photo.sha256, method.name)
        return unit.shown and not store.exists(path)
