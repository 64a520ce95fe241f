"""Ends what a killed run leaves behind: `python reaper.py DRIVER_PID`, started by `tasks.run.cluster` beside a private cluster.

Ray's own processes end with their driver, but some of them wait a minute for a head that cannot come back. After a good end
the driver kills those itself. For the case that it is killed, this process keeps a list of Ray's processes below it and waits
on a pipe that only the driver holds: a word on it says that all went well; its end without a word, that the driver is gone.
It imports nothing of the project, so it is small. (A mark in their environment would not do: Ray's processes write their
titles over it.)
"""

import os
import select
import signal
import sys
import time
from pathlib import Path

LOOK_S = 2.0
PAUSE_S = 0.5  # Ray's processes first get the time to end by themselves
ROUNDS = 10

Processes = dict[int, str]  # process id -> the time at which it started, since ids are used again


def rays_below(driver: int) -> Processes:
    """Ray's processes among the descendants of a process; empty where there is no /proc."""
    parents, started = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(entry.name))
        if fields:
            parents[int(entry.name)], started[int(entry.name)] = int(fields[1]), fields[19]
    found = {}
    for pid in parents:
        above = pid
        while above in parents and above != driver:
            above = parents[above]
        if above == driver and pid != driver and _is_rays(pid):
            found[pid] = started[pid]
    return found


def reap(known: Processes) -> None:
    """Kill those of `known` that do not end by themselves; returns when none is left, 5 s later at the most."""
    for attempt in range(ROUNDS):
        left = [
            pid for pid, since in known.items() if (fields := _stat(pid)) and fields[19] == since and fields[0] != "Z"
        ]
        if not left:
            return
        for pid in left if attempt else ():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(PAUSE_S)


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on (state, parent, …, 20th: start time); [] when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _is_rays(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return command.startswith(b"ray::") or b"/ray/" in command


def main() -> None:
    """Wait for the driver's word or end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    known: Processes = {}
    while not select.select([sys.stdin], [], [], LOOK_S)[0]:
        known |= rays_below(int(sys.argv[1]))
    if not os.read(sys.stdin.fileno(), 1):
        reap(known)


if __name__ == "__main__":
    main()
