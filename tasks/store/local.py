"""Local files that appear whole or not at all, and stay after a power cut.

A file is written beside its target under a dot-name that depends only on the target's name, then moved or linked into
place. A process that is killed leaves at most that one file, which no listing shows and which the next writer of the
same target reuses: a rerun cleans up what the kill left.
"""

import errno
import fcntl
import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.errors import StorageDenied

LOCK_NAME = ".lacuna.lock"


def read(path: Path) -> bytes:
    """All bytes of a regular file. Raises FileNotFoundError for a folder too; StorageDenied for pipes and devices."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise FileNotFoundError(f"{path} is a folder")
    if not stat.S_ISREG(mode):
        raise StorageDenied(f"{path} is not a regular file")  # reading a pipe or /dev/zero would never end
    return path.read_bytes()


def names(folder: Path) -> list[str]:
    """Sorted names of the files in one folder, dot-names left out; [] when there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if not e.name.startswith(".") and e.is_file())
    except (FileNotFoundError, NotADirectoryError):
        return []


def versions(folder: Path) -> dict[str, str]:
    """Of `names`, each with what changes whenever the file does: a file that is replaced has another inode."""
    found = {}
    for name in names(folder):
        with suppress(FileNotFoundError):  # moved away since
            seen = (folder / name).stat()
            found[name] = f"{seen.st_size}-{seen.st_mtime_ns}-{seen.st_ino}"
    return found


def write(target: Path, data: bytes) -> None:
    """Create or replace `target`; folders are made. A reader sees the old bytes or the new ones, never a part."""
    with _temporary(target, data) as temporary:
        temporary.replace(target)
    _sync_folder(target.parent)


def create(target: Path, data: bytes, root: Path) -> None:
    """Create `target`; raises FileExistsError when it exists. Of any number of writers exactly one succeeds."""
    with _temporary(target, data) as temporary:
        try:
            os.link(temporary, target)
        except PermissionError:  # a filesystem without hard links
            with locked(root):
                if target.exists():
                    raise FileExistsError(str(target)) from None
                temporary.replace(target)
        else:
            temporary.unlink()
    _sync_folder(target.parent)


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the one lock file of `root`, across processes; a dead holder's lock is free."""
    _make_folder(root)
    descriptor = os.open(root / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _temporary(target: Path, data: bytes) -> Iterator[Path]:
    """A synced dot-file beside `target` that holds `data`; the body moves or unlinks it, an exception removes it."""
    _make_folder(target.parent)
    # The digest, because a name of 250 bytes has no room for a suffix.
    temporary = target.with_name(f".lacuna-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:20]}.tmp")
    descriptor, temporary = _claim(temporary)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.truncate()
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        yield temporary
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    finally:
        os.close(descriptor)


def _claim(temporary: Path) -> tuple[int, Path]:
    """Open `temporary` and lock it against other writers of the same target (the lock of a dead one is free)."""
    while True:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:  # a filesystem without locks: a name of our own instead
            os.close(descriptor)
            temporary = temporary.with_name(f".lacuna-{uuid.uuid4().hex}.tmp")
            return os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), temporary
        # While we waited, the holder moved or unlinked the file: the lock is then on something else than this name.
        with suppress(FileNotFoundError):
            held = os.fstat(descriptor)
            if os.path.samestat(held, temporary.stat()):
                if held.st_nlink == 1:
                    return descriptor, temporary
                temporary.unlink()  # its writer was killed when it had linked it: these are the target's own bytes
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    """Make `folder` and its parents, each entry synced."""
    missing = []
    while not folder.is_dir():
        if _is_something_else(folder):
            raise NotADirectoryError(errno.ENOTDIR, f"{folder} is not a folder")
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        with suppress(FileExistsError):
            each.mkdir()
        _sync_folder(each.parent)


def _is_something_else(folder: Path) -> bool:
    """Whether there is something that is no folder. In one look: between two another writer may have made the folder."""
    try:
        return not stat.S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
