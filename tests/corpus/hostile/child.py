"""A process that restores hostile items one after the other: `python -m tests.corpus.hostile.child FOLDER FIRST`.

FOLDER holds `images/` and `masks/` with files of the same numbers. One line of JSON before each item and one after it, so
that whoever reads them knows which one ended the process.
"""

import json
import sys
import time
from pathlib import Path

from tasks.run.item import Bench, restore_item
from tasks.run.job import ItemSpec, Job
from tasks.run.settings import ItemSettings, LimitSettings, RuntimeSettings
from tests.tasks.run.test_item import FakeGenerator


def main(folder: Path, first: int) -> None:
    """Restore all items from number `first` on."""
    job = Job("run-1", str(folder / "sink"), "fast", ItemSettings(), LimitSettings(), RuntimeSettings(), "code-1")
    bench = Bench(job, FakeGenerator())
    for image in sorted((folder / "images").iterdir())[first:]:
        number = int(image.stem)
        print(json.dumps({"number": number}), flush=True)
        mask = str(folder / "masks" / image.name)
        Path("/proc/self/clear_refs").write_text("5")  # forget the highest memory so far
        before, started = _peak_mib(), time.perf_counter()
        row = restore_item(ItemSpec(image.name, str(image), (mask,), None, image.name, None, "v", "m"), bench).row
        found = {"number": number, "status": row["status"], "error": row.get("error"), "message": row.get("message")}
        found |= {"seconds": time.perf_counter() - started, "mib": _peak_mib() - before}
        print(json.dumps(found), flush=True)


def _peak_mib() -> float:
    """Highest resident memory since it was last forgotten."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
