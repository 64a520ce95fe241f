import os
from collections import Counter
from pathlib import Path

import pytest

from tasks.catalog import s3_pages
from tasks.catalog.listing import HIDDEN, IS_FOLDER, NOT_AN_IMAGE, Entry, list_images, look_at, version_of
from tasks.catalog.source import open_source
from tasks.errors import StorageUnavailable, UsageError


def listed(tree, name: str = "") -> tuple[dict[str, Entry], Counter[str]]:
    """Entries by path, and what was ignored."""
    ignored: Counter[str] = Counter()
    entries = list(list_images(open_source(f"{tree.root}/{name}", tree.settings), ignored))
    found = {entry.path: entry for entry in entries}
    assert len(found) == len(entries)
    return found, ignored


def test_folder(tree) -> None:
    tree.put("x.png", "a/y.JPG", "a/b/z.tiff", "a/w.webp", "a/v.gif", "Thumbs.db", "a/notes.txt", "noname")
    tree.put(".DS_Store", ".png", "a/.x.png")
    found, ignored = listed(tree)
    assert sorted(found) == ["a/b/z.tiff", "a/v.gif", "a/w.webp", "a/y.JPG", "x.png"]
    assert all(entry.size == 1 and entry.version and not entry.problem for entry in found.values())
    assert ignored == {NOT_AN_IMAGE: 3, HIDDEN: 3}


def test_odd_names(tree, odd_names: tuple[str, ...]) -> None:
    tree.put(*odd_names, *(f"{name[:-4]} folder/x.png" for name in odd_names))
    found, _ = listed(tree)
    assert sorted(found) == sorted([*odd_names, *(f"{name[:-4]} folder/x.png" for name in odd_names)])


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["x.png"]),
        ("a/*", ["a/y.png"]),
        ("*/*.png", ["a/y.png"]),
        ("**/*.png", ["a/b/z.png", "a/y.png", "x.png"]),
        ("a/**", ["a/b/z.png", "a/y.png"]),
        ("[ab]/?.png", ["a/y.png"]),
        ("a/*/z.png", ["a/b/z.png"]),
    ],
)
def test_glob(tree, pattern: str, expected: list[str]) -> None:
    tree.put("x.png", "a/y.png", "a/b/z.png", "a/.h.png")
    source = open_source(tree.url(pattern), tree.settings)
    found = [source.prefix + entry.path for entry in list_images(source, Counter())]
    assert sorted(found) == [tree.url(path) for path in expected]


def test_a_glob_that_matches_nothing(tree) -> None:
    tree.put("x.png", "a/y.png", ".hidden/x.tif")
    with pytest.raises(UsageError, match="matches no file"):
        listed(tree, "*.tif")
    tree.put("notes.txt")
    assert listed(tree, "*.txt") == ({}, {NOT_AN_IMAGE: 1})


def test_one_file(tree) -> None:
    tree.put("a/x.png", data=b"12345")
    found, _ = listed(tree, "a/x.png")
    assert found["x.png"][:2] == ("x.png", 5)
    assert found == {k: v for k, v in listed(tree, "a")[0].items() if k == "x.png"}


def test_an_empty_folder_with_the_name_of_an_image(tree) -> None:
    tree.put("x.png/", "full.png/y.txt", "sub/z.png/", "plain/", "a.png")
    found, _ = listed(tree)
    assert {path: entry.problem for path, entry in found.items()} == {
        "x.png": IS_FOLDER,
        "sub/z.png": IS_FOLDER,
        "a.png": "",
    }


def test_an_empty_folder_is_no_error(local, bucket, memory) -> None:
    for tree in (local, bucket, memory):
        tree.put("empty/")
        assert listed(tree, "empty") == ({}, {})


def test_an_empty_folder_that_a_glob_names(local) -> None:
    local.put("x.png/", "full.png/y.txt", "y.tif/")
    assert list(listed(local, "*.png")[0]) == ["x.png"]
    assert list(listed(local, "**/*.png")[0]) == ["x.png"]


def test_local_versions_change_with_size_and_time(local) -> None:
    local.put("x.png")
    path = Path(local.url("x.png"))
    first = look_at(str(path), "x.png").version
    assert first == f"1-{path.stat().st_mtime_ns}"
    os.utime(path, ns=(1, 1))
    assert look_at(str(path), "x.png").version == "1-1"


