"""Full disks, a full object store: it is said, nothing half-written shows, and the next run makes everything whole."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import flows.weights
from flows.cli import FAILED_ITEMS
from flows.verify import verify
from flows.weights import get_weights
from models.checkpoint.registry import Entry
from models.lama import Lama, LamaConfig
from models.weights import load_weights, save_weights
from tasks.errors import StorageUnavailable
from tasks.store.retry import RetryPolicy
from tests.file_server import file_server
from tests.support import Archive, archive, content, encoded, lacuna, photo, read_sink, rows, start

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]

ITEMS = 9
SETTINGS = ("--recipe", "fast", "--set", "runtime.shard_items=2")
POOL_FAILURE = 1


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A filesystem in memory of 256 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this user may not mount a filesystem: {error}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)


def test_a_full_disk(small: Path, tmp_path: Path) -> None:
    made, clean, sink = archive(str(tmp_path), ITEMS), tmp_path / "clean", small / "sink"
    lacuna("restore", made.images, made.masks, "--out", str(clean), *SETTINGS)
    before = read_sink(made.images)
    process = start("restore", made.images, made.masks, "--out", str(sink), *SETTINGS)
    _, said = process.communicate()
    assert process.returncode in (POOL_FAILURE, FAILED_ITEMS), said
    assert "No space left" in said or {row["error"] for row in rows(str(sink))} == {None, "StorageUnavailable"}
    enlarge(small)
    lacuna("restore", made.images, made.masks, "--out", str(sink), *SETTINGS)
    assert content(str(sink)) == content(str(clean))
    assert len({row["item_id"] for row in rows(str(sink))}) == len(rows(str(sink))) == ITEMS
    assert verify(str(sink))["problems"] == {}
    assert read_sink(made.images) == before


def test_a_full_disk_where_weights_are_kept(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = LamaConfig(ngf=12, n_blocks=1)
    path = tmp_path / "tiny.safetensors"
    save_weights(path, config, Lama(config).state_dict(), {})
    data = path.read_bytes()
    assert len(data) > 256 * 2**10
    monkeypatch.setenv("LACUNA_HOME", str(small))
    quick = RetryPolicy(tries=2, base_s=0.001, cap_s=0.001)
    with file_server() as server:
        server.files["/tiny.safetensors"] = data
        url, sha256 = f"{server.url}/tiny.safetensors", hashlib.sha256(data).hexdigest()
        entry = Entry("tiny", path.name, url, len(data), sha256, None, "CC0", "for tests", "made")
        monkeypatch.setattr(flows.weights, "REGISTRY", (entry,))
        with pytest.raises(StorageUnavailable, match="No space left"):
            get_weights("tiny", retry=quick)
        assert [path.name for path in small.rglob("*.safetensors")] == []
        enlarge(small)
        get_weights("tiny", retry=quick)
    assert load_weights("tiny").config == config


@pytest.fixture
def hog(small: Path) -> Iterator[subprocess.Popen[str]]:
    """A cluster whose object store is full, and so is the disk that it spills to."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.hog", str(small)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with process:
        yield process
        assert process.stdin
        process.stdin.close()


def heard(process: subprocess.Popen[str], start: str) -> str:
    """The rest of the first line that starts so: Ray writes there too."""
    assert process.stdout
    return next(line for line in process.stdout if line.startswith(start)).removeprefix(start).strip()


def test_a_full_object_store_costs_items_until_there_is_room(hog: subprocess.Popen[str], tmp_path: Path) -> None:
    made = Archive(f"{tmp_path}/images", f"{tmp_path}/masks")
    mask = np.zeros((480, 480), np.uint8)
    mask[120:360, 120:360] = 255  # a crop of some megabytes; Ray sends what is small without its store
    for number in range(2):
        made.put(f"{number}.png", encoded(photo(480, 480, number), ".png"), encoded(mask, ".png"))
    sink, cluster = str(tmp_path / "sink"), {"RAY_ADDRESS": heard(hog, "address "), "RAY_AUTH_MODE": "token"}
    settings = ("--recipe", "fast", "--set", "runtime.generators=1", "--set", "runtime.actors=1")
    command = ("restore", made.images, made.masks, "--out", sink, *settings)
    lacuna(*command, expect=FAILED_ITEMS, **cluster)
    assert {(row["status"], row["error"]) for row in rows(sink)} == {("failed", "StorageUnavailable")}
    assert {"object store" in row["message"] for row in rows(sink)} == {True}
    assert hog.stdin
    hog.stdin.write("make room\n")
    hog.stdin.flush()
    heard(hog, "there is room")
    lacuna(*command, **cluster)
    assert {row["status"] for row in rows(sink)} == {"ok"}
    assert len(rows(sink)) == 2
