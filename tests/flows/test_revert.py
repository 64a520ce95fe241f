import json
from pathlib import Path

import numpy as np
import pytest

from flows.cli import FAILED_ITEMS, OK, USAGE
from flows.revert import SHOWN, print_reverted, revert
from tasks.errors import UsageError
from tasks.publish.sidecar import read_sidecar
from tasks.store.objects import Store
from tests.flows.test_cli import invoked
from tests.flows.test_verify import restored_here
from tests.support import archive, decoded, encoded, photo, read_sink


@pytest.fixture
def sink(tmp_path: Path) -> Path:
    """Four filled items, one copy and one failure, with sidecars; the originals are gone."""
    made = archive(str(tmp_path / "archive"), 4, size=(48, 48))
    made.put("copy.png", encoded(photo(16, 16, 1), ".png"), encoded(np.zeros((16, 16), np.uint8), ".png"))
    made.put("lonely.png", encoded(photo(16, 16, 1), ".png"), None)
    return restored_here(tmp_path, made, "output.sidecar=true")


def test_every_picture_comes_back(sink: Path, tmp_path: Path) -> None:
    images = {p.name: decoded(p.read_bytes()) for p in (tmp_path / "archive/images").rglob("*") if p.is_file()}
    before = read_sink(str(sink))
    code, out, _ = invoked("revert", str(sink), "--out", str(tmp_path / "back"), "--json")
    made = json.loads(out)
    assert (code, made["items"], made["failures"]) == (OK, {"copied": 1, "reverted": 4, "without output": 1}, [])
    back = {p.name: decoded(p.read_bytes()) for p in (tmp_path / "back").rglob("*") if p.is_file()}
    assert set(back) == set(images) - {"lonely.png"}
    for name, pixels in back.items():
        np.testing.assert_array_equal(pixels, images[name])
    assert read_sink(str(sink)) == before


def test_a_sidecar_says_what_was_done(sink: Path) -> None:
    store = Store(str(sink))
    output = next(path.relative_to(sink / "images").as_posix() for path in sorted((sink / "images").rglob("*.jpg")))
    record = read_sidecar(store, output)
    assert (record["output"], record["run_id"], record["generator"]) == (output, "run-1", "fake")
    assert record["holes"]
    assert {"x", "y", "w", "h", "area", "fill_pass", "corrections"} <= record["holes"][0].keys()


def test_what_does_not_come_back_is_said_and_not_written(sink: Path, tmp_path: Path) -> None:
    files = sorted(path for path in (sink / "images").rglob("*") if path.is_file() and path.name != "copy.png")
    names = [path.relative_to(sink / "images").as_posix() for path in files]
    (sink / f"sidecars/{names[0]}.json").unlink()
    (sink / f"sidecars/{names[1]}.json").write_bytes(b"{}")
    files[2].write_bytes(b"no picture")
    files[3].unlink()
    code, out, _ = invoked("revert", str(sink), "--out", str(tmp_path / "back"))
    assert code == FAILED_ITEMS
    assert all(name in out for name in names)
    assert [path.name for path in (tmp_path / "back").rglob("*") if path.is_file()] == ["copy.png"]


def test_wrong_usage(sink: Path, tmp_path: Path) -> None:
    for out in (sink, sink / "images", tmp_path):
        with pytest.raises(UsageError, match="overlap"):
            revert(str(sink), str(out))
    with pytest.raises(UsageError, match="no run"):
        revert(str(tmp_path / "nowhere"), str(tmp_path / "back"))
    assert invoked("revert", str(sink), "--out", "")[0] == USAGE
    assert not (tmp_path / "back").exists()


def test_a_long_list_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    failures = [{"output": "a.png", "why": "w"}] * (SHOWN + 2)
    print_reverted({"items": {"failed": SHOWN + 2}, "out": "back", "failures": failures})
    out = capsys.readouterr().out
    assert (out.count("a.png"), "2 more" in out) == (SHOWN, True)
