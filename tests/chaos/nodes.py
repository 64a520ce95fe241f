"""A Ray cluster of several nodes on one machine: each is a raylet with its workers, and can be lost without a word."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

TOKEN = "0123456789abcdef" * 4
SAFE = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
# A lost node is found by missed health checks: after 12 s unless told otherwise.
QUICK = {"RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "3"}
RAY = str(Path(sys.executable).with_name("ray"))


@dataclass
class Node:
    """What `ray start --block` runs, below one process."""

    process: subprocess.Popen[bytes]
    log: Path

    def processes(self) -> dict[int, str]:
        """Living processes of this node: pid -> command line."""
        parents: dict[int, int] = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        found = {}
        for pid in parents:
            above = pid
            while above in parents and above != self.process.pid:
                above = parents[above]
            if above == self.process.pid:
                with suppress(OSError):
                    found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return found

    def actors(self, title: str) -> list[int]:
        """Workers of this node whose title has that beginning, as `ray::RestorerShell.restore` has while it restores."""
        return [pid for pid, command in self.processes().items() if command.startswith(title)]

    def halt(self) -> None:
        """Its restorers hold still, with what they have in hand, until it is lost."""
        for pid in self.actors("ray::RestorerShell"):
            os.kill(pid, signal.SIGSTOP)

    def lose(self) -> None:
        """End it as a machine ends that is taken away: nobody says goodbye, the raylet first, so that it tells of no death."""
        if self.process.poll() is not None:
            return
        there = self.processes()
        raylets = [pid for pid, command in there.items() if "raylet/raylet" in command]
        for pid in [self.process.pid, *raylets, *there]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Nodes:
    """The head and what was added to it."""

    folder: Path
    port: int
    started: list[Node] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """For a command that is to run on it."""
        return {"RAY_ADDRESS": f"127.0.0.1:{self.port}", **SAFE}

    def add(self, cpus: int, gpus: int = 0) -> Node:
        """A node with so many CPUs and GPUs, by its own word; returns when it is up."""
        joins = ("--address", f"127.0.0.1:{self.port}") if self.started else ("--head", f"--port={self.port}")
        ports = [f"--{name}=0" for name in ("min-worker-port", "max-worker-port", "metrics-export-port")]
        if not self.started:
            ports += ["--include-dashboard=false", f"--temp-dir={self.folder}"]
        command = [
            RAY,
            "start",
            "--block",
            *joins,
            "--node-ip-address=127.0.0.1",
            "--disable-usage-stats",
            "--include-log-monitor=false",
            *ports,
        ]
        command += [f"--num-cpus={cpus}", f"--num-gpus={gpus}", f"--object-store-memory={80 * 2**20}"]
        log = self.folder / f"{len(self.started)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env={**os.environ, **SAFE, **QUICK}
            )
        self.started.append(Node(process, log))
        until(lambda: b"Ray runtime started" in log.read_bytes(), lambda: log.read_text() or "no word", process)
        return self.started[-1]


@contextmanager
def nodes(cpus: int) -> Iterator[Nodes]:
    """A head with so many CPUs; in the end all nodes are gone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="lacuna-ray-", dir="/tmp"))  # sockets lie below: their paths must be short
    made = Nodes(folder, port)
    try:
        made.add(cpus)
        yield made
    finally:
        for node in reversed(made.started):
            node.lose()
        shutil.rmtree(folder, ignore_errors=True)


def until(
    condition: Callable[[], object],
    why: Callable[[], str] = str,
    process: "subprocess.Popen[bytes] | subprocess.Popen[str] | None" = None,
    seconds: float = 120,
) -> None:
    """Wait for it, while the process lives."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, why()
        assert process is None or process.poll() is None, why()
        time.sleep(0.1)
