"""Where a scenario happens: an archive and a sink on a store that can fail, and everything around a run made repeatable."""

import concurrent.futures
import contextlib
import datetime as dates
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fsspec.registry import _registry as registry

from tasks.catalog import listing, source
from tasks.publish import run_record
from tasks.run import crew, item, loss, pool, prepare, restorer
from tasks.run.prepare import NamedWeights
from tasks.store import filesystems, objects, retry
from tests.chaos.bucket import NAME, Bucket, BucketFileSystem
from tests.chaos.crew import NODE, InTurn, Luck, Ray
from tests.chaos.disk import Disk
from tests.chaos.elsewhere import ElsewhereFileSystem
from tests.chaos.faults import Faults
from tests.chaos.life import step
from tests.support import SUFFIXES, encoded, photo, spots

BACKENDS = ("local", "s3", "gs")
SIZE = (24, 24)


@cache
def originals(changed: bool = False) -> dict[str, bytes]:
    """Name -> bytes of an archive: formats mixed, an empty mask, an item without one, a broken image, one that cannot be read.

    `changed`: later, with one more picture and other masks for two.
    """
    files: dict[str, bytes] = {}
    for number in range(7 if changed else 6):
        suffix = SUFFIXES[number % len(SUFFIXES)]
        seed = number + 50 if changed and number in (1, 4) else number
        mask = spots(*SIZE, seed) if number != 3 else np.zeros(SIZE, np.uint8)
        files[f"images/box {number % 2}/picture {number}{suffix}"] = encoded(photo(*SIZE, number), suffix)
        files[f"masks/box {number % 2}/picture {number}.png"] = encoded(mask, ".png")
    files["images/lonely.png"] = encoded(photo(*SIZE, 99), ".png")
    whole = encoded(photo(*SIZE, 98), ".png")
    files["images/torn.png"], files["masks/torn.png"] = whole[: len(whole) // 2], encoded(spots(*SIZE, 9), ".png")
    return files


@dataclass
class World:
    """One store with `in/` (the archive) and `sink/`; see `world`."""

    backend: str
    folder: Path
    bucket: Bucket = field(default_factory=Bucket)
    disk: Disk = field(default_factory=Disk)
    jump_s: float = 0.0  # how wrong the clock is

    @property
    def root(self) -> str:
        return {"local": str(self.folder), "s3": f"s3://{NAME}/work", "gs": f"gs://{NAME}/work"}[self.backend]

    def fail(self, faults: Faults) -> Faults:
        """From now on these faults are to come, and no others."""
        self.bucket.faults = self.disk.faults = faults
        return faults

    def files(self, below: str) -> dict[str, bytes]:
        """Relative path -> bytes of what lies in a folder, dot-files included; no fault touches it."""
        if self.backend == "local":
            top = self.folder / below
            return {str(p.relative_to(top)): p.read_bytes() for p in sorted(top.rglob("*")) if p.is_file()}
        start = self._key(below) + "/"
        found = sorted(self.bucket.objects.items())
        return {key[len(start) :]: o.data for key, o in found if key.startswith(start)}

    def put(self, path: str, data: bytes) -> None:
        if self.backend == "local":
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(data)
        else:
            self.bucket.put(self._key(path), data)

    def remove(self, path: str) -> None:
        if self.backend == "local":
            (self.folder / path).unlink()
        else:
            del self.bucket.objects[self._key(path)]

    def fill(self, changed: bool = False) -> None:
        """The archive, as it is at first or later."""
        there = self.files("in")
        for name, data in originals(changed).items():
            if there.get(name) != data:
                self.put(f"in/{name}", data)

    def _key(self, path: str) -> str:
        return f"work/{path}" if self.backend == "s3" else f"{NAME}/work/{path}"


@contextlib.contextmanager
def world(backend: str, folder: Path) -> Iterator[World]:
    """A world in force: storage fails as it is told, nothing waits, threads take turns, and each step counts."""
    made = World(backend, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filesystems, "_made", {})
        for kind in (BucketFileSystem, ElsewhereFileSystem):
            patch.setattr(kind, "bucket", made.bucket)
        for name, kind in (("s3", BucketFileSystem), ("gs", ElsewhereFileSystem)):
            patch.setitem(registry, name, kind)
        if backend == "local":
            made.disk.break_in(patch)
        for module in (objects, listing, source):
            patch.setattr(module, "persist", _stepping(retry.persist))
        patch.setattr(retry, "time", SimpleNamespace(sleep=lambda seconds: None))
        patch.setattr(retry, "random", random.Random(0))
        patch.setattr(concurrent.futures, "ThreadPoolExecutor", InTurn)
        patch.setattr(restorer, "ThreadPoolExecutor", InTurn)
        patch.setattr(prepare, "_weights", lambda name: NamedWeights("fake", "f" * 64))
        for module in (item, run_record):
            patch.setattr(module, "datetime", _clock(made))
        real = time.time
        patch.setattr(time, "time", lambda: real() + made.jump_s)
        yield made


def hire(patch: pytest.MonkeyPatch, luck: Callable[[], Luck]) -> None:
    """Workers of the seed's luck for the pool. `luck` is asked whenever the pool is used: each thread may have its own."""

    class Now:
        exceptions = Ray.exceptions

        def __getattr__(self, name: str) -> Any:
            return getattr(Ray(luck()), name)

    now = Now()
    for module in (pool, crew):
        patch.setattr(module, "ray", now)
    patch.setattr(pool, "LedgerActor", SimpleNamespace(options=lambda **k: now.ledger()))
    patch.setattr(pool, "beside_driver", dict)
    patch.setattr(crew, "RestorerActor", SimpleNamespace(options=lambda **k: now.restorer()))
    patch.setattr(loss, "alive", lambda: frozenset({NODE}))


def _stepping(persist: Callable[..., Any]) -> Callable[..., Any]:
    """A request to storage: its process may end before it and after it."""

    def called(operation: Callable[[], Any], url: str, policy: Any) -> Any:
        step()
        found = persist(operation, url, policy)
        step()
        return found

    return called


def _clock(made: World) -> Any:
    class Wrong(dates.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "dates.datetime":
            return dates.datetime.now(tz) + dates.timedelta(seconds=made.jump_s)

    return Wrong
