"""A store that is neither local nor S3, in memory: what fsspec promises of any filesystem, and no more."""

import errno
from datetime import UTC, datetime
from typing import Any, ClassVar

from fsspec.spec import AbstractFileSystem

from tests.chaos.bucket import Bucket
from tests.chaos.faults import REFUSED

RAISED = {
    "full": (OSError, errno.ENOSPC),
    "reset": (ConnectionResetError, errno.ECONNRESET),
    "cut": (ConnectionResetError, errno.ECONNRESET),
    "read_timeout": (TimeoutError, errno.ETIMEDOUT),
    "request_timeout": (TimeoutError, errno.ETIMEDOUT),
    "unreachable": (OSError, errno.EHOSTUNREACH),
    **dict.fromkeys(REFUSED, (PermissionError, errno.EACCES)),
}


def raised(kind: str) -> OSError:
    """A fault as an error without HTTP."""
    type_, number = RAISED.get(kind, (OSError, errno.EIO))
    return type_(number, f"{kind}, said the store")


class ElsewhereFileSystem(AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
    """Objects of a bucket under `gs://`."""

    protocol: ClassVar[str] = "gs"
    cachable = False
    bucket = Bucket()

    def cat_file(self, path: str, start: Any = None, end: Any = None, **kwargs: Any) -> bytes:
        self._before("get", path)
        return self._found(path).data[start:end]

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        fault = self._before("create" if mode == "create" else "put", path)
        if mode == "create" and path in self.bucket.objects:
            raise FileExistsError(path)
        self.bucket.put(path, value)
        if fault == "unreported":
            raise raised(fault)

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        self._before("head", path)
        path = self._strip_protocol(path)
        if path in self.bucket.objects:
            return self._entry(path)
        if any(key.startswith(f"{path}/") for key in self.bucket.objects):
            return {"name": path, "size": 0, "type": "directory"}
        raise FileNotFoundError(path)

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        path = self._strip_protocol(path)
        inside = [key for key in self.bucket.written if key.startswith(f"{path}/")]
        keys = {key for key in inside if key in self.bucket.objects}
        if self._before("list", path) == "stale":
            keys -= set(inside[-3:])
        elif not keys:
            raise FileNotFoundError(path)
        files = [self._entry(key) for key in sorted(keys) if "/" not in key[len(path) + 1 :]]
        folders = {f"{path}/{key[len(path) + 1 :].partition('/')[0]}" for key in keys} - {f["name"] for f in files}
        found = [*files, *({"name": name, "size": 0, "type": "directory"} for name in sorted(folders))]
        return found if detail else [entry["name"] for entry in found]

    def _entry(self, key: str) -> dict[str, Any]:
        size = len(self.bucket.objects[key].data)
        return {"name": key, "size": size, "type": "file", "etag": self.bucket.objects[key].etag, "mtime": _THEN}

    def _found(self, path: str) -> Any:
        if path not in self.bucket.objects:
            raise FileNotFoundError(errno.ENOENT, path)
        return self.bucket.objects[path]

    def _before(self, operation: str, path: str) -> str | None:
        kind = self.bucket.faults.strike(operation, path)
        if kind not in (None, "stale", "unreported"):
            raise raised(kind)
        return kind


_THEN = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
