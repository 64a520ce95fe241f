"""A long run of small items: nothing grows but the sink, and the last item costs no more than the first.

Cost is processor time of the driver and the actors: the clock also counts what else the machine does.

`pytest -m nightly tests/chaos/test_load.py`; LACUNA_TEST_LOAD says how many items, 20,000 by default.
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.support import Archive, encoded, lacuna, photo, rows, spots, start

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(4 * 3600)]

ITEMS = int(os.environ.get("LACUNA_TEST_LOAD", "20000"))
SIZE = (40, 48)
EVERY_S = 2.0
WARM = 0.15  # of the run: until then caches and pools fill
GROWTH = {"mib": 1.15, "files": 1.1, "threads": 1.1}  # from then to the end; and a little beside, for few of them
SPARE = {"mib": 20.0, "files": 6.0, "threads": 4.0}


@dataclass(frozen=True)
class Sample:
    """A process at one time: seconds since the epoch, seconds of processor time, resident MiB, open files, threads."""

    at: float
    cpu_s: float
    mib: float
    files: float
    threads: float


def many(root: Path) -> Archive:
    """So many images of a few contents, linked: names of their own, hardly any disk."""
    made = Archive(str(root / "images"), str(root / "masks"))
    for folder in (made.images, made.masks):
        Path(folder).mkdir(parents=True)
    for kind in range(50):
        (root / f"{kind}.png").write_bytes(encoded(photo(*SIZE, kind), ".png"))
        (root / f"{kind}.mask.png").write_bytes(encoded(spots(*SIZE, kind, 1), ".png"))
    for number in range(ITEMS):
        os.link(root / f"{number % 50}.png", f"{made.images}/{number:06d}.png")
        os.link(root / f"{number % 50}.mask.png", f"{made.masks}/{number:06d}.png")
    return made


@contextmanager
def watched(pid: int) -> Iterator[dict[str, list[Sample]]]:
    """Samples of the driver and of the Ray actors below it, by name."""
    found: dict[str, list[Sample]] = defaultdict(list)
    over = threading.Event()

    def look() -> None:
        while not over.wait(EVERY_S):
            for each, name in [(pid, "driver"), *_actors(pid)]:
                with suppress(OSError, IndexError, ValueError):
                    status = Path(f"/proc/{each}/status").read_text()
                    numbers = [float(status.partition(f"{key}:")[2].split()[0]) for key in ("VmRSS", "Threads")]
                    files = len(list(Path(f"/proc/{each}/fd").iterdir()))
                    ticks = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[11:13]
                    cpu_s = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
                    found[name].append(Sample(time.time(), cpu_s, numbers[0] / 1024, files, numbers[1]))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def _actors(pid: int) -> list[tuple[int, str]]:
    """(pid, name with pid) of the actors whose Ray was started by `pid`."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            each = int(entry.name)
            parents[each] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if title.startswith(("ray::RestorerShell", "ray::Ledger")):
                names[each] = f"{title.split('.')[0].removeprefix('ray::').strip()} {each}"

    def below(each: int) -> bool:
        while each not in (0, 1, pid):
            each = parents.get(each, 0)
        return each == pid

    return [(each, name) for each, name in names.items() if below(each)]


def grown(samples: list[Sample]) -> dict[str, tuple[float, float]]:
    """What a process had once it was warm and has at the end, for what grew too much."""
    found = {}
    for key, factor in GROWTH.items():
        values = np.array([getattr(sample, key) for sample in samples])
        span = max(3, len(values) // 10)
        first = int(len(values) * WARM)
        early, late = (float(np.median(part)) for part in (values[first : first + span], values[-span - 2 : -2]))
        if late > factor * early + SPARE[key]:
            found[key] = (early, late)
    return found


def spent(samples: list[Sample], start: float, end: float) -> float:
    """Processor time of a process between two times."""
    at, cpu_s = [s.at for s in samples], [s.cpu_s for s in samples]
    return float(np.interp(end, at, cpu_s) - np.interp(start, at, cpu_s))


def test_nothing_grows_in_a_long_run(tmp_path: Path) -> None:
    made, sink = many(tmp_path), str(tmp_path / "sink")
    answers = []
    process = start("restore", made.images, made.masks, "--out", sink, "--recipe", "fast", "--json")
    said = threading.Thread(target=lambda: [None for _ in process.stderr or ()])
    said.start()
    while process.poll() is None and not any(Path(sink, "results").glob("*")):  # starting is not what is measured
        time.sleep(0.5)
    with watched(process.pid) as found:
        while process.poll() is None:
            time.sleep(min(60.0, ITEMS / 100))
            if process.poll() is None:
                answers.append(_status_s(sink))
    said.join()
    assert process.stdout and process.stderr
    out = process.stdout.read()
    process.stdout.close()
    process.stderr.close()
    assert process.returncode == 0, out
    assert {name: growth for name, samples in found.items() if len(samples) > 20 and (growth := grown(samples))} == {}
    assert np.median(answers) < 1.0

    done = rows(sink)
    assert len(done) == len({row["item_id"] for row in done}) == ITEMS
    ends = np.sort([row["finished_at"].timestamp() for row in done])
    tenth = ITEMS // 10
    spans = {"early": (ends[tenth], ends[3 * tenth]), "late": (ends[-3 * tenth], ends[-tenth])}  # two tenths each
    took = {name: end - start for name, (start, end) in spans.items()}
    cost = {name: sum(spent(samples, *span) for samples in found.values()) for name, span in spans.items()}
    print(f"{ITEMS} items; a fifth of them took {took} s, and cost {cost} s of processor time")
    print(f"status answered in {np.median(answers):.2f} s, at most {max(answers):.2f}")
    for name, samples in found.items():
        print(
            name, [tuple(round(v) for v in (s.mib, s.files, s.threads)) for s in samples[:: max(1, len(samples) // 8)]]
        )
    assert cost["late"] < 1.1 * cost["early"]
    lacuna("status", sink)


def _status_s(sink: str) -> float:
    """Seconds that `lacuna status` needs for its answer, beyond its imports."""
    from flows.status import status

    began = time.perf_counter()
    status(sink)
    return time.perf_counter() - began
