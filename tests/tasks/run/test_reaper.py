import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.run import reaper

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")

# A driver with two children: one that could be Ray's by its title, and one that is somebody else's.
DRIVER = """
import subprocess, sys, time
sleep = "import time; time.sleep(60)"
children = [subprocess.Popen(["ray::Pretended", "-c", sleep], executable=sys.executable),
            subprocess.Popen([sys.executable, "-c", sleep])]
print(*[child.pid for child in children], flush=True)
time.sleep(60)
"""


@contextlib.contextmanager
def driver() -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    process = subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    rays, other = (int(pid) for pid in process.stdout.readline().split())
    try:
        yield process, rays, other
    finally:
        for pid in (process.pid, rays, other):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        process.wait()
        process.stdout.close()


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_rays_processes_below_a_driver_are_found() -> None:
    with driver() as (process, rays, other):
        assert set(reaper.rays_below(process.pid)) == {rays}
        assert other not in reaper.rays_below(os.getpid())


@pytest.mark.parametrize("word", [b"ended well", b""])
def test_when_the_driver_is_killed_rays_processes_end_and_nothing_else(word: bytes) -> None:
    with driver() as (process, rays, other):
        watching = subprocess.Popen([sys.executable, "-I", reaper.__file__, str(process.pid)], stdin=subprocess.PIPE)
        time.sleep(reaper.LOOK_S + 1.5)
        process.kill()
        process.wait()
        watching.communicate(word, timeout=30)
        assert alive(rays) == bool(word)
        assert alive(other)


def test_a_process_that_took_the_id_of_another_is_spared() -> None:
    with driver() as (process, rays, _):
        started = time.monotonic()
        reaper.reap({rays: "12345"})
        assert alive(rays)
        assert time.monotonic() - started < 3
        assert process.poll() is None