def test_links(local, tmp_path: Path) -> None:
    local.put("a/x.png", "a/b/y.png")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/far.png").write_bytes(b"123")
    root = Path(local.root)
    (root / "file.png").symlink_to(tmp_path / "elsewhere/far.png")
    (root / "folder").symlink_to(tmp_path / "elsewhere")
    (root / "a/b/loop").symlink_to(root / "a")
    (root / "self.png").symlink_to(root / "self.png")
    (root / "broken.png").symlink_to("nowhere.png")
    (tmp_path / "elsewhere/back").symlink_to(root)
    found, _ = listed(local)
    assert sorted(found) == ["a/b/y.png", "a/x.png", "broken.png", "file.png", "folder/far.png", "self.png"]
    assert found["file.png"].size == found["folder/far.png"].size == 3
    assert found["broken.png"].problem == "is a broken link"
    assert "symbolic links" in found["self.png"].problem


def test_a_pipe_is_not_opened(local) -> None:
    os.mkfifo(local.url("x.png"))
    assert listed(local)[0]["x.png"].problem == "is neither a file nor a folder"


def test_odd_names_of_local_files(local) -> None:
    local.put("new\nline.png", "a::b.png", "s3:/x.png")
    assert sorted(listed(local)[0]) == ["a::b.png", "new\nline.png", "s3:/x.png"]


def test_a_name_that_is_not_utf8(local) -> None:
    Path(os.fsdecode(os.fsencode(local.root) + b"/caf\xe9.png")).touch()
    assert list(listed(local)[0]) == ["caf\udce9.png"]


def test_s3_pages(bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    names = [f"{folder}/{i}.png" for folder in ("a", "b c") for i in range(5)]
    bucket.put(*names, "a.png/", "b.png/", "b.png/0.png")
    found, _ = listed(bucket)
    assert sorted(found) == sorted([*names, "a.png", "b.png/0.png"])


def test_s3_pages_at_once(bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    monkeypatch.setattr(s3_pages, "PAGES_ALONE", 1)
    names = [f"{folder}/{i}.png" for folder in ("a", "b c", "c.png", "é/d", "x.png") for i in range(5)]
    bucket.put(*names, "a.png/", "c.png/", "é/d/e.png/", "x.png/")
    found, ignored = listed(bucket)
    assert sorted(found) == sorted([*names, "a.png", "é/d/e.png"])
    assert {path for path, entry in found.items() if entry.problem} == {"a.png", "é/d/e.png"}
    assert not ignored


def test_s3_versions_are_etags(bucket) -> None:
    bucket.put("x.png", data=b"x")
    assert listed(bucket)[0]["x.png"].version == "9dd4e461268c8034f5c8564e155c67a6"


def test_an_object_and_a_folder_of_one_name(bucket) -> None:
    bucket.put("x.png", "x.png-2.png", "x.png/")
    assert {path: entry.problem for path, entry in listed(bucket)[0].items()} == {"x.png": "", "x.png-2.png": ""}


def test_a_whole_bucket(s3: str, bucket) -> None:
    bucket.put("x.png")
    bucket.root = s3
    assert list(listed(bucket)[0]) == ["tree/x.png"]


def test_storage_that_fails_is_asked_again(bucket, s3_faults) -> None:
    bucket.put("x.png")
    source = open_source(bucket.root, bucket.settings)
    path = "/" + source.prefix.split("/")[2]
    s3_faults.fail(path, status=500, code="InternalError", times=2)
    assert [entry.path for entry in list_images(source, Counter())] == ["x.png"]
    s3_faults.fail(path, status=403, code="AccessDenied")
    with pytest.raises(UsageError, match="refuses to list"):
        list(list_images(source, Counter()))


def test_storage_that_never_answers(bucket, s3_faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.store.retry.time.sleep", lambda _: None)
    bucket.put("x.png")
    source = open_source(bucket.root, bucket.settings)
    s3_faults.fail("/" + source.prefix.split("/")[2], times=99)
    with pytest.raises(StorageUnavailable):
        list(list_images(source, Counter()))


def test_a_folder_that_is_gone(local) -> None:
    local.put("a/x.png")
    source = open_source(local.url("a"), local.settings)
    Path(local.url("a/x.png")).unlink()
    Path(local.url("a")).rmdir()
    with pytest.raises(StorageUnavailable):
        list(list_images(source, Counter()))


def test_version_without_an_etag() -> None:
    assert version_of({"size": 3, "mtime": 5.5}) == "3-1970-01-01T00:00:05.500000+00:00"
    assert version_of({"size": None}) == "0"
    assert version_of({"etag": '"ab"'}) == "ab"
