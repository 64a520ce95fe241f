"""Objects under one root, on a local folder or any fsspec URL: read, put whole, create once, compare and swap."""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tasks.errors import StorageDenied
from tasks.store import local
from tasks.store.filesystems import is_s3, local_path, open_url, protocol_of
from tasks.store.redact import redact
from tasks.store.retry import DEFAULT_POLICY, LostRace, RetryPolicy, persist

T = TypeVar("T")

# s3fs sends less than twice this in one PUT. A conditional write must be one PUT (at most 5 GiB): some S3 servers (Ceph
# RGW 16) ignore the condition when a multipart upload is completed.
_ONE_PUT = 5 * 2**30
_MARK = "lacuna-write"  # key of the object metadata that tells a conditional write from another one of the same bytes


@dataclass(frozen=True)
class Store:
    """One root. Cheap to make and to pickle: the filesystem is opened in the process that uses it.

    `root` is a local path, `file://…`, `s3://bucket/prefix` or another fsspec URL; paths are POSIX, relative to it.
    Every method raises StorageDenied (refused for good, or a path that would leave the root) and StorageUnavailable
    (still failing after the retries). Nothing that is read here comes from a cache.
    """

    root: str
    retry: RetryPolicy = DEFAULT_POLICY

    def __post_init__(self) -> None:
        root = str(local_path(self.root)) if self._is_local else self.root.rstrip("/")
        object.__setattr__(self, "root", root + "//" if root.endswith(":") else root)  # memory:// has no more than that

    def __repr__(self) -> str:
        return f"Store({redact(self.root)!r})"

    def url(self, path: str) -> str:
        """Full URL (or absolute local path) of `path`."""
        return self.root + ("" if self.root.endswith("/") else "/") + _checked(path, self.root)

    def read(self, path: str) -> bytes:
        """All bytes of one object. Raises FileNotFoundError; a folder is no object."""
        return read_url(self.url(path), self.retry)

    def read_versioned(self, path: str) -> tuple[bytes, str] | None:
        """Bytes and the version they have (for `replace`), read as one; None when there is no such object.

        The version is S3's ETag, elsewhere the SHA-256 of the bytes.
        """
        url = self.url(path)
        try:
            return persist(lambda: _get(url), url, self.retry)
        except FileNotFoundError:
            return None

    def put(self, path: str, data: bytes) -> None:
        """Create or replace an object, whole or not at all; missing local folders are made."""

        def operation(url: str) -> None:
            if self._is_local:
                return local.write(Path(url), data)
            filesystem, at = open_url(url)
            return filesystem.pipe_file(at, data)  # type: ignore[no-any-return]

        url = self.url(path)
        with _no_place():
            persist(lambda: operation(url), url, self.retry)

    def create(self, path: str, data: bytes) -> bool:
        """Create an object; False when one exists already. Of any number of writers at once one gets True.

        On S3 by If-None-Match, locally by a hard link; other stores do what their filesystem's `mode="create"` does.
        """

        def operation(url: str, one_put: dict[str, Any]) -> None:
            if self._is_local:
                return local.create(Path(url), data, Path(self.root))
            filesystem, at = open_url(url)
            return filesystem.pipe_file(at, data, mode="create", **one_put)  # type: ignore[no-any-return]

        with _no_place():
            return self._conditional(path, data, operation)

    def replace(self, path: str, data: bytes, version: str) -> bool:
        """Replace an object that still has `version` (of `read_versioned`); False when it has changed or is gone.

        Atomic on S3 (If-Match) and between processes of one machine locally (a lock file at the root); on other stores
        the check and the write are two steps.
        """

        def operation(url: str, one_put: dict[str, Any]) -> None:
            if is_s3(url):
                filesystem, at = open_url(url)
                filesystem.pipe_file(at, data, IfMatch=version, **one_put)
            elif self._is_local:
                with local.locked(Path(self.root)):
                    _expect(url, version)
                    local.write(Path(url), data)
            else:
                _expect(url, version)
                filesystem, at = open_url(url)
                filesystem.pipe_file(at, data)

        try:
            return self._conditional(path, data, operation)
        except FileNotFoundError:
            return False

    def exists(self, path: str) -> bool:
        """Is there such an object? A folder is none."""
        url = self.url(path)

        def operation() -> bool:
            if self._is_local:
                return Path(url).is_file()
            filesystem, at = open_url(url)
            return bool(filesystem.info(at)["type"] == "file")

        try:
            return persist(operation, url, self.retry)
        except FileNotFoundError:
            return False

    def names(self, folder: str) -> list[str]:
        """Sorted names (without the folder's) of the objects directly in `folder`, dot-names left out; [] if none.

        `folder` may be "": the root itself.
        """
        return sorted(self._listed(folder, local.names, lambda info: ""))

    def versions(self, folder: str) -> dict[str, str]:
        """Name -> version of the objects directly in `folder`, sorted, dot-names left out; {} if none. One listing.

        A version differs whenever the bytes do: an ETag, a digest or a generation; locally size, time and inode. It is "" where
        the listing tells nothing so sure (a time in seconds is not): then nothing is known of whether the object changed.
        """
        found: dict[str, str] = self._listed(folder, local.versions, _listed_version)
        return found

    def _listed(self, folder: str, locally: Callable[[Path], Any], version: Callable[[dict[str, Any]], str]) -> Any:
        url = self.url(folder) if folder else self.root

        def operation() -> Any:
            if self._is_local:
                return locally(Path(url))
            filesystem, at = open_url(url)
            fresh = {"refresh": True} if is_s3(url) else {}
            entries = [e for e in filesystem.ls(at, detail=True, **fresh) if e["type"] == "file"]
            parted = [(e["name"].rpartition("/"), version(e)) for e in entries]
            return {
                n: known
                for (parent, _, n), known in sorted(parted)
                if parent.strip("/") == at.strip("/") and n and n[0] != "."
            }

        try:
            return persist(operation, url, self.retry)
        except FileNotFoundError:
            return {}

    @property
    def _is_local(self) -> bool:
        return protocol_of(self.root) == "file"

    def _conditional(self, path: str, data: bytes, operation: Callable[[str, dict[str, Any]], None]) -> bool:
        url, mark = self.url(path), uuid.uuid4().hex
        one_put = {"chunksize": _ONE_PUT, "Metadata": {_MARK: mark}} if is_s3(url) else {}
        try:
            persist(lambda: operation(url, one_put), url, self.retry)
        except LostRace as lost:
            # What is in the way may be our own: a try whose answer was lost had written it. (Not only our tries: aiohttp
            # itself sends a PUT again when the connection that it kept open breaks.)
            if is_s3(url):
                with suppress(FileNotFoundError):
                    return persist(lambda: _mark(url), url, self.retry) == mark
                return False
            return lost.after_failure and self.read(path) == data
        return True


