import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tasks.errors import StorageDenied, StorageUnavailable
from tasks.store.download import DownloadInvalid, Expected, digest, download
from tasks.store.objects import Store
from tasks.store.retry import RetryPolicy
from tests.file_server import FileServer, file_server

DATA = os.urandom(1_000_003)
KNOWN = Expected(len(DATA), hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest())
QUICK = RetryPolicy(tries=3, base_s=0.001, cap_s=0.002)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as running:
        running.files["/f"] = DATA
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "to").mkdir()
    return tmp_path / "to" / "f"


def got(url: str, target: Path, expected: Expected = KNOWN, timeout_s: float = 5) -> bytes:
    """Download; afterwards there is nothing but the file."""
    download(url, target, expected, retry=QUICK, timeout_s=timeout_s)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    return target.read_bytes()


def part_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("lengths", [True, False])
def test_a_file_comes_whole(server: FileServer, target: Path, ranges: bool, lengths: bool) -> None:
    server.ranges, server.lengths = ranges, lengths
    told: list[tuple[int, int | None]] = []
    download(f"{server.url}/f", target, KNOWN, retry=QUICK, report=lambda *state: told.append(state))
    assert target.read_bytes() == DATA
    assert told == sorted(told) and told[-1] == (len(DATA), len(DATA))
    download(f"{server.url}/f", target, KNOWN, retry=QUICK)
    assert len(server.requests) == 1


@pytest.mark.parametrize("expected", [Expected(), Expected(size=len(DATA)), Expected(md5=KNOWN.md5)])
def test_what_is_not_known_is_not_asked_for(server: FileServer, target: Path, expected: Expected) -> None:
    assert got(f"{server.url}/f", target, expected) == DATA


def test_it_goes_on_where_a_killed_one_stopped(server: FileServer, target: Path) -> None:
    part_of(target).write_bytes(DATA[:700_000])
    assert got(f"{server.url}/f", target) == DATA
    assert server.asked() == ["bytes=700000-"]


def test_a_whole_part_needs_no_request(server: FileServer, target: Path) -> None:
    part_of(target).write_bytes(DATA)
    assert got(f"{server.url}/f", target) == DATA
    assert server.requests == []


@pytest.mark.parametrize("left", [b"x" * 500, DATA + b"x", b"x" * len(DATA)])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_part_of_something_else_is_thrown_away(server: FileServer, target: Path, left: bytes, ranges: bool) -> None:
    server.ranges = ranges
    part_of(target).write_bytes(left)
    assert got(f"{server.url}/f", target) == DATA


def test_a_finished_file_that_is_another_is_replaced(server: FileServer, target: Path) -> None:
    target.write_bytes(b"old")
    assert got(f"{server.url}/f", target) == DATA


def test_cut_connections_cost_only_what_is_lost(server: FileServer, target: Path) -> None:
    server.cuts = [200_000, 100_000, 70_000, 300_000, 0, 100]
    assert got(f"{server.url}/f", target) == DATA
    assert server.asked()[1:4] == ["bytes=200000-", "bytes=300000-", "bytes=370000-"]


def test_without_ranges_cut_connections_begin_anew(server: FileServer, target: Path) -> None:
    server.ranges, server.cuts = False, [800_000, 300_000]
    assert got(f"{server.url}/f", target) == DATA


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("lengths", [True, False])
def test_a_server_that_always_cuts_is_given_up(server: FileServer, target: Path, ranges: bool, lengths: bool) -> None:
    server.ranges, server.lengths, server.cuts = ranges, lengths, [1000] * 100
    with pytest.raises(StorageUnavailable, match=f"of {len(DATA)} bytes"):
        got(f"{server.url}/f", target)
    assert len(server.requests) == 3
    assert not target.exists()


def test_a_truncated_file_is_given_up_at_once_when_its_length_is_known(server: FileServer, target: Path) -> None:
    server.files["/f"] = DATA[:-1]
    with pytest.raises(DownloadInvalid, match=f"{len(DATA) - 1} bytes, not {len(DATA)}"):
        got(f"{server.url}/f", target)
    assert len(server.requests) == 1 and not target.exists()


def test_a_login_page_in_place_of_the_file(server: FileServer, target: Path) -> None:
    server.files["/f"] = b"<html>Welcome to our hotel</html>"
    with pytest.raises(DownloadInvalid, match="33 bytes"):
        got(f"{server.url}/f", target)


@pytest.mark.parametrize(
    "expected", [Expected(len(DATA), "0" * 64), Expected(len(DATA), None, "0" * 32), Expected(sha256="0" * 64)]
)
def test_a_wrong_hash_leaves_nothing(server: FileServer, target: Path, expected: Expected) -> None:
    with pytest.raises(DownloadInvalid, match=r"(sha256|md5) [0-9a-f]+, not 0000"):
        download(f"{server.url}/f", target, expected, retry=QUICK)
    assert list(target.parent.iterdir()) == []


def test_more_than_was_announced_is_refused(server: FileServer, target: Path) -> None:
    server.lengths = False
    with pytest.raises(DownloadInvalid, match="more than 1000 bytes"):
        download(f"{server.url}/f", target, Expected(1000), retry=QUICK)
    assert not target.exists()


