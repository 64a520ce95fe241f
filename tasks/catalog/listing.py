"""Stream the images and masks that a source lists, with their sizes and versions."""

import os
import posixpath
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from tasks.catalog.names import RASTER_SUFFIXES, is_hidden, suffix_of
from tasks.catalog.s3_pages import pages
from tasks.catalog.source import Source, listing_errors
from tasks.errors import UsageError
from tasks.store.filesystems import is_s3, open_url
from tasks.store.retry import DEFAULT_POLICY, persist

HIDDEN = "hidden"
NOT_AN_IMAGE = "not an image by its suffix"
IS_FOLDER = "is a directory"


class Entry(NamedTuple):
    """One listed file: path below the root, size in bytes, version, and what is wrong with it, if anything."""

    path: str
    size: int
    version: str
    problem: str = ""


def list_images(source: Source, ignored: Counter[str]) -> Iterator[Entry]:
    """Files of a folder, glob or single file whose suffix is a raster image's, in no promised order.

    Hidden names and other suffixes are counted in `ignored` (a hidden local folder once: it is not entered). An empty
    directory with an image suffix, a broken link and the like come with a `problem`.

    Raises:
        UsageError: storage refuses to list, or a glob matches nothing at all.
        StorageUnavailable: the storage does not answer.
    """
    found = 0
    before = ignored.total()
    for entry in _listed(source, ignored):
        found += 1
        yield entry
    if source.kind == "glob" and not found and ignored.total() == before:
        raise UsageError(f"{source.url} matches no file (for all files below a folder end it with /**)")


def version_of(info: dict[str, Any]) -> str:
    """Version of an object from its fsspec info: its ETag without quotes, else size and time of change."""
    for key in ("ETag", "etag", "md5Hash"):
        if info.get(key):
            return str(info[key]).strip('"')
    for key in ("LastModified", "last_modified", "updated", "mtime", "modified", "created"):
        time = info.get(key)
        if isinstance(time, int | float):  # some filesystems list seconds, and answer for one file with a date
            time = datetime.fromtimestamp(time, UTC)
        if time:
            return f"{info.get('size') or 0}-{time.isoformat() if isinstance(time, datetime) else time}"
    return str(info.get("size") or 0)


