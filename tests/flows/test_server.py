import contextlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import server as module
from flows.server import QUIET, ServerFailed, be_quiet, prefect_api, wait_for_api


@contextlib.contextmanager
def answering(*statuses: int) -> Iterator[str]:
    """An API that answers with these statuses, the last one again and again."""
    left = list(statuses)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}):
            yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in QUIET:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    be_quiet()
    assert os.environ["PREFECT_LOGGING_LEVEL"] == "DEBUG"
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["DO_NOT_TRACK"] == "1"


def test_a_configured_api_is_used_and_no_server_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a server was started"))
    with answering(200) as url, prefect_api():
        assert PREFECT_API_URL.value() == url
        wait_for_api()


@pytest.mark.parametrize("statuses", [(200,), (503, 503, 200), (404,), (401,), (502, 403)])
def test_an_api_that_answers_is_there_though_it_may_want_a_key(statuses: tuple[int, ...]) -> None:
    with answering(*statuses):
        wait_for_api()


@pytest.mark.parametrize("statuses", [(503,), ()])
def test_an_api_that_never_comes_up_is_given_up(statuses: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READY_S", 0.5)
    nowhere = temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"})
    with answering(*statuses) if statuses else nowhere, pytest.raises(ServerFailed, match="no answer"):
        wait_for_api()


def test_the_server_ends_with_the_body() -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen
    with pytest.MonkeyPatch.context() as patch, temporary_settings(restore_defaults={PREFECT_API_URL}):
        patch.setattr(subprocess, "Popen", lambda *a, **k: started.append(real(*a, **k)) or started[0])
        with prefect_api():
            assert PREFECT_API_URL.value().startswith("http://127.0.0.1:")
            assert started[0].poll() is None
        assert PREFECT_API_URL.value() is None
    assert started[0].poll() is not None


PARENT = """
import sys, time
from flows.server import prefect_api, wait_for_api
with prefect_api():
    from prefect.settings import PREFECT_API_URL
    wait_for_api()
    print(PREFECT_API_URL.value(), flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path)}
    environment.pop("PREFECT_API_URL", None)
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout
    url = parent.stdout.readline().strip()
    port = url.removesuffix("/api").rpartition(":")[2]
    (server,) = servers(port, str(parent.pid))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 30
    while servers(port, str(parent.pid)):
        assert time.monotonic() < until, f"{server} is left behind"
        time.sleep(0.1)


def servers(port: str, parent: str) -> list[int]:
    """Processes that serve on this port for this parent."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if words[1:5] == ["-m", "flows.server", port, parent]:
                found.append(int(entry.name))
    return found
