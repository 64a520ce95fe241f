from pathlib import Path

import pytest

from tasks.errors import StorageDenied
from tasks.store.filesystems import is_s3, local_path, open_url, protocol_of


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        ("/a/b", "file"),
        ("a/b", "file"),
        ("a::b.png", "file"),
        ("file:///a", "file"),
        ("local://a", "file"),
        ("s3://b/k", "s3"),
        ("S3://b/k", "s3"),
        ("memory://x", "memory"),
    ],
)
def test_protocol(url: str, protocol: str) -> None:
    assert protocol_of(url) == protocol
    assert is_s3(url) == (protocol == "s3")


def test_local_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert local_path("a b%20.png") == tmp_path / "a b%20.png"
    assert local_path("file:///x/y.png") == Path("/x/y.png")
    assert local_path("~/x") == Path.home() / "x"
    assert local_path("~x") == tmp_path / "~x"


def test_one_filesystem_per_process_and_protocol() -> None:
    assert open_url("memory://a/b")[0] is open_url("memory://c")[0]
    assert open_url("memory://a/b")[1] == "/a/b"
    assert open_url("s3://b/x")[0].retries == 1
    assert open_url("s3://b/x?versionId=1#f")[1] == "b/x?versionId=1#f"


def test_chains_are_not_followed() -> None:
    with pytest.raises(StorageDenied):
        open_url("nonsense://a::file:///etc/passwd")
    assert open_url("memory://a::file:///etc/passwd")[1] == "a::file:///etc/passwd"
