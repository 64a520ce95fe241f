"""Where IMAGES or MASKS lie: a URL, checked, with its root and its kind."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from fsspec.utils import glob_translate

from tasks.catalog.names import MANIFEST_SUFFIXES, RASTER_SUFFIXES, suffix_of
from tasks.catalog.settings import SourceSettings
from tasks.errors import StorageDenied, StorageUnavailable, UsageError
from tasks.store.filesystems import local_path, open_url
from tasks.store.redact import redact
from tasks.store.retry import DEFAULT_POLICY, persist

Kind = Literal["folder", "glob", "file", "manifest"]
# A chain such as `zip://a::s3://b` is read as a protocol of its own, which no list allows.
_URL = re.compile(r"(?P<protocol>[A-Za-z][A-Za-z0-9+.:-]*)://(?P<path>.*)", re.DOTALL)
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Source:
    """A checked IMAGES or MASKS: everything in it is `prefix + relative path`.

    Attributes:
        url: as given, for messages.
        kind: a folder (everything below it), a glob, one file, or a manifest.
        protocol: `file` for local paths.
        prefix: URL of the root, ending in a slash; a plain absolute path for local files.
        rest: the pattern of a glob or the name of a file, below the root; the full URL of a manifest; else empty.
    """

    url: str
    kind: Kind
    protocol: str
    prefix: str
    rest: str = ""

    def holds(self, url: str) -> bool:
        """Whether the file at a full URL belongs to this source (a manifest holds what lies under its root)."""
        if not url.startswith(self.prefix):
            return False
        path = url[len(self.prefix) :]
        if self.kind == "file":
            return path == self.rest
        return self.kind != "glob" or self.matches(path)

    @cached_property
    def matches(self) -> Callable[[str], bool]:
        """Whether a path relative to the root matches the glob: `*`, `?` and `[…]` within a segment, `**` across."""
        fits = re.compile(glob_translate(self.rest)).match
        return lambda path: fits(path) is not None

    @cached_property
    def reaches(self) -> Callable[[str], bool]:
        """Whether files below a folder, relative to the root, can belong to this source: folders not to list."""
        segments = self.rest.split("/")
        endless = "**" in segments
        if self.kind != "glob" or segments[0] == "**":
            return lambda folder: True
        before = segments[: segments.index("**")] if endless else segments[:-1]
        fits = [re.compile(glob_translate(segment)).match for segment in before]

        def reached(folder: str) -> bool:
            names = folder.split("/")
            return (endless or len(names) <= len(fits)) and all(f(n) for f, n in zip(fits, names, strict=False))

        return reached

    def relative(self, reference: str) -> str:
        """The path below the root that a reference in a manifest (relative path or full URL) means.

        Raises:
            StorageDenied: it lies outside the root.
            UsageError: it carries credentials.
        """
        protocol, path = split_url(reference)
        if protocol is None and not (path.startswith("/") and self.protocol == "file"):
            path = self.prefix + path
        elif protocol not in (None, "file"):
            path = f"{protocol}://{path}"
        path = re.sub(r"(?<=/)(\./)+", "", path)
        if self.protocol == "file":
            path = re.sub(r"/{2,}", "/", path)
        if not path.startswith(self.prefix) or ".." in path.split("/"):
            raise StorageDenied(f"{reference} is not under {self.prefix}")
        return path[len(self.prefix) :]


def split_url(url: str) -> tuple[str | None, str]:
    """Protocol (None for a plain path, `file` for all spellings of it) and path of a URL; nothing is unquoted.

    Raises:
        UsageError: it carries credentials. The message does not repeat them.
    """
    match = _URL.fullmatch(url)
    if match is None:
        return None, url
    protocol, path = match["protocol"].lower(), match["path"]
    if protocol in ("file", "local"):
        return "file", path
    host = path.partition("/")[0]
    user, at, _ = host.rpartition("@")
    # A port, or the chain of a protocol that is refused by its name. (A secret may itself hold a slash, so its `@` may
    # come after the first one.)
    harmless = "@" not in path and (host.rpartition(":")[2].isdigit() or "::" in host)
    if ":" in (user if at else host) and not harmless and not host.startswith("arn:"):
        raise UsageError(
            f"a URL of protocol {protocol} carries credentials, which would end up in results and logs: "
            "give them in the environment or in fsspec's configuration"
        )
    return protocol, path


@contextmanager
def listing_errors(url: str) -> Iterator[None]:
    """Turn what storage says while a source is looked at into errors that end the command.

    Raises:
        UsageError: access is refused.
        StorageUnavailable: the storage does not answer.
    """
    try:
        yield
    except (StorageDenied, PermissionError) as error:
        raise UsageError(redact(f"storage refuses to list {url}: {error}")) from None
    except OSError as error:
        raise StorageUnavailable(redact(f"{url}: {error}")) from None


def open_source(url: str, settings: SourceSettings) -> Source:
    """Check IMAGES or MASKS and find out what it is.

    A name that exists is taken literally, even if it holds `*`, `?` or `[`.

    Raises:
        UsageError: it does not exist, is no image or manifest, its protocol is not allowed, it carries credentials,
            or storage refuses to list it.
        StorageUnavailable: the storage does not answer.
    """
    protocol, path = split_url(url)
    if (protocol or "file") not in settings.allowed_protocols:
        allowed = ", ".join(settings.allowed_protocols)
        raise UsageError(
            redact(f"{url}: protocol {protocol or 'file'!r} is not one of source.allowed_protocols ({allowed})")
        )
    source = _open_local(url, path) if protocol in (None, "file") else _open_remote(url, str(protocol), path)
    if source.kind != "manifest":
        return source
    root = source
    if settings.root is not None:
        root = open_source(settings.root, settings.model_copy(update={"root": None}))
        if root.kind != "folder":
            raise UsageError(f"source.root {settings.root} is not a folder")
    return replace(source, protocol=root.protocol, prefix=root.prefix, rest=source.prefix + source.rest)


def _open_local(url: str, path: str) -> Source:
    if not path:
        raise UsageError("an empty path is no source")
    full = str(local_path(path))
    with listing_errors(url):
        is_folder, exists = Path(full).is_dir(), Path(full).exists()
    if is_folder:
        return Source(url, "folder", "file", full.rstrip("/") + "/")
    folder, _, name = full.rpartition("/")
    if exists:
        return Source(url, _file_kind(url, name), "file", folder + "/", name)
    root, pattern = _split_glob(full)
    if not pattern:
        raise UsageError(f"{url} does not exist")
    if not os.path.isdir(root + "/"):  # noqa: PTH112 - Path.is_dir raises where this says no
        raise UsageError(f"{url}: the folder {root} does not exist")
    return _glob(url, "file", root + "/", pattern)


def _open_remote(url: str, protocol: str, path: str) -> Source:
    path = path.rstrip("/")
    if not path.strip("/") or _MAGIC.search(path.partition("/")[0]):
        raise UsageError(f"{redact(url)} names no bucket")
    start = f"{protocol}://"
    kind = _remote_kind(start + path)
    if kind == "directory":
        return Source(url, "folder", protocol, f"{start}{path}/")
    folder, _, name = path.rpartition("/")
    if kind == "file":
        return Source(url, _file_kind(url, name), protocol, f"{start}{folder}/", name)
    root, pattern = _split_glob(path)
    if not pattern:
        raise UsageError(f"{redact(url)} does not exist")
    if _remote_kind(start + root) != "directory":
        raise UsageError(f"{redact(url)}: the folder {start}{root} does not exist")
    return _glob(url, protocol, f"{start}{root}/", pattern)


def _remote_kind(url: str) -> str | None:
    """`file`, `directory`, or None when there is nothing."""

    def look() -> str:
        filesystem, path = open_url(url)
        return str(filesystem.info(path)["type"])

    with listing_errors(url):
        try:
            return persist(look, url, DEFAULT_POLICY)
        except FileNotFoundError:
            return None


def _file_kind(url: str, name: str) -> Kind:
    suffix = suffix_of(name)
    if suffix in MANIFEST_SUFFIXES:
        return "manifest"
    if suffix in RASTER_SUFFIXES:
        return "file"
    raise UsageError(f"{redact(url)}: by its suffix neither an image nor a manifest ({', '.join(MANIFEST_SUFFIXES)})")


def _split_glob(path: str) -> tuple[str, str]:
    """The part before the first segment with a magic character, and the rest; the rest is empty without magic."""
    segments = path.split("/")
    first = next((i for i, segment in enumerate(segments) if _MAGIC.search(segment)), len(segments))
    return "/".join(segments[:first]), "/".join(segments[first:])


def _glob(url: str, protocol: str, prefix: str, pattern: str) -> Source:
    source = Source(url, "glob", protocol, prefix, pattern)
    try:
        source.matches("")
    except (ValueError, re.error) as error:
        raise UsageError(f"{redact(url)}: {error}") from error
    return source
