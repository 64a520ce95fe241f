"""Shared by all tests: a clean environment, an S3 server, a Ray cluster, a Prefect server.

`s3` is a fresh bucket on moto in this process, or on the real server named by LACUNA_TEST_S3_ENDPOINT (with
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY); child processes reach it through the environment. `s3_faults` makes moto
fail.
"""

import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# What a developer's shell may hold that would change what is tested.
_FOREIGN = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "RAY_ADDRESS", "PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_PROFILE")


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No credentials, servers, homes or telemetry of the person who runs the tests."""
    # A shell that runs the tests in the background lets them, and the commands that they start, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in _FOREIGN:
            patch.delenv(name, raising=False)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("LACUNA_HOME", str(home / "lacuna"))
        patch.setenv("PREFECT_HOME", str(home / "prefect"))
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        patch.setenv("DO_NOT_TRACK", "1")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield


@dataclass
class Fault:
    """The next `times` requests whose method and path fit get `status` and `code`.

    `after`: the request is carried out first, only its answer is lost. `drop`: the connection is cut instead.
    """

    method: str
    path: str
    status: int
    code: str
    times: int
    after: bool
    drop: bool


@dataclass
class Faults:
    """A WSGI layer in front of moto: injects faults, refuses keys that contain "denied", makes conditions atomic."""

    app: Wsgi
    planned: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(
        self,
        path: str,
        *,
        method: str = "",
        status: int = 503,
        code: str = "SlowDown",
        times: int = 1,
        after: bool = False,
        drop: bool = False,
    ) -> None:
        """Plan a fault for requests whose path contains `path` (and whose method is `method`)."""
        self.planned.append(Fault(method, path, status, code, times, after, drop))

    def count(self, path: str, method: str = "") -> int:
        """Requests so far whose path contains `path`."""
        return sum(path in r and r.startswith(method) for r in self.requests)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].encode("latin-1").decode()
        with self.lock:
            self.requests.append(f"{method} {path}")
            fault = next((f for f in self.planned if f.path in path and f.method in ("", method) and f.times > 0), None)
            if fault:
                fault.times -= 1
        if "denied" in path.rpartition("/")[2]:
            return _refuse(environ, start_response, 403, "AccessDenied")
        if fault is None:
            return self._call(environ, start_response)
        if fault.after:
            b"".join(self._call(environ, lambda *_: None))
            environ["CONTENT_LENGTH"] = "0"  # the body has been read
        if fault.drop:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError
        return _refuse(environ, start_response, fault.status, fault.code)

    def _call(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "HTTP_IF_MATCH" in environ or "HTTP_IF_NONE_MATCH" in environ:
            with self.lock:  # moto checks the condition and then writes, in two steps
                return list(self.app(environ, start_response))
        return self.app(environ, start_response)


def _refuse(environ: dict[str, Any], start_response: Callable[..., Any], status: int, code: str) -> list[bytes]:
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    body = f"<Error><Code>{code}</Code><Message>{code} by a test</Message></Error>".encode()
    start_response(f"{status} {code}", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


@pytest.fixture(scope="session")
def s3_server(clean_environment: None) -> Iterator[Faults | None]:
    """The S3 server of this session, its address and keys in the environment; None when it is a real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", os.environ.get("AWS_DEFAULT_REGION", "us-east-1"))
        patch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        if real := os.environ.get("LACUNA_TEST_S3_ENDPOINT"):
            patch.setenv("AWS_ENDPOINT_URL", real)
            yield None
            return
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
        from werkzeug.serving import make_server

        class Quiet(MotoRequestHandler):
            def log(self, type: str, message: str, *args: object) -> None:
                pass

        faults = Faults(DomainDispatcherApplication(create_backend_app))
        server = make_server("127.0.0.1", 0, faults, threaded=True, request_handler=Quiet)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test-key-id-of-moto")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret-of-moto")
        yield faults
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def prefect_server(clean_environment: None) -> Iterator[None]:
    """A temporary Prefect server, in force in this process. It starts in the background: see `wait_for_api`."""
    from flows.server import prefect_api

    with prefect_api():
        yield


@pytest.fixture(scope="session")
def ray_cluster(s3_server: Faults | None) -> Iterator[None]:
    """A local Ray cluster; its workers find the S3 server as this process does."""
    from tasks.run.cluster import cluster

    with cluster():
        yield


@pytest.fixture
def s3(s3_server: Faults | None) -> Iterator[str]:
    """URL of a fresh bucket, `s3://lacuna-…`; removed afterwards."""
    import boto3

    name = f"lacuna-{uuid.uuid4().hex[:16]}"
    client = boto3.client("s3")
    client.create_bucket(Bucket=name)
    yield f"s3://{name}"
    if s3_server:
        s3_server.planned.clear()
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
        for entry in page.get("Contents", ()):
            client.delete_object(Bucket=name, Key=entry["Key"])
    client.delete_bucket(Bucket=name)
    client.close()


@pytest.fixture
def s3_faults(s3_server: Faults | None, s3: str) -> Faults:
    """Faults of the moto server (see `Faults.fail`); the test is skipped on a real server."""
    if s3_server is None:
        pytest.skip("a real S3 server fails when it wants to")
    s3_server.requests.clear()
    return s3_server


@pytest.fixture(params=["local", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty root: once a local folder, once a bucket."""
    return str(tmp_path / "root") if request.param == "local" else request.getfixturevalue("s3") + "/root"
