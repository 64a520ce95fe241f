"""The services of infra/container, started here as a container would start them, on free ports of loopback."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
CONTAINER = ROOT / "infra/container"
MARK = "LACUNA_TEST_STACK"  # in the environment of all that is started


def free_port() -> int:
    """A port of loopback that nothing listens on, and that nobody is given who asks for any (Ray's agents do)."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def until(seen: Callable[[], Any], what: str, within_s: float = 180) -> Any:
    """The first true answer of `seen`."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        found = seen()
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError(f"not within {within_s:.0f} s: {what}")


class Stack:
    """Roles by name, their logs in `folder`. Use as a context manager: leaving it ends all that was started."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.mark = folder, uuid.uuid4().hex
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/api"
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
            "PREFECT_SERVER_API_PORT": str(port),
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_WORKER_PREFETCH_SECONDS": "1",
            "PREFECT_WORKER_WEBSERVER_PORT": str(free_port()),
            "LACUNA_WORK_POOL": "lacuna",
            **environment,
            MARK: self.mark,
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        try:
            for name in reversed(list(self._running)):
                self.stop(name)
            until(lambda: not self.processes(), "the end of all processes", 60)
        finally:
            for pid in self.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in self._running.values():
                process.wait()

    def start(self, role: str, *command: str, **environment: str) -> None:
        """A container with this role, or a command beside them, in the background."""
        with (self.folder / f"{role}.log").open("ab") as log:
            self._running[role] = subprocess.Popen(
                command or (str(CONTAINER / "start"),),
                env={**self.environment, "LACUNA_ROLE": role, **environment},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        whole = {**self.environment, **environment}
        return subprocess.run(command, env=whole, cwd=self.folder, capture_output=True, text=True, timeout=180)

    def healthy(self, role: str, **environment: str) -> None:
        """Wait until a role answers."""
        done = self.run(str(CONTAINER / "healthy"), role, "150", **environment)
        assert done.returncode == 0, f"{done.stderr}\n{self.log(role)}"

    def log(self, role: str) -> str:
        """What it has said so far."""
        return (self.folder / f"{role}.log").read_text("utf-8", "replace")

    def stop(self, role: str, within_s: float = 60) -> int:
        """End it as `docker stop` does, by SIGTERM to its first process. Returns its exit code."""
        process = self._running[role]
        process.terminate()
        try:
            code = process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{role} does not end:\n{self.log(role)[-3000:]}") from None
        del self._running[role]
        return code

    def processes(self, word: str = "") -> dict[int, str]:
        """Living processes of this stack whose command holds a word: pid -> command."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if word in command and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                        found[int(entry.name)] = command
        return found

    def api(self, path: str, body: Any = None, method: str = "") -> Any:
        """An answer of Prefect's API. Raises urllib.error.HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        asked.method = method or ("GET" if data is None else "POST")
        for _ in range(20):
            try:
                with urllib.request.urlopen(asked, timeout=60) as answer:
                    said = answer.read()
                return json.loads(said) if said else None
            except urllib.error.HTTPError as refused:
                if refused.code != 503:  # SQLite is busy; Prefect's own client tries again too
                    raise
                refused.close()
                time.sleep(0.5)
        raise AssertionError(f"Prefect's database stays busy: {path}")

    def deployment(self, name: str) -> Any:
        """A deployment, by `flow/name`."""
        return self.api(f"/deployments/name/{name}")

    def trigger(self, name: str, **parameters: Any) -> str:
        """Ask for a run of a deployment now; its id."""
        made = self.api(f"/deployments/{self.deployment(name)['id']}/create_flow_run", {"parameters": parameters})
        return str(made["id"])

    def runs(self, name: str, *types: str) -> list[Any]:
        """Runs of a deployment in any of these states, in the order of their time."""
        wanted = {
            "sort": "EXPECTED_START_TIME_ASC",
            "deployments": {"id": {"any_": [self.deployment(name)["id"]]}},
            "flow_runs": {"state": {"type": {"any_": list(types)}}},
        }
        return list(self.api("/flow_runs/filter", wanted))

    def ended(self, run: str, within_s: float = 240) -> Any:
        """Wait for the end of a run; its state."""
        final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

        def state() -> Any:
            now = self.api(f"/flow_runs/{run}")["state"]
            return now if now["type"] in final else None

        try:
            return until(state, f"the end of run {run}", within_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log('worker')[-5000:]}") from None
