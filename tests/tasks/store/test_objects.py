"""One test body for every kind of store: what holds locally holds on S3."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.errors import StorageDenied, StorageUnavailable
from tasks.store.objects import Store, read_url
from tasks.store.retry import RetryPolicy

NAMES = [
    "plain.png",
    "with space.png",
    "quote'\".png",
    "ünïcödé 日本.png",
    "a::b.png",
    "50%25.png",
    "q?x=1#y.png",
    "[x]*.png",
]
QUICK = RetryPolicy(tries=4, base_s=0.001)


@pytest.fixture
def store(root: str) -> Store:
    return Store(root, QUICK)


@pytest.mark.parametrize("name", NAMES)
def test_put_then_read(store: Store, name: str) -> None:
    assert not store.exists(f"a/{name}")
    store.put(f"a/{name}", b"one")
    store.put(f"a/{name}", b"two")
    assert store.read(f"a/{name}") == read_url(store.url(f"a/{name}")) == b"two"
    assert store.exists(f"a/{name}")
    assert store.names("a") == [name]


def test_missing(store: Store) -> None:
    store.put("folder/x", b"")
    for path in ("none", "folder", "folder/x/y", "none/none"):
        with pytest.raises(FileNotFoundError):
            store.read(path)
        assert store.read_versioned(path) is None
        assert not store.exists(path)
    assert store.names("none") == store.names("folder/x") == []
    assert store.read("folder/x") == b""


def test_a_version_is_another_whenever_the_bytes_are(store: Store) -> None:
    store.put("f/a", b"1")
    store.put("f/b", b"1")
    store.put("f/.hidden", b"1")
    store.put("f/g/c", b"1")
    before = store.versions("f")
    assert [*before] == store.names("f") == ["a", "b"]
    assert before == store.versions("f")
    store.put("f/a", b"2")
    after = store.versions("f")
    assert after["b"] == before["b"]
    assert after["a"] != before["a"] or after["a"] == ""  # a store that tells nothing is not believed
    assert store.versions("none") == {}


def test_names_are_of_one_folder_and_without_dot_names(store: Store) -> None:
    for path in ("f/b", "f/a", "f/sub/c", "f/.hidden", "fa/d", "top"):
        store.put(path, b"1")
    assert store.names("f") == ["a", "b"]
    assert store.names("") == ["top"]


@pytest.mark.parametrize("path", ["", "/x", "../x", "a/../x", "a/..", "./a", "a//b", "a/", "a\0b"])
def test_paths_stay_below_the_root(store: Store, path: str) -> None:
    for call in (store.read, store.exists, store.url, lambda p: store.put(p, b""), lambda p: store.create(p, b"")):
        with pytest.raises(StorageDenied, match="plain path"):
            call(path)


def test_create_has_one_winner(store: Store) -> None:
    for round_ in range(3):
        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(store.create, [f"c/{round_}"] * 16, [b"%d" % i for i in range(16)]))
        assert won.count(True) == 1
        assert store.read(f"c/{round_}") == b"%d" % won.index(True)
    assert store.names("c") == ["0", "1", "2"]


def test_create_of_the_same_bytes_has_one_winner(store: Store) -> None:
    assert store.create("c", b"same")
    assert not store.create("c", b"same")


def test_replace_compares_and_swaps(store: Store) -> None:
    store.put("r", b"one")
    data, version = store.read_versioned("r") or (b"", "")
    assert data == b"one"
    assert store.replace("r", b"two", version)
    assert not store.replace("r", b"three", version)
    assert store.read("r") == b"two"
    assert not store.replace("gone", b"x", version)
    assert not store.exists("gone")


def test_replace_loses_no_update(store: Store) -> None:
    store.put("n", b"0")

    def add_one(_: int) -> None:
        while True:
            data, version = store.read_versioned("n") or (b"", "")
            if store.replace("n", b"%d" % (int(data) + 1), version):
                return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add_one, range(20)))
    assert store.read("n") == b"20"


def test_travels_to_another_process(store: Store) -> None:
    store.put("x", b"here")
    code = "import pickle, sys; s = pickle.load(sys.stdin.buffer); s.put('y', s.read('x') + b' and there')"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, input=pickle.dumps(store), cwd=Path.cwd(), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert store.read("y") == b"here and there"


def test_forked_process_reads(store: Store) -> None:
    store.put("x", b"here")
    assert store.read("x") == b"here"
    code = "import os, sys, pickle; s = pickle.load(sys.stdin.buffer); s.read('x'); p = os.fork()\n"
    code += "if p == 0: os._exit(0 if s.read('x') == b'here' else 1)\nsys.exit(os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]))"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(store), cwd=Path.cwd(), timeout=60)
    assert done.returncode == 0


def test_large_object(store: Store) -> None:
    data = os.urandom(1 << 20) * 8
    assert store.create("large", data)
    assert not store.create("large", b"")
    assert store.read("large") == data


class TestS3:
    """What only a server can do to us."""

    @pytest.fixture
    def store(self, s3: str) -> Store:
        return Store(s3, QUICK)

    def test_denied_at_once(self, store: Store, s3_faults) -> None:
        for call in (
            store.read,
            store.exists,
            store.read_versioned,
            lambda p: store.put(p, b""),
            lambda p: store.create(p, b""),
        ):
            with pytest.raises(StorageDenied, match=r"s3://.*denied"):
                call("x/denied.png")
        assert s3_faults.count("denied") == 5

    @pytest.mark.parametrize(
        "fault",
        [
            {"status": 503, "code": "SlowDown"},
            {"status": 503, "code": "ServiceUnavailable"},
            {"status": 500, "code": "InternalError"},
            {"status": 502, "code": "BadGateway"},
            {"status": 429, "code": "TooManyRequests"},
            {"status": 400, "code": "RequestTimeout"},
            {"drop": True},
        ],
        ids=lambda f: str(f.get("code", "dropped")),
    )
    def test_passing_faults_are_retried(self, store: Store, s3_faults, fault: dict) -> None:
        store.put("x", b"1")
        calls = [lambda: store.put("x", b"2"), lambda: store.read("x"), lambda: store.names("")]
        if fault.get("status") != 400:  # the answer to a HEAD has no body, and so no code
            calls.append(lambda: store.exists("x"))
        for call in calls:
            s3_faults.fail("", times=2, **fault)
            call()
        s3_faults.fail("", times=2, **fault)
        assert store.create("y", b"1")
        assert (store.read("x"), store.read("y")) == (b"2", b"1")

    def test_unavailable_after_the_tries(self, store: Store, s3_faults) -> None:
        s3_faults.fail("/x", times=100)
        with pytest.raises(StorageUnavailable, match=r"s3://.*/x: .*4 tries"):
            store.read("x")
        assert s3_faults.count("/x") == 4

    def test_missing_at_once(self, store: Store, s3_faults) -> None:
        with pytest.raises(FileNotFoundError):
            store.read("x")
        assert s3_faults.count("/x") == 1

    def test_conflict_is_retried(self, store: Store, s3_faults) -> None:
        s3_faults.fail("/x", method="PUT", status=409, code="ConditionalRequestConflict", times=2)
        assert store.create("x", b"1")

    def test_commit_that_landed_but_was_reported_failed(self, store: Store, s3_faults) -> None:
        s3_faults.fail("/x", method="PUT", status=500, code="InternalError", after=True)
        assert store.create("x", b"mine")
        version = store.read_versioned("x")[1]
        s3_faults.fail("/x", method="PUT", drop=True, after=True)
        assert store.replace("x", b"mine too", version)
        s3_faults.fail("/x", method="PUT", status=500, code="InternalError")
        assert not store.create("x", b"other")
        assert store.read("x") == b"mine too"

    def test_no_bucket(self, store: Store) -> None:
        nowhere = Store("s3://lacuna-no-such-bucket-7b1d", QUICK)
        for call in (nowhere.put, nowhere.create):
            with pytest.raises(StorageDenied, match="no-such-bucket"):
                call("x", b"1")
        with pytest.raises(FileNotFoundError):
            nowhere.read("x")
        assert nowhere.names("x") == []

    def test_credentials_are_not_shown(self, store: Store) -> None:
        code = (
            "import sys; from tasks.store.objects import Store; from tasks.store.retry import RetryPolicy\n"
            "try: Store(sys.argv[1], RetryPolicy(tries=2, base_s=0.001)).read('x')\n"
            "except Exception as e: print(type(e).__name__, e, e.__cause__)"
        )
        key, secret = "AKIAVERYSECRETKEYID1", "a-very-secret-access-key"
        closed = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        keyless = {name: value for name, value in os.environ.items() if "KEY" not in name}
        for environment, url, expected in (
            ({**os.environ, **closed}, store.root, "StorageUnavailable"),
            ({**os.environ, **closed}, store.root.replace("s3://", f"s3://{key}:{secret}@"), "StorageDenied"),
            (keyless, store.root, "StorageDenied"),
        ):
            command = [sys.executable, "-c", code, url]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
            assert done.stdout.startswith(expected), done
            assert key not in done.stdout + done.stderr
            assert secret not in done.stdout + done.stderr


def test_unknown_protocol() -> None:
    for call in (lambda: read_url("nonsense://x/y"), lambda: Store("nonsense://x").put("y", b"")):
        with pytest.raises(StorageDenied, match="nonsense"):
            call()


def test_other_filesystems(tmp_path: Path) -> None:
    store = Store(f"memory://{tmp_path}", QUICK)
    store.put("a/x", b"1")
    assert store.create("a/y", b"2")
    assert not store.create("a/y", b"3")
    data, version = store.read_versioned("a/y") or (b"", "")
    assert data == b"2"
    assert store.replace("a/y", b"4", version)
    assert not store.replace("a/y", b"5", version)
    assert store.names("a") == ["x", "y"]
    assert store.read("a/y") == b"4"


def test_root_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Store("out/").root == Store(f"file://{tmp_path}/out").root == str(tmp_path / "out")
    assert Store("s3://b/p/").url("x") == "s3://b/p/x"
    assert Store("s3://user:secret@b/p").__repr__() == "Store('s3://***@b/p')"
