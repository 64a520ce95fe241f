"""The temporary Prefect server of a run on a machine where none is configured. It ends with the process that started it.

Prefect can start one by itself, but leaves it behind when its own process is killed; this one watches its parent.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

READY_S = 120.0  # the first start on a machine makes the database, which takes about 10 s
QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",  # the command says itself what happens, and what went wrong
    "PREFECT_CLI_PROMPT": "false",
}


class ServerFailed(RuntimeError):
    """The temporary server did not come up."""


def be_quiet() -> None:
    """Defaults for this process: no analytics, no console log of Prefect's own. What the user has set stays."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def prefect_api() -> Iterator[None]:
    """A Prefect API while the body runs: the configured one, else a temporary server.

    The server starts in the background: `wait_for_api` blocks until it answers, so that other things can start meanwhile.
    """
    be_quiet()
    from prefect.settings import PREFECT_API_URL, temporary_settings

    if PREFECT_API_URL.value():
        yield
        return
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.server", str(port), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C at the terminal is for the run, which still has a state to report
    )
    try:
        with temporary_settings({PREFECT_API_URL: url}):
            yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_api() -> None:
    """Return when the API in force answers. Raises ServerFailed."""
    from prefect.settings import PREFECT_API_URL

    url = f"{PREFECT_API_URL.value()}/health"
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError as refused:
            refused.close()
            if refused.code < 500:  # it is there, though it has no such page, or wants a key: the flow's client has one
                return
        except OSError:
            pass  # not there yet
        time.sleep(0.1)
    raise ServerFailed(f"no answer from {url} within {READY_S:.0f} s")


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    os._exit(1)


def main() -> None:
    """`python -m flows.server PORT PARENT_PID`: serve until the parent ends."""
    port, parent = int(sys.argv[1]), int(sys.argv[2])
    os.environ.update(PREFECT_UI_ENABLED="0", PREFECT__SERVER_EPHEMERAL="1", PREFECT__SERVER_FINAL="1")
    os.environ.pop("PREFECT_API_URL", None)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    import uvicorn

    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=port,
        log_level="error",
        lifespan="on",
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