def test_another_range_than_asked_for_is_not_taken(server: FileServer, target: Path) -> None:
    server.wrong_range = True
    part_of(target).write_bytes(DATA[:100])
    assert got(f"{server.url}/f", target) == DATA
    assert server.asked() == ["bytes=100-", None]


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there(server: FileServer, target: Path, status: int) -> None:
    server.refusals = [status]
    with pytest.raises(FileNotFoundError, match=str(status)):
        got(f"{server.url}/f", target)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 403])
def test_what_is_refused(server: FileServer, target: Path, status: int) -> None:
    server.refusals = [status]
    with pytest.raises(StorageDenied, match=str(status)):
        got(f"{server.url}/f", target)
    assert len(server.requests) == 1


def test_what_passes_is_asked_for_again(server: FileServer, target: Path) -> None:
    server.refusals = [503, 429]
    assert got(f"{server.url}/f", target) == DATA
    server.refusals = [500] * 9
    target.unlink()
    with pytest.raises(StorageUnavailable, match="3 tries"):
        got(f"{server.url}/f", target)


def test_redirects_are_followed_ranges_included(server: FileServer, target: Path) -> None:
    server.redirects = {"/a": f"{server.url}/b", "/b": "/f?X-Amz-Signature=abc"}
    part_of(target).write_bytes(DATA[:500_000])
    assert got(f"{server.url}/a", target) == DATA
    assert server.asked() == ["bytes=500000-"] * 3


def test_a_redirect_in_circles_or_out_of_the_web_is_refused(server: FileServer, target: Path) -> None:
    server.redirects = {"/a": "/a", "/b": "file:///etc/passwd", "/c": "ftp://127.0.0.1:1/x"}
    for path in ("/a", "/b", "/c"):
        with pytest.raises((StorageDenied, StorageUnavailable)):
            got(f"{server.url}{path}", target)
    assert not target.exists()


def test_a_password_in_the_url_is_used_not_shown_and_not_passed_on(server: FileServer, target: Path) -> None:
    with file_server() as other:
        other.files["/f"] = DATA
        server.password = "me:se cret"
        server.redirects = {"/a": f"{other.url}/f"}
        url = server.url.replace("://", "://me:se%20cret@")
        assert got(f"{url}/a", target) == DATA
        assert "Authorization" not in other.requests[0][1]
        target.unlink()
        server.password = "another"
        with pytest.raises(StorageDenied, match=r"http://\*\*\*@127") as refused:
            got(f"{url}/f?token=hush", target)
        assert "cret" not in str(refused.value) and "hush" not in str(refused.value)


def test_a_slow_server_is_waited_for_and_a_silent_one_is_not(server: FileServer, target: Path) -> None:
    server.stalls = [0.2]
    assert got(f"{server.url}/f", target) == DATA
    target.unlink()
    server.requests.clear()
    server.stalls = [3.0]
    began = time.monotonic()
    assert got(f"{server.url}/f", target, timeout_s=0.3) == DATA
    assert time.monotonic() - began < 2.5
    first, second = server.asked()
    assert first is None and second is not None and second > "bytes=0-"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/f", "http://no-such-host.invalid/f"])
def test_without_a_network_it_is_said(target: Path, url: str) -> None:
    with pytest.raises(StorageUnavailable, match=r"cannot be reached.*3 tries"):
        got(url, target)


def test_a_mirror_in_a_folder_or_a_store(root: str, target: Path) -> None:
    Store(root).put("weights/f", DATA)
    part_of(target).write_bytes(DATA[:999_000])
    assert got(f"{root}/weights/f", target) == DATA
    target.unlink()
    with pytest.raises(FileNotFoundError):
        got(f"{root}/weights/g", target)
    Store(root).put("weights/f", DATA[1:])
    with pytest.raises(DownloadInvalid, match="bytes, not"):
        got(f"{root}/weights/f", target)


def test_other_protocols_are_fsspecs(target: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/mirror/f", DATA)
    assert got("memory://mirror/f", target) == DATA
    memory.rm("/mirror", recursive=True)
    target.unlink()
    with pytest.raises(StorageDenied):
        got("unheardof://mirror/g", target, Expected())


def test_killed_at_any_moment_it_is_finished_by_the_next(server: FileServer, target: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tasks.store.download import *\n"
        f"download(sys.argv[1], Path(sys.argv[2]), Expected({KNOWN.size}, {KNOWN.sha256!r}))"
    )
    server.stalls = [60.0]
    process = subprocess.Popen(
        [sys.executable, "-c", program, f"{server.url}/f", str(target)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    until = time.monotonic() + 60
    while not (part_of(target).exists() and part_of(target).stat().st_size > 200_000) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not target.exists()
    assert got(f"{server.url}/f", target) == DATA
    assert server.asked()[1] is not None


def test_digests_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert digest(tmp_path / "x").startswith("ba7816bf")
    assert digest(tmp_path / "x", "md5").startswith("90015098")
    assert Expected(3, None, None).mistake(tmp_path / "x") == ""
    assert Expected(4).mistake(tmp_path / "x") == "3 bytes, not 4"