def read_url(url: str, retry: RetryPolicy = DEFAULT_POLICY) -> bytes:
    """All bytes of the object at a full URL or local path.

    Raises FileNotFoundError, StorageDenied, StorageUnavailable.
    """
    return persist(lambda: _get(url)[0], url, retry)


def _get(url: str) -> tuple[bytes, str]:
    """Bytes and version of one object, by one request."""
    if protocol_of(url) == "file":
        data = local.read(local_path(url))
    else:
        filesystem, at = open_url(url)
        if is_s3(url):
            import fsspec.asyn

            got: tuple[bytes, str] = fsspec.asyn.sync(filesystem.loop, _get_s3, filesystem, at)
            return got
        data = filesystem.cat_file(at)
    return data, hashlib.sha256(data).hexdigest()


async def _get_s3(filesystem: Any, at: str) -> tuple[bytes, str]:
    # s3fs's own cat_file asks for the size first, and reads a large object in pieces that need not be of one version.
    bucket, key, _ = filesystem.split_path(at)
    answer = await filesystem._call_s3("get_object", Bucket=bucket, Key=key)
    try:
        return await answer["Body"].read(), answer["ETag"].strip('"')
    finally:
        answer["Body"].close()


def _mark(url: str) -> str | None:
    """The mark of the conditional write that made an object."""
    import fsspec.asyn

    filesystem, at = open_url(url)
    bucket, key, _ = filesystem.split_path(at)
    head = fsspec.asyn.sync(filesystem.loop, filesystem._call_s3, "head_object", Bucket=bucket, Key=key)
    found: str | None = head["Metadata"].get(_MARK)
    return found


def _listed_version(info: dict[str, Any]) -> str:
    """What a listing says that changes with the bytes; "" where it is nothing."""
    return next((str(info[key]).strip('"') for key in ("ETag", "etag", "md5Hash", "generation") if info.get(key)), "")


def _expect(url: str, version: str) -> None:
    if _get(url)[1] != version:
        raise FileExistsError(f"{url} has another version")


@contextmanager
def _no_place() -> Iterator[None]:
    """For a write, "not found" means that it has no place: no such bucket, or a file where a folder must be."""
    try:
        yield
    except FileNotFoundError as error:
        raise StorageDenied(f"cannot be written: {error.strerror}") from None


def _checked(path: str, root: str) -> str:
    if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise StorageDenied(f"{path!r} is not a plain path below {redact(root)}")
    return path
