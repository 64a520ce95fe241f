import os
from pathlib import Path

import pytest

from tasks.catalog.settings import SourceSettings
from tasks.catalog.source import open_source, split_url
from tasks.errors import StorageDenied, UsageError

DEFAULT = SourceSettings()


def test_kinds(tree) -> None:
    tree.put("a/x.png", "a/y.gif", "list.csv", "odd[1].png", "text.txt")
    opened = {name: open_source(tree.url(name), tree.settings) for name in ("a", "a/", "a/x.png", "a/y.gif", "a/*.png")}
    assert [s.kind for s in opened.values()] == ["folder", "folder", "file", "file", "glob"]
    assert {s.prefix for s in opened.values()} == {tree.url("a/")}
    assert opened["a/*.png"].rest == "*.png"
    manifest = open_source(tree.url("list.csv"), tree.settings)
    assert (manifest.kind, manifest.prefix, manifest.rest) == ("manifest", tree.url(""), tree.url("list.csv"))


def test_a_name_that_exists_is_no_glob(tree) -> None:
    tree.put("odd[1]/odd*.png", "odd1/x.png")
    assert open_source(tree.url("odd[1]"), tree.settings).kind == "folder"
    assert open_source(tree.url("odd[1]/odd*.png"), tree.settings).kind == "file"
    assert open_source(tree.url("odd?/*.png"), tree.settings).kind == "glob"


@pytest.mark.parametrize("name", ["gone", "gone.png", "gone/*.png", "a/x.txt", "a/**.png"])
def test_what_is_no_source(tree, name: str) -> None:
    tree.put("a/x.txt")
    with pytest.raises(UsageError, match=r"does not exist|neither an image|entire path component"):
        open_source(tree.url(name), tree.settings)


def test_root_of_a_manifest(tree) -> None:
    tree.put("lists/m.jsonl", "photos/x.png")
    settings = tree.settings.model_copy(update={"root": tree.url("photos")})
    source = open_source(tree.url("lists/m.jsonl"), settings)
    assert (source.prefix, source.rest) == (tree.url("photos/"), tree.url("lists/m.jsonl"))
    with pytest.raises(UsageError, match="not a folder"):
        open_source(tree.url("lists/m.jsonl"), tree.settings.model_copy(update={"root": tree.url("photos/x.png")}))


def test_local_spellings(local, monkeypatch: pytest.MonkeyPatch) -> None:
    local.put("a/x.png")
    monkeypatch.chdir(Path(local.root) / "a")
    for url in (".", "../a/", f"file://{local.root}/a", f"local://{local.root}//a/."):
        assert open_source(url, DEFAULT).prefix == f"{local.root}/a/"
    assert open_source("/", DEFAULT).prefix == "/"
    assert open_source("x.png", DEFAULT).prefix == f"{local.root}/a/"


@pytest.mark.parametrize("url", ["", "s3://", "s3:///", "s3://*/x.png", "s3://buck?t"])
def test_nothing_is_named(url: str) -> None:
    with pytest.raises(UsageError, match=r"empty path|names no bucket"):
        open_source(url, DEFAULT)


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "memory://x", "zip://a.zip::s3://bucket", "simplecache::s3://bucket/x"]
)
def test_protocols(url: str) -> None:
    with pytest.raises(UsageError, match="allowed_protocols"):
        open_source(url, DEFAULT)
    with pytest.raises(UsageError, match="allowed_protocols"):
        open_source("/", SourceSettings(allowed_protocols=("s3",)))


def test_a_protocol_without_its_package() -> None:
    with pytest.raises(UsageError):
        open_source("nosuch://x/y", SourceSettings(allowed_protocols=("nosuch",)))


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA:SECRET@bucket/x",
        "s3://AKIA:SEC/RET@bucket/x",
        "https://me:SECRET@host/x",
        "s3://AKIA:12/SECRET@b",
        "zip://x::s3://K:SECRET@b/x",
    ],
)
def test_credentials_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="credentials") as caught:
        open_source(url, DEFAULT)
    assert "RET" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://host:8080/x", "abfs://box@account/x", "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/n/x"]
)
def test_no_credentials(url: str) -> None:
    assert split_url(url)[0] == url.partition(":")[0]


def test_names_are_not_urls() -> None:
    for name in ("a::b.png", "a:b@c.png", "100%25.png", "C:\\x"):
        assert split_url(name) == (None, name)


def test_storage_that_refuses(s3, s3_faults) -> None:
    s3_faults.fail(s3.removeprefix("s3:/"), status=403, code="AccessDenied", times=9)
    with pytest.raises(UsageError, match=r"refuses to list s3://.*/photos"):
        open_source(f"{s3}/photos", DEFAULT)
    s3_faults.planned.clear()
    with pytest.raises(UsageError, match="does not exist"):
        open_source(f"{s3}-none/photos", DEFAULT)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_refuses(local) -> None:
    local.put("a/b/x.png")
    Path(local.url("a")).chmod(0)
    try:
        with pytest.raises(UsageError, match="refuses"):
            open_source(local.url("a/b"), DEFAULT)
    finally:
        Path(local.url("a")).chmod(0o755)


def test_holds(tree) -> None:
    tree.put("a/x.png", "a/b/y.png")
    folder, pattern, file = (open_source(tree.url(n), tree.settings) for n in ("a", "a/*.png", "a/x.png"))
    assert folder.holds(tree.url("a/b/y.png"))
    assert not folder.holds(tree.url("ab/y.png"))
    assert pattern.holds(tree.url("a/x.png"))
    assert not pattern.holds(tree.url("a/b/y.png"))
    assert file.holds(tree.url("a/x.png"))
    assert not file.holds(tree.url("a/b/y.png"))


@pytest.mark.parametrize(
    ("pattern", "folder", "reached"),
    [
        ("*.png", "a", False),
        ("*/x.png", "a", True),
        ("*/x.png", "a/b", False),
        ("a*/b?/x.png", "c", False),
        ("a*/b?/x.png", "ab", True),
        ("a*/b?/x.png", "ab/b", False),
        ("a*/**/x.png", "ab/any/thing", True),
        ("a*/**/x.png", "b/any", False),
        ("**/x.png", "any/thing", True),
        ("**", "any", True),
    ],
)
def test_folders_that_a_glob_reaches(tree, pattern: str, folder: str, reached: bool) -> None:
    tree.put("x.png")
    assert open_source(tree.url(pattern), tree.settings).reaches(folder) is reached
    assert open_source(tree.root, tree.settings).reaches(folder)


def test_references(tree) -> None:
    tree.put("a/x.png", "m.csv")
    folder = open_source(tree.url("a"), tree.settings)
    for reference in ("x.png", "./x.png", tree.url("a/x.png"), tree.url("a/./x.png")):
        assert folder.relative(reference) == "x.png"
    assert folder.relative("s p/100%25 #1.png") == "s p/100%25 #1.png"
    for outside in ("../x.png", "b/../../x.png", tree.url("x.png"), tree.url("ab/x.png"), "s3://other/a/x.png"):
        with pytest.raises(StorageDenied, match="not under"):
            folder.relative(outside)
    with pytest.raises(UsageError, match="credentials"):
        folder.relative("s3://AKIA:SECRET@bucket/x.png")


def test_local_references(local) -> None:
    local.put("a/x.png")
    folder = open_source(local.url("a"), DEFAULT)
    assert folder.relative(f"file://{local.root}/a//x.png") == "x.png"
    for outside in ("/etc/passwd", "file:///etc/passwd", "~/x.png/../../y"):
        with pytest.raises(StorageDenied):
            folder.relative(outside)
