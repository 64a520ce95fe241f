"""Bodies that end early, on the wire: what the bucket of the scenarios raises is what the real client raises."""

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from tasks.errors import StorageUnavailable
from tasks.store.objects import Store
from tasks.store.retry import RetryPolicy
from tests.conftest import Faults

pytestmark = pytest.mark.chaos

DATA = bytes(range(256)) * 400
QUICK = RetryPolicy(tries=4, base_s=0.01)


class Wire:
    """In front of the server: the bodies of the next `left` answers to GET go wrong."""

    def __init__(self, app: Any) -> None:
        self.app, self.how, self.left = app, "", 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET" or not environ["PATH_INFO"].endswith("/x.bin") or not self.left:
            return self.app(environ, start_response)  # type: ignore[no-any-return]
        self.left -= 1
        return self._spoilt(environ, b"".join(self.app(environ, start_response)))

    def _spoilt(self, environ: dict[str, Any], body: bytes) -> Iterator[bytes]:
        if self.how == "trickle":
            for at in range(0, len(body), len(body) // 20):
                time.sleep(0.02)
                yield body[at : at + len(body) // 20]
            return
        yield body[: len(body) // 2]
        if self.how == "reset":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        environ["werkzeug.socket"].close()


@pytest.fixture
def wire(s3_faults: Faults) -> Iterator[Wire]:
    made = Wire(s3_faults.app)
    s3_faults.app = made
    yield made
    s3_faults.app = made.app


@pytest.mark.parametrize("how", ["reset", "short", "trickle"])
def test_a_body_that_goes_wrong_is_read_again(s3: str, wire: Wire, how: str) -> None:
    store = Store(f"{s3}/root", QUICK)
    store.put("x.bin", DATA)
    wire.how, wire.left = how, 3
    assert store.read("x.bin") == DATA
    assert wire.left == (2 if how == "trickle" else 0)
    assert store.read_versioned("x.bin")


@pytest.mark.parametrize("how", ["reset", "short"])
def test_bodies_that_never_arrive_are_unavailable(s3: str, wire: Wire, how: str) -> None:
    store = Store(f"{s3}/root", QUICK)
    store.put("x.bin", DATA)
    wire.how, wire.left = how, 100
    with pytest.raises(StorageUnavailable):
        store.read("x.bin")
