import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tasks.errors import StorageDenied, StorageUnavailable
from tasks.store import local
from tasks.store.objects import Store


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_nothing_but_the_target_is_left(tmp_path: Path) -> None:
    local.write(tmp_path / "a/b/c", b"1")
    local.create(tmp_path / "a/d", b"2", tmp_path)
    with pytest.raises(FileExistsError):
        local.create(tmp_path / "a/d", b"3", tmp_path)
    assert files(tmp_path) == ["a/b/c", "a/d"]
    assert (tmp_path / "a/d").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "-", "a\nb", "b\\c"])
def test_any_legal_name(tmp_path: Path, name: str) -> None:
    local.write(tmp_path / name, b"1")
    assert local.names(tmp_path) == [name]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(str(tmp_path))
    store.put("x", b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(local.os, "fsync", full)
        with pytest.raises(StorageUnavailable, match="No space left"):
            store.put("x", b"new")
    assert store.read("x") == b"old"
    assert files(tmp_path) == ["x"]


def test_a_writer_that_was_killed_when_it_had_linked_its_file_leaves_it_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The temporary name and the target are one file then: writing to the one would change the other in place."""

    class Killed(BaseException):
        pass

    def dies(*_: object) -> None:
        raise Killed

    target = tmp_path / "x"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Path, "unlink", dies)
        local.create(target, b"first", tmp_path)
    assert target.stat().st_nlink == 2
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(local.os, "fsync", dies)
        local.write(target, b"second, which is not finished")
    assert target.read_bytes() == b"first"
    local.write(target, b"third")
    assert (target.read_bytes(), files(tmp_path)) == (b"third", ["x"])


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(local.os, "link", refuse)
    store = Store(str(tmp_path))
    assert store.create("x", b"1")
    assert not store.create("x", b"2")
    assert store.read("x") == b"1"
    assert files(tmp_path) == [local.LOCK_NAME, "x"]


def test_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(local.fcntl, "flock", refuse)
    Store(str(tmp_path)).put("x", b"1")
    assert [p for p in files(tmp_path) if not p.startswith(".")] == ["x"]


def test_folders_and_devices_are_no_objects(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageDenied, match="regular"):
        store.read("pipe")
    store.put("file", b"")
    (tmp_path / "folder.png").mkdir()
    for path in ("file/below", "folder.png"):
        with pytest.raises(StorageDenied, match="cannot be written"):
            store.put(path, b"1")
        with pytest.raises(FileNotFoundError):
            store.read(path)


def test_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"1")

    def refuse(path: Path) -> bytes:  # chmod would not keep root out
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(StorageDenied, match="Permission denied"):
        Store(str(tmp_path)).read("x")


def test_many_writers_of_one_file(tmp_path: Path) -> None:
    target, contents, stop = tmp_path / "x", {bytes([i]) * 300_000 for i in range(8)}, threading.Event()

    def write(data: bytes) -> None:
        while not stop.is_set():
            local.write(target, data)

    threads = [threading.Thread(target=write, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    while not target.exists():
        time.sleep(0.001)
    seen = [local.read(target) for _ in range(200)]
    stop.set()
    for thread in threads:
        thread.join()
    assert set(seen) <= contents
    assert files(tmp_path) == ["x"]


def test_killed_writers_leave_whole_files_and_the_next_cleans_up(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tasks.store import local; n = 0\n"
        "print('ready', flush=True)\n"
        "while True: local.write(Path(sys.argv[1]), bytes([n % 256]) * 2_000_000); n += 1"
    )
    target = tmp_path / "x"
    for round_ in range(5):
        process = subprocess.Popen([sys.executable, "-c", code, target], stdout=subprocess.PIPE)
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            while not target.exists():
                time.sleep(0.001)
            time.sleep(0.003 * round_)
            process.send_signal(signal.SIGKILL)
        data = target.read_bytes()
        assert len(data) == 2_000_000
        assert len(set(data)) == 1
        assert local.names(tmp_path) == ["x"]
        assert len(files(tmp_path)) <= 2
    local.write(target, b"end")
    assert files(tmp_path) == ["x"]


def test_a_folder_that_another_writer_makes_meanwhile_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = Path.is_dir

    def is_dir(path: Path) -> bool:
        found = looked(path)
        os.makedirs(path, exist_ok=True)  # noqa: PTH103 - mkdir itself asks is_dir; a moment after it was looked at
        return found

    monkeypatch.setattr(Path, "is_dir", is_dir)
    local.write(tmp_path / "a/b/c", b"data")
    assert (tmp_path / "a/b/c").read_bytes() == b"data"