def look_at(path: str, name: str) -> Entry:
    """Size, version and problem of one local file; symbolic links are followed.

    Raises:
        FileNotFoundError: there is no such name.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - called a million times
    except FileNotFoundError:
        os.lstat(path)  # raises where the name itself is gone
        return Entry(name, 0, "", "is a broken link")
    except OSError as error:
        if isinstance(error, PermissionError):
            raise
        return Entry(name, 0, "", str(error.strerror))  # a link to itself, for one
    if stat.S_ISREG(found.st_mode):
        return Entry(name, found.st_size, f"{found.st_size}-{found.st_mtime_ns}")
    # Opening a pipe would block for ever.
    problem = IS_FOLDER if stat.S_ISDIR(found.st_mode) else "is neither a file nor a folder"
    return Entry(name, 0, f"0-{found.st_mtime_ns}", problem)


def _listed(source: Source, ignored: Counter[str]) -> Iterator[Entry]:
    if source.kind == "file":
        yield _one(source)
    elif source.protocol == "file":
        with listing_errors(source.url):
            yield from _walk_local(source, ignored)
    else:
        with listing_errors(source.url):
            yield from _walk_s3(source, ignored) if is_s3(source.prefix) else _walk_fsspec(source, ignored)


def _one(source: Source) -> Entry:
    url = source.prefix + source.rest
    with listing_errors(source.url):
        if source.protocol == "file":
            return look_at(url, source.rest)
        filesystem, path = open_url(url)
        info = persist(lambda: filesystem.info(path), url, DEFAULT_POLICY)
        return Entry(source.rest, info.get("size") or 0, version_of(info))


def _counts(source: Source, path: str, ignored: Counter[str]) -> bool:
    """Whether a path is listed; counts it when it is not."""
    if source.kind == "glob" and not source.matches(path):
        return False
    if is_hidden(path):
        ignored[HIDDEN] += 1
        return False
    if suffix_of(path) not in RASTER_SUFFIXES:
        ignored[NOT_AN_IMAGE] += 1
        return False
    return True


def _walk_local(source: Source, ignored: Counter[str]) -> Iterator[Entry]:
    root = source.prefix
    start = os.stat(root)  # noqa: PTH116
    # A folder to visit, with the folders it lies in as a linked list: a link back to one of these is a loop.
    pending: list[tuple[str, tuple[Any, ...]]] = [("", ((start.st_dev, start.st_ino), None))]
    while pending:
        folder, chain = pending.pop()
        empty = True
        with os.scandir(root + folder) as entries:
            for entry in entries:
                empty = False
                path = folder + entry.name
                if not _is_folder(entry):
                    if _counts(source, path, ignored):
                        with suppress(FileNotFoundError):  # removed since it was listed
                            yield look_at(root + path, path)
                elif entry.name.startswith("."):
                    if source.kind == "folder":
                        ignored[HIDDEN] += 1
                elif source.reaches(path):
                    here = entry.stat()
                    identity = (here.st_dev, here.st_ino)
                    if not (entry.is_symlink() and _within(identity, chain)):
                        pending.append((path + "/", (identity, chain)))
                elif suffix_of(path) in RASTER_SUFFIXES and source.matches(path) and _is_empty(root + path):
                    yield look_at(root + path, path)
        # Nothing in it and the name of an image: somebody meant an image here.
        if empty and suffix_of(folder[:-1]) in RASTER_SUFFIXES and _counts(source, folder[:-1], ignored):
            yield look_at(root + folder, folder[:-1])


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _within(identity: tuple[int, int], chain: tuple[Any, ...] | None) -> bool:
    while chain is not None:
        if chain[0] == identity:
            return True
        chain = chain[1]
    return False


def _is_empty(folder: str) -> bool:
    return next(Path(folder).iterdir(), None) is None


def _walk_s3(source: Source, ignored: Counter[str]) -> Iterator[Entry]:
    """Pages of list_objects_v2: nothing is kept but a few pages and the markers of empty folders."""
    filesystem, root = open_url(source.prefix)
    bucket, folder, _ = filesystem.split_path(root)
    start = f"{folder.rstrip('/')}/" if folder else ""
    # A glob's first literal letters narrow the listing on the server.
    literal = posixpath.commonprefix([source.rest, source.rest.translate(str.maketrans("*?[", "\0\0\0"))])
    markers: dict[str, Entry] = {}

    def ask(**request: Any) -> dict[str, Any]:
        answer = persist(partial(filesystem.call_s3, "list_objects_v2", **request), source.prefix, DEFAULT_POLICY)
        return cast(dict[str, Any], answer)

    for page in pages(ask, bucket, start + literal):
        for found in page:
            path = found["Key"][len(start) :]
            for marker in [m for m in markers if path.startswith(f"{m}/")] if markers else ():
                del markers[marker]
            if path.endswith("/"):
                name = path[:-1]
                if suffix_of(name) in RASTER_SUFFIXES and _counts(source, name, ignored):
                    markers[name] = Entry(name, 0, version_of(found), IS_FOLDER)
            elif path and _counts(source, path, ignored):
                yield Entry(path, found["Size"], version_of(found))
    for name, entry in markers.items():
        # An object of the same name sorts first among the keys that begin with it, and is the better answer.
        first = ask(Bucket=bucket, Prefix=start + name, MaxKeys=1)
        inside = ask(Bucket=bucket, Prefix=f"{start}{name}/", MaxKeys=2)  # pages come in any order
        if first["Contents"][0]["Key"] != start + name and len(inside["Contents"]) < 2:
            yield entry


def _walk_fsspec(source: Source, ignored: Counter[str]) -> Iterator[Entry]:
    """Any other filesystem, folder by folder."""
    filesystem, root = open_url(source.prefix)
    pending = [""]
    while pending:
        folder = pending.pop()
        at = f"{root.rstrip('/')}/{folder}".rstrip("/")
        entries = persist(partial(filesystem.ls, at, detail=True), source.prefix, DEFAULT_POLICY)
        # Some filesystems list a folder among what is in it.
        inside = [(e, posixpath.basename(e["name"].rstrip("/"))) for e in entries if e["name"].rstrip("/") != at]
        for info, name in inside:
            path = folder + name
            if info["type"] == "directory":
                if source.reaches(path):
                    pending.append(f"{path}/")
            elif _counts(source, path, ignored):
                yield Entry(path, info.get("size") or 0, version_of(info))
        if not inside and suffix_of(folder[:-1]) in RASTER_SUFFIXES and _counts(source, folder[:-1], ignored):
            yield Entry(folder[:-1], 0, "0", IS_FOLDER)
