"""Malformed files by the hundred: each is done or costs one row of a fitting type, in little time and little memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.corpus.hostile.damage import ANY, Hostile, damaged
from tests.corpus.hostile.jpeg_lies import jpeg_lies
from tests.corpus.hostile.png_lies import png_lies
from tests.corpus.hostile.tiff_lies import tiff_lies
from tests.corpus.hostile.webp_lies import webp_lies
from tests.corpus.kinds import SIZE
from tests.support import encoded, photo, spots

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SECONDS = 20.0  # of one item, on a busy machine
MIB = 700.0  # beyond what the process had; LimitSettings.max_mp allows pictures of this size

MASK_ERRORS = frozenset({"MaskUnreadable", "MaskSizeMismatch", "MaskCoversAll", "ok", "unchanged"})


def everything() -> list[Hostile]:
    """At least 150 files that are wrong."""
    return [*damaged(), *png_lies(), *jpeg_lies(), *tiff_lies(), *webp_lies()]


def restored(folder: Path, count: int) -> dict[int, dict[str, Any]]:
    """What became of the items of a folder by number; a process that died counts against the item that it had in hand."""
    found: dict[int, dict[str, Any]] = {}
    while len(found) < count:
        command = [sys.executable, "-m", "tests.corpus.hostile.child", str(folder), str(len(found))]
        child = subprocess.run(command, capture_output=True, text=True, check=False)
        for line in child.stdout.splitlines():
            said = json.loads(line)
            found[said["number"]] = said
        last = found[max(found)] if found else {}
        if "status" not in last:
            assert last, child.stderr
            last.update(status="failed", error="WorkerDied", message=child.stderr[-500:], seconds=0.0, mib=0.0)
    return found


def judged(files: list[Hostile], found: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Those that did not end as they should."""
    wrong = {}
    for number, (name, _, allowed) in enumerate(files):
        became = found[number]
        outcome = became["error"] or became["status"]
        if outcome not in allowed or became["seconds"] > SECONDS or became["mib"] > MIB:
            wrong[name] = became
        if became["status"] == "failed":
            assert became["message"], name
    return wrong


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
@pytest.mark.parametrize("place", ["images", "masks"])
def test_hostile_files_cost_a_row_at_most(place: str, tmp_path: Path) -> None:
    files = everything()
    assert len(files) >= 150 and len({name for name, _, _ in files}) == len(files)
    good = {"images": encoded(photo(*SIZE, 1), ".png"), "masks": encoded(spots(*SIZE, 2), ".png")}
    for folder in good:
        (tmp_path / folder).mkdir()
    for number, (_, data, _) in enumerate(files):
        for folder, usual in good.items():
            (tmp_path / folder / f"{number:04d}.png").write_bytes(data if folder == place else usual)
    if place == "masks":
        files = [(name, data, MASK_ERRORS) for name, data, _ in files]
    assert judged(files, restored(tmp_path, len(files))) == {}


def test_a_lie_that_is_believed_would_be_noticed(tmp_path: Path) -> None:
    """The judge of this file is not asleep."""
    done = {"status": "ok", "error": None, "message": None, "seconds": 1.0, "mib": 1.0}
    bug = {**done, "status": "failed", "error": "UnexpectedError", "message": "a bug"}
    slow, large = {**done, "seconds": SECONDS + 1}, {**done, "mib": MIB + 1}
    files: list[Hostile] = [(name, b"", ANY) for name in ("fine", "bug", "slow", "large")]
    assert judged(files, dict(enumerate([done, bug, slow, large]))).keys() == {"bug", "slow", "large"}
    assert np.isfinite(SECONDS)
