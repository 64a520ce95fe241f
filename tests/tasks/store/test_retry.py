import errno
from typing import Any

import aiohttp
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import StorageDenied, StorageUnavailable
from tasks.store import retry
from tasks.store.retry import Kind, LostRace, RetryPolicy, classify, persist


def answer(status: int, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Put")


def translated(cause: Exception) -> OSError:
    error = OSError(22, "as s3fs raises it")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (answer(404, "NoSuchKey"), Kind.MISSING),
        (answer(403, "AccessDenied"), Kind.DENIED),
        (answer(401, "Unauthorized"), Kind.DENIED),
        (answer(400, "InvalidArgument"), Kind.DENIED),
        (answer(400, "RequestTimeout"), Kind.PASSING),
        (answer(409, "ConditionalRequestConflict"), Kind.PASSING),
        (answer(412, "PreconditionFailed"), Kind.LOST),
        (answer(429, "TooManyRequests"), Kind.PASSING),
        (answer(500, "InternalError"), Kind.PASSING),
        (answer(503, "SlowDown"), Kind.PASSING),
        (translated(answer(412, "PreconditionFailed")), Kind.LOST),
        (translated(answer(503, "SlowDown")), Kind.PASSING),
        (aiohttp.ServerDisconnectedError(), Kind.PASSING),
        (EndpointConnectionError(endpoint_url="u"), Kind.PASSING),
        (ReadTimeoutError(endpoint_url="u"), Kind.PASSING),
        (NoCredentialsError(), Kind.DENIED),
        (TimeoutError(), Kind.PASSING),
        (ConnectionResetError(errno.ECONNRESET, "reset"), Kind.PASSING),
        (OSError(errno.EIO, "disk"), Kind.PASSING),
        (OSError(errno.ENOSPC, "full"), Kind.FULL),
        (PermissionError(errno.EACCES, "no"), Kind.DENIED),
        (PermissionError("s3fs has no number"), Kind.DENIED),
        (OSError(errno.ENAMETOOLONG, "long"), Kind.DENIED),
        (FileNotFoundError(errno.ENOENT, "none"), Kind.MISSING),
        (IsADirectoryError(errno.EISDIR, "folder"), Kind.MISSING),
        (FileExistsError("there"), Kind.LOST),
        (ValueError("a mistake of ours"), None),
        (KeyError("a mistake of ours"), None),
    ],
    ids=lambda v: repr(v)[:60],
)
def test_classify(error: Exception, meaning: Kind | None) -> None:
    assert classify(error) is meaning


@given(st.integers(1, 60), st.floats(0, 10), st.floats(0, 100))
def test_pauses_are_bounded(failures: int, base_s: float, cap_s: float) -> None:
    pause = RetryPolicy(5, base_s, cap_s).pause_s(failures)
    assert 0 <= pause <= min(cap_s, base_s * 2 ** (failures - 1))


class Script:
    """An operation that raises the given errors, then returns 7."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.calls = list(errors), 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return 7


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(retry.time, "sleep", slept.append)
    return slept


def test_persist_until_it_works(pauses: list[float]) -> None:
    script = Script(*[answer(503, "SlowDown")] * 4)
    assert persist(script, "s3://b/x", RetryPolicy()) == 7
    assert script.calls == 5
    assert len(pauses) == 4


@pytest.mark.parametrize(
    ("error", "expected", "calls"),
    [
        (answer(503, "SlowDown"), StorageUnavailable, 5),
        (OSError(errno.ENOSPC, "No space left on device"), StorageUnavailable, 1),
        (answer(403, "AccessDenied"), StorageDenied, 1),
        (answer(404, "NoSuchKey"), FileNotFoundError, 1),
        (answer(412, "PreconditionFailed"), LostRace, 1),
        (ValueError("ours"), ValueError, 1),
    ],
)
def test_persist_gives_up(error: Exception, expected: type[Exception], calls: int) -> None:
    script = Script(*[error] * 9)
    with pytest.raises(expected) as caught:
        persist(script, "https://user:pass@host/x", RetryPolicy())
    assert script.calls == calls
    assert "pass@" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_messages_name_status_and_code() -> None:
    silent = PermissionError("None")
    silent.__cause__ = answer(403, "SignatureDoesNotMatch")
    with pytest.raises(StorageDenied, match=r"^s3://b/x: PermissionError \(403 SignatureDoesNotMatch\)$"):
        persist(Script(silent), "s3://b/x", RetryPolicy())
    with pytest.raises(StorageDenied, match=r"^s3://b/x: Unable to locate credentials$"):
        persist(Script(NoCredentialsError()), "s3://b/x", RetryPolicy())


def test_lost_race_remembers_an_earlier_failure() -> None:
    for before, expected in (([], False), ([answer(500, "InternalError")], True)):
        errors: list[Any] = [*before, answer(412, "PreconditionFailed")]
        with pytest.raises(LostRace) as caught:
            persist(Script(*errors), "s3://b/x", RetryPolicy())
        assert caught.value.after_failure is expected
