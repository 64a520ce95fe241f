"""From a URL to a filesystem: one per process and protocol, made when first used, never pickled."""

import os
import re
from pathlib import Path
from typing import Any

from tasks.errors import StorageDenied
from tasks.store.redact import redact

_PROTOCOL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_LOCAL = ("file", "local")
_S3 = ("s3", "s3a")

_made: dict[tuple[int, str, str], Any] = {}


def protocol_of(url: str) -> str:
    """Protocol in lower case; `file` for a plain path. Only `name://` counts: `a::b.png` is a file's name."""
    match = _PROTOCOL.match(url)
    name = match[1].lower() if match else "file"
    return "file" if name in _LOCAL else name


def is_s3(url: str) -> bool:
    """Does the URL name an object of an S3 store?"""
    return protocol_of(url) in _S3


def local_path(url: str) -> Path:
    """Absolute path of a plain path or `file://` URL (no percent-decoding; a leading `~/` is the home folder)."""
    match = _PROTOCOL.match(url)
    path = url[match.end() :] if match else url
    return Path(os.path.abspath(os.path.expanduser(path) if path.startswith("~/") else path))  # noqa: PTH100, PTH111


def open_url(url: str) -> tuple[Any, str]:
    """The fsspec filesystem of `url`, and the path on it.

    URL chains (`zip://a::s3://b`) are not followed: they would slip past a list of allowed protocols, and `::` is legal
    in names. Raises StorageDenied for a protocol that is unknown or whose package is not installed.
    """
    import fsspec

    protocol = protocol_of(url)
    try:
        kind = fsspec.get_filesystem_class(protocol)
        options = dict(kind._get_kwargs_from_urls(url))
        key = (os.getpid(), protocol, repr(sorted(options.items())))
        if key not in _made:
            _made[key] = _make(protocol, options)
    except (ValueError, ImportError) as error:
        raise StorageDenied(redact(f"{url}: {error}")) from None
    return _made[key], str(kind._strip_protocol(url))


def _make(protocol: str, options: dict[str, Any]) -> Any:
    import fsspec

    if protocol not in _S3:
        return fsspec.filesystem(protocol, use_listings_cache=False, **options)
    config = dict(fsspec.config.conf.get("s3", {}).get("config_kwargs", {}))
    # One retry policy, ours (retry.py); a sleeping disk array may need a minute to its first byte.
    config = {"connect_timeout": 10, "read_timeout": 60, "max_pool_connections": 32, **config}
    config["retries"] = {"mode": "standard", "total_max_attempts": 1}
    filesystem = fsspec.filesystem(protocol, use_listings_cache=False, config_kwargs=config, **options)
    filesystem.retries = 1
    return filesystem
