"""One large file by URL to a local one: goes on where it was cut off, and is there whole and checked or not at all.

HTTP is spoken here, because fsspec's filesystem takes a whole file for the range that it asked for when a server knows
no ranges; all other protocols are fsspec's.
"""

import base64
import hashlib
import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tasks.errors import StorageDenied
from tasks.store.filesystems import open_url, protocol_of
from tasks.store.redact import redact
from tasks.store.retry import DEFAULT_POLICY, RetryPolicy, persist

PIECE = 1 << 18  # bytes between two reports
GAIN = 1 << 16  # bytes: a try that brought so many was no failure, so a long download survives any number of resets

Report = Callable[[int, int | None], None]  # bytes so far, bytes in all if known


class DownloadInvalid(StorageDenied):
    """What lies at the URL is not what was expected."""


@dataclass(frozen=True)
class Expected:
    """What is known of a file; hexadecimal digests. All that is given is checked."""

    size: int | None = None
    sha256: str | None = None
    md5: str | None = None

    def mistake(self, path: Path) -> str:
        """How a file differs; empty when it does not."""
        size = path.stat().st_size
        if self.size not in (None, size):
            return f"{size} bytes, not {self.size}"
        for name in ("sha256", "md5"):
            wanted = getattr(self, name)
            if wanted is not None and (found := digest(path, name)) != wanted:
                return f"{name} {found}, not {wanted}"
        return ""


def digest(path: Path, name: str = "sha256") -> str:
    """Hexadecimal digest of a file."""
    with path.open("rb") as file:
        # MD5 tells a published file from another here; it keeps nobody out
        return hashlib.file_digest(file, lambda: hashlib.new(name, usedforsecurity=False)).hexdigest()


def download(
    url: str,
    target: Path,
    expected: Expected,
    *,
    retry: RetryPolicy = DEFAULT_POLICY,
    timeout_s: float = 60.0,
    report: Report = lambda done, total: None,
) -> None:
    """Bring the file at `url` to `target`, whose folder exists; at once when it is there already.

    What a killed download left, a dot-file beside `target`, is gone on from. One caller at a time for a target.
    timeout_s: longest silence of a server. Raises FileNotFoundError, StorageDenied, StorageUnavailable, and
    DownloadInvalid when size or digest are others.
    """
    if target.is_file() and not expected.mistake(target):
        return
    part = target.with_name(f".{target.name}.part")
    gone_on = _size(part) > 0
    while True:
        if expected.size is None or _size(part) != expected.size:
            _complete(url, part, expected, retry, timeout_s, report)
        mistake = expected.mistake(part)
        if not mistake:
            part.replace(target)
            return
        part.unlink()
        if not gone_on:
            raise DownloadInvalid(f"{redact(url)}: {mistake}")
        gone_on = False  # the first part may have been another version's: once more, from the start


def _complete(url: str, part: Path, expected: Expected, retry: RetryPolicy, timeout_s: float, report: Report) -> None:
    """Fetch what `part` lacks, in as many tries as it takes, as long as each gets further than all before."""
    best = _size(part)

    def attempt() -> bool:
        nonlocal best
        try:
            if protocol_of(url) in ("http", "https"):
                _fetch_http(url, part, expected, timeout_s, report)
            else:
                _fetch_stored(url, part, expected, report)
        except (OSError, http.client.HTTPException) as error:
            if _size(part) >= best + GAIN:
                best = _size(part)
                return False
            if isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
                raise ConnectionError(f"{type(error).__name__}: {error}") from error
            raise
        return True

    while not persist(attempt, url, retry):
        pass


def _fetch_http(url: str, part: Path, expected: Expected, timeout_s: float, report: Report) -> None:
    answer, have = _answer(url, _size(part), timeout_s)
    with answer:
        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        _copy(answer, part, have, total, url, expected, report)


def _answer(url: str, have: int, timeout_s: float) -> tuple[http.client.HTTPResponse, int]:
    """The answer to a request for the bytes from `have` on, and from which byte on it really is."""
    try:
        answer: http.client.HTTPResponse = _opener().open(_request(url, have), timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 416 or not have:
            raise
        return _answer(url, 0, timeout_s)  # our part is longer than the file: another version's
    except urllib.error.URLError as error:
        raise ConnectionError(f"cannot be reached: {error.reason}") from error
    if answer.status != 206:  # a server without ranges begins anew
        return answer, 0
    if answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        return answer, have
    answer.close()
    return _answer(url, 0, timeout_s)


def _fetch_stored(url: str, part: Path, expected: Expected, report: Report) -> None:
    filesystem, at = open_url(url)
    total = filesystem.info(at)["size"]
    have = _size(part) if total is None or _size(part) <= total else 0
    with filesystem.open(at, "rb") as source:
        source.seek(have)
        _copy(source, part, have, total, url, expected, report)


def _copy(
    source: BinaryIO | Any, part: Path, have: int, total: int | None, url: str, expected: Expected, report: Report
) -> None:
    """Append what `source` gives to the first `have` bytes of `part`."""
    if expected.size is not None and total not in (None, expected.size):
        raise DownloadInvalid(f"{redact(url)}: {total} bytes, not {expected.size}")
    total = total if total is not None else expected.size
    with part.open("r+b" if have else "wb") as file:
        file.seek(have)
        file.truncate()
        while data := source.read(PIECE):
            file.write(data)
            have += len(data)
            report(have, total)
            if total is not None and have > total:
                raise DownloadInvalid(f"{redact(url)}: more than {total} bytes")
    if total is not None and have < total:
        raise ConnectionError(f"ended after {have} of {total} bytes")


def _request(url: str, have: int) -> urllib.request.Request:
    """A request for the bytes from `have` on. A user's name and password go to this host only, not where it redirects."""
    parts = urllib.parse.urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    headers = {"User-Agent": "lacuna", "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    request = urllib.request.Request(parts._replace(netloc=host).geturl(), headers=headers)
    if at:
        token = base64.b64encode(urllib.parse.unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _opener() -> urllib.request.OpenerDirector:
    """HTTP and HTTPS through the proxies of the environment; a redirect to anything else is refused."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
