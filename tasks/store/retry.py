"""Which storage errors pass by themselves, and how long to keep asking.

One policy for every store: the libraries' own retries (botocore's, s3fs's) are switched off in `filesystems.py`,
because they know only some of the passing errors, wait without jitter, and would multiply with these.
"""

import errno
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from tasks.errors import ItemError, StorageDenied, StorageUnavailable
from tasks.store.redact import redact

log = logging.getLogger("lacuna.store")

T = TypeVar("T")


class Kind(Enum):
    """What an error of a storage library means to the caller."""

    MISSING = "no such object"
    DENIED = "refused, and would be refused again"
    LOST = "another writer was first: the condition of a conditional write did not hold"
    FULL = "no space left: asking again at once will not help"
    PASSING = "throttled, failing or unreachable: ask again"


class LostRace(Exception):
    """The condition of a conditional write did not hold.

    `after_failure`: an earlier try of the same call failed without saying whether it had been carried out, so the
    object that is in the way may be the caller's own.
    """

    def __init__(self, after_failure: bool) -> None:
        super().__init__("the condition of the write did not hold")
        self.after_failure = after_failure


@dataclass(frozen=True)
class RetryPolicy:
    """Full jitter (sleep a uniform part of an exponentially growing limit), so that many workers do not return at once.

    `tries` ≥ 1 in all; `base_s` is the first limit, doubled after each try, never above `cap_s`.
    """

    tries: int = 5
    base_s: float = 0.2
    cap_s: float = 10.0

    def pause_s(self, failures: int) -> float:
        """Seconds to wait after `failures` ≥ 1 failed tries: random in [0, min(cap_s, base_s · 2^(failures−1))]."""
        return random.uniform(0, min(self.cap_s, self.base_s * 2 ** (failures - 1)))


DEFAULT_POLICY = RetryPolicy()

_ERRNO = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.EISDIR), Kind.MISSING),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP), Kind.DENIED),
    **dict.fromkeys((errno.EEXIST,), Kind.LOST),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), Kind.FULL),
}
# A 400 that speaks of the transport, not of the request.
_PASSING_CODES = {
    "RequestTimeout",
    "BadDigest",
    "IncompleteBody",
    "XAmzContentSHA256Mismatch",
    "SlowDown",
    "Throttling",
}
# Errors without a status, by `package.Class` of any of their types; the first that fits counts.
_TYPES = {
    "builtins.PermissionError": Kind.DENIED,
    "builtins.FileNotFoundError": Kind.MISSING,
    "builtins.FileExistsError": Kind.LOST,
    "botocore.NoCredentialsError": Kind.DENIED,
    "botocore.PartialCredentialsError": Kind.DENIED,
    "botocore.CredentialRetrievalError": Kind.DENIED,
    "botocore.TokenRetrievalError": Kind.DENIED,
    "botocore.UnauthorizedSSOTokenError": Kind.DENIED,
    "botocore.ProfileNotFound": Kind.DENIED,
    "botocore.ParamValidationError": Kind.DENIED,
    "botocore.BotoCoreError": Kind.PASSING,
    "urllib3.HTTPError": Kind.PASSING,
    "aiohttp.ClientError": Kind.PASSING,
}


def classify(error: BaseException) -> Kind | None:
    """What `error` means, or None when it is not storage's (a programming error, an interrupt): let that one rise."""
    status, code = _http_status(error)
    if status is not None:
        return _of_status(status, code)
    names = _type_names(error)
    for known, kind in _TYPES.items():
        if known in names:
            return kind
    return _ERRNO.get(error.errno or 0, Kind.PASSING) if isinstance(error, OSError) else None


def persist(operation: Callable[[], T], url: str, policy: RetryPolicy) -> T:
    """Call `operation` until it succeeds, is refused, or `policy.tries` are used up.

    `url` is named in messages, without credentials. Raises FileNotFoundError, StorageDenied, StorageUnavailable or
    LostRace; errors that are not storage's pass through.
    """
    failures = 0
    while True:
        try:
            return operation()
        except ItemError:
            raise
        except Exception as error:
            kind = classify(error)
            said = redact(f"{url}: {_said(error)}")
            if kind is None:
                raise
            # `from None`: a library's own traceback may show a signed URL or a key.
            if kind is Kind.MISSING:
                raise FileNotFoundError(errno.ENOENT, said) from None
            if kind is Kind.DENIED:
                raise StorageDenied(said) from None
            if kind is Kind.LOST:
                raise LostRace(after_failure=failures > 0) from None
            failures += 1
            if kind is Kind.FULL or failures >= policy.tries:
                raise StorageUnavailable(f"{said} ({failures} tries)") from None
            pause_s = policy.pause_s(failures)
        log.info("storage failed, try %d of %d in %.1f s: %s", failures + 1, policy.tries, pause_s, said)
        time.sleep(pause_s)


def _of_status(status: int, code: str) -> Kind:
    if status in (408, 409, 425, 429) or status >= 500 or code in _PASSING_CODES:
        return Kind.PASSING
    if status in (404, 410):
        return Kind.MISSING
    if status == 412:
        return Kind.LOST
    return Kind.DENIED


def _http_status(error: BaseException) -> tuple[int | None, str]:
    """HTTP status and error code, from the error itself or from the one that it was translated from (s3fs)."""
    seen: BaseException | None = error
    while seen is not None:
        answer: Any = getattr(seen, "response", None)  # botocore.ClientError
        if isinstance(answer, dict) and "Error" in answer:
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
            code = str(answer["Error"].get("Code", ""))
            if status is None and code.isdigit():
                status = int(code)
            if isinstance(status, int):
                return status, code
        status = getattr(seen, "status", None)  # aiohttp.ClientResponseError
        if isinstance(status, int):
            return status, ""
        seen = seen.__cause__
    return None, ""


def _type_names(error: BaseException) -> set[str]:
    """`package.Class` of the error's types: tells botocore's and aiohttp's errors without importing them."""
    return {f"{c.__module__.partition('.')[0]}.{c.__name__}" for c in type(error).__mro__}


def _said(error: BaseException) -> str:
    status, code = _http_status(error)
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    if text in ("", "None"):  # Ceph refuses without a word
        text = type(error).__name__
    return text if status is None else f"{text} ({status} {code})".replace(" )", ")")
