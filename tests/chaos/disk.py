"""A local disk that fails: the calls of `tasks.store.local`, with faults before, within and after them."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.store import local
from tests.chaos.elsewhere import raised
from tests.chaos.faults import Faults
from tests.chaos.life import Ended, ends_next, step


class Disk:
    """Put in force by `break_in`; `faults` may be set at any time. Nothing is synced: the machine itself stays up."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._full = False

    def break_in(self, patch: pytest.MonkeyPatch) -> None:
        """Stand between `tasks.store.local` and the operating system."""
        for name, operation in (("read", "get"), ("write", "put"), ("create", "create"), ("names", "list")):
            patch.setattr(local, name, self._failing(getattr(local, name), operation))
        patch.setattr(local, "os", SimpleNamespace(**{**vars(os), "fsync": self._sync, "link": self._link}))
        for name in ("replace", "unlink"):
            patch.setattr(Path, name, _stepping(getattr(Path, name)))

    def _failing(self, function: Callable[..., Any], operation: str) -> Callable[..., Any]:
        def called(path: Path, *args: Any) -> Any:
            kind = self.faults.strike(operation, str(path))
            if kind not in (None, "stale", "unreported", "full"):
                raise raised(kind)
            self._full = kind == "full"
            found = function(path, *args)
            if kind == "unreported":
                raise raised(kind)
            if kind == "stale":  # the names that came last
                inside = sorted(found, key=lambda name: (path / name).stat().st_mtime_ns)
                return sorted(inside[:-3])
            return found

        return called

    def _sync(self, descriptor: int) -> None:
        """A write that ends here has brought only a part of its bytes to the disk."""
        size = os.fstat(descriptor).st_size
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        is_folder = path.is_dir()
        if self._full and not is_folder:
            os.ftruncate(descriptor, size // 2)
            self._full = False
            raise raised("full")
        place = "" if is_folder else f"written {path.parent.name}"
        if ends_next(place) and not is_folder:
            os.ftruncate(descriptor, random.Random(size).randrange(size) if size else 0)
        step(place, held=True)

    @staticmethod
    def _link(source: Path, target: Path) -> None:
        step(held=True)
        os.link(source, target)
        step(f"linked {target.parent.name}", held=True)


def _stepping(function: Callable[..., Any]) -> Callable[..., Any]:
    def called(path: Path, *args: Any, **kwargs: Any) -> Any:
        if not path.name.startswith(".lacuna-"):
            return function(path, *args, **kwargs)
        step(held=True)
        found = function(path, *args, **kwargs)
        step(held=True)
        return found

    return called


__all__ = ["Disk", "Ended"]
