"""The real command in a child process: when it filled and committed, and how much memory its processes took."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Run:
    """One `lacuna restore` in a child process. Times in seconds since the epoch, memory in MiB."""

    started: float
    first_fill: float
    last_commit: float
    ended: float
    filled: int
    peak_mib: dict[str, float] = field(default_factory=dict)  # driver, restorer (the largest), ledger

    @property
    def filling_s(self) -> float:
        """From first fill to last commit."""
        return self.last_commit - self.first_fill


def restore(
    images: Path, masks: Path, *sets: str, watch: bool = False, program: tuple[str, ...] = (), **environment: str
) -> Run:
    """Run the command to its end on a fresh sink. `program`: what to run instead of the command, with its arguments."""
    with tempfile.TemporaryDirectory(prefix="lacuna-sink-") as sink:
        options = [option for setting in sets for option in ("--set", setting)]
        command = [sys.executable, *(program or ("-m", "flows.cli")), "restore", str(images), str(masks), "--out", sink]
        started = time.time()
        with child([*command, *options, "--json"], environment) as process, peaks(process.pid, watch) as peak_mib:
            out, err = process.communicate()
        ended = time.time()
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{out}\n{err}")
        files = sorted(Path(sink, "results").glob("*.parquet"))
        rows = [row for file in files for row in pq.read_table(file).to_pylist() if row["fill_s"] is not None]
        first = min(row["finished_at"].timestamp() - row["save_s"] - row["fill_s"] for row in rows)
        return Run(started, first, max(file.stat().st_mtime for file in files), ended, len(rows), peak_mib)


@contextmanager
def child(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A child in a session of its own; interrupted with this process."""
    pipe = subprocess.PIPE
    env = {**os.environ, **environment}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@contextmanager
def peaks(pid: int, watch: bool) -> Iterator[dict[str, float]]:
    """Peak resident memory (VmHWM, MiB) of process `pid` and of Ray's actors below it, filled in while the body runs."""
    found: dict[str, float] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            for each, name in family(pid):
                kind = "driver" if each == pid else {"RestorerShell": "restorer", "Ledger": "ledger"}.get(name)
                if kind:
                    found[kind] = max(found.get(kind, 0.0), _peak_mib(each))

    thread = threading.Thread(target=look, daemon=True)
    if watch:
        thread.start()
    yield found
    over.set()
    if watch:
        thread.join()


def family(pid: int) -> Iterator[tuple[int, str]]:
    """The process and its descendants: (pid, the class of the Ray actor that it is, else "")."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    for each in parents:
        above = each
        while above not in (0, pid):
            above = parents.get(above, 0)
        if above == pid:
            try:
                title = Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")[0].decode()
            except OSError:
                continue
            yield each, title.removeprefix("ray::").partition(".")[0] if title.startswith("ray::") else ""


def _peak_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
