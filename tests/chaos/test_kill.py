"""kill -9, SIGTERM and Ctrl-C at random moments: rerun, and nothing is lost, done twice, half written or left behind."""

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import Archive, archive, content, lacuna, rows, start

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 10
MARK = "LACUNA_TEST_MARK"
# Small shards, so that a kill finds some committed and some not.
SETTINGS = ("--recipe", "fast", "--set", "runtime.shard_items=2", "--set", "limits.max_attempts=50")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> tuple[Archive, str]:
    """An archive, and the sink of an undisturbed run over it."""
    root = tmp_path_factory.mktemp("undisturbed")
    made = archive(str(root), 40, size=(384, 512), holes=14)  # enough work that ten kills find it under way
    lacuna("restore", made.images, made.masks, "--out", str(root / "sink"), *SETTINGS)
    return made, str(root / "sink")


def marked(mark: str) -> dict[int, str]:
    """Living processes that were started with this mark in their environment: pid -> command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found[int(entry.name)] = command
    return found


def gone(mark: str, within_s: float = 40) -> dict[int, str]:
    """Wait for all marked processes to end; those that did not."""
    until = time.monotonic() + within_s
    while (left := marked(mark)) and time.monotonic() < until:
        time.sleep(0.2)
    return left


@contextlib.contextmanager
def running(made: Archive, sink: str) -> Iterator[tuple[subprocess.Popen[str], str, threading.Event, list[str]]]:
    """A restore under way: the process, its mark, an event that is set when it begins to fill, and what it says."""
    mark, filling, said = uuid.uuid4().hex, threading.Event(), list[str]()
    process = start("restore", made.images, made.masks, "--out", sink, *SETTINGS, **{MARK: mark})

    def listen() -> None:
        assert process.stderr
        for line in process.stderr:
            said.append(line)
            if "items to do" in line:
                filling.set()
        filling.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield process, mark, filling, said
    finally:
        process.kill()
        process.wait()
        listener.join()
        for pipe in (process.stdout, process.stderr):
            assert pipe
            pipe.close()


def settled(sink: str) -> dict[str, object]:
    """What is committed, with the times at which it was done: a row that is done again has another time."""
    return {r["item_id"]: (r["finished_at"], r["output_sha256"], r["commit_id"]) for r in rows(sink)}


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_the_driver_is_stopped_at_random_moments(
    work: tuple[Archive, str], tmp_path: Path, sign: signal.Signals
) -> None:
    made, clean = work
    sink, rng = str(tmp_path / "sink"), random.Random(int(sign))
    before: dict[str, object] = {}
    for _ in range(KILLS if sign == signal.SIGKILL else 2):
        with running(made, sink) as (process, mark, filling, said):
            assert filling.wait(120)
            time.sleep(rng.uniform(0, 6))
            ended = process.poll()
            process.send_signal(sign)
            if sign != signal.SIGKILL and ended is None:
                assert process.wait(60) == 130, said
        assert gone(mark) == {}
        now = settled(sink)
        assert now.items() >= before.items()  # what was committed is not touched
        assert len(rows(sink)) == len(now)
        before = now
    lacuna("restore", made.images, made.masks, "--out", sink, *SETTINGS)
    after = settled(sink)
    assert after.items() >= before.items()
    assert content(sink) == content(clean)
    assert len(rows(sink)) == 40


def test_actors_are_killed_at_random_moments(work: tuple[Archive, str], tmp_path: Path) -> None:
    made, clean = work
    sink, rng, killed = str(tmp_path / "sink"), random.Random(5), 0
    while killed < KILLS:  # a run may end before all ten: then the next one, on a new sink
        sink = str(tmp_path / f"sink {killed}")
        with running(made, sink) as (process, mark, filling, said):
            assert filling.wait(120)
            while process.poll() is None and killed < KILLS:
                time.sleep(rng.uniform(0.2, 2.5))
                actors = [pid for pid, command in marked(mark).items() if "RestorerShell" in command]
                if actors:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(rng.choice(actors), signal.SIGKILL)
                        killed += 1
            assert process.wait(240) == 0, said
        assert gone(mark) == {}
        assert content(sink) == content(clean)
        assert len({r["item_id"] for r in rows(sink)}) == len(rows(sink)) == 40
