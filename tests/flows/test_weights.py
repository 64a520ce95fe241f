import hashlib
import io
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import flows.weights
from flows.weights import (
    MIRROR,
    check_weights,
    get_weights,
    import_weights,
    list_weights,
    print_arrival,
    print_checks,
    print_weights,
)
from models.card import read_card
from models.checkpoint.registry import REGISTRY, Entry
from models.lama import Lama, LamaConfig, parameter_count
from models.weights import load_weights
from tasks.errors import StorageUnavailable, UsageError
from tasks.store.download import DownloadInvalid
from tasks.store.retry import RetryPolicy
from tests.file_server import FileServer, file_server

TINY = LamaConfig(ngf=4, n_blocks=1)
QUICK = RetryPolicy(tries=2, base_s=0.001, cap_s=0.001)


def checkpoint(seed: int = 0) -> bytes:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        out = io.BytesIO()
        torch.save({"state_dict": {f"generator.{k}": v for k, v in Lama(TINY).state_dict().items()}}, out)
    return out.getvalue()


DATA = checkpoint()
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LACUNA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(MIRROR, raising=False)
    return tmp_path / "home"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Serves the only entry of the registry, `tiny`."""
    with file_server() as running:
        running.files["/tiny.ckpt"] = DATA
        entry = Entry(
            "tiny", "tiny.ckpt", f"{running.url}/tiny.ckpt", len(DATA), SHA256, None, "CC0", "for tests", "made"
        )
        monkeypatch.setattr(flows.weights, "REGISTRY", (entry,))
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.ckpt"
    path.write_bytes(DATA)
    return path


def files(home: Path) -> list[str]:
    """What lies in LACUNA_HOME, but for the lock."""
    paths = (path for path in home.rglob("*") if path.is_file() and path.name != ".lacuna.lock")
    return sorted(path.relative_to(home).as_posix() for path in paths)


def test_what_is_here_and_what_can_be_had(file: Path) -> None:
    import_weights(file, "mine")
    rows = {row["name"]: row for row in list_weights()}
    assert list(rows) == ["lama-small", "mine", *(entry.name for entry in REGISTRY)]
    assert rows["mine"]["present"] and rows["mine"]["parameters"] == parameter_count(TINY)
    assert rows["mine"]["source_sha256"] == SHA256
    assert rows["lama-small"]["source"] == "embedded" and rows["lama-small"]["licence"]
    absent = rows["big-lama"]
    assert (absent["present"], absent["bytes"], absent["licence"]) == (False, 205_669_692, "Apache-2.0")
    assert absent["where"] == REGISTRY[0].url
    json.dumps(list(rows.values()))


def test_a_download_becomes_a_generator(server: FileServer, home: Path) -> None:
    row = get_weights("tiny")
    assert not row["already"]
    assert (row["source"], row["licence"], row["source_sha256"]) == (f"{server.url}/tiny.ckpt", "CC0", SHA256)
    assert files(home) == ["weights/tiny.safetensors"]
    weights = load_weights("tiny")
    assert weights.config == TINY
    original = torch.load(io.BytesIO(DATA), weights_only=True)["state_dict"]
    assert all(torch.equal(value, original[f"generator.{key}"]) for key, value in weights.tensors.items())
    assert get_weights("tiny")["already"]
    assert len(server.requests) == 1
    assert [row["name"] for row in list_weights()] == ["lama-small", "tiny"]


def test_an_embedded_generator_is_here_already(server: FileServer) -> None:
    assert get_weights("lama-small")["already"]
    with pytest.raises(UsageError, match="known names: tiny"):
        get_weights("nobody")
    assert server.requests == []


@pytest.mark.parametrize("by", ["environment", "option"])
def test_a_mirror_is_asked_instead(server: FileServer, root: str, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    from tasks.store.objects import Store

    Store(root).put("tiny.ckpt", DATA)
    if by == "environment":
        monkeypatch.setenv(MIRROR, root + "/")
    assert list_weights()[-1]["where"] == (f"{root}/tiny.ckpt" if by == "environment" else f"{server.url}/tiny.ckpt")
    assert get_weights("tiny", root if by == "option" else None)["source"] == f"{root}/tiny.ckpt"
    assert server.requests == []


def test_a_mirrors_secrets_are_used_and_kept_to_itself(server: FileServer, home: Path) -> None:
    server.password = "me:Xyz42"
    mirror = server.url.replace("://", "://me:Xyz42@") + "?sig=hush"
    assert "hush" not in list_weights(mirror)[-1]["where"]
    get_weights("tiny", mirror)
    assert server.requests[0][0] == "/tiny.ckpt?sig=hush"
    told = json.dumps(dict(read_card("tiny").about)) + json.dumps(list_weights(mirror))
    assert "Xyz42" not in told and "hush" not in told


def test_a_failed_download_says_what_else_to_do(server: FileServer, home: Path) -> None:
    server.refusals = [503] * 9
    with pytest.raises(
        StorageUnavailable, match=rf"tiny\.ckpt: .*{MIRROR}.*lacuna weights import tiny\.ckpt --as tiny"
    ):
        get_weights("tiny", retry=QUICK)
    server.refusals = [404]
    with pytest.raises(FileNotFoundError, match=MIRROR):
        get_weights("tiny", retry=QUICK)
    server.files["/tiny.ckpt"] = DATA[:-1] + b"x"
    with pytest.raises(DownloadInvalid, match="sha256"):
        get_weights("tiny", retry=QUICK)
    assert files(home) == []
    server.files["/tiny.ckpt"] = DATA
    server.cuts = [len(DATA) // 2, 0, 0, 0]
    with pytest.raises(StorageUnavailable, match="ended after"):
        get_weights("tiny", retry=QUICK)
    assert files(home) == ["downloads/.tiny.ckpt.part"]
    server.requests.clear()
    server.cuts.clear()
    get_weights("tiny", retry=QUICK)
    assert server.asked() == [f"bytes={len(DATA) // 2}-"]
    assert files(home) == ["weights/tiny.safetensors"]


def test_a_published_file_that_is_no_generator(server: FileServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"an article on camelids"
    entry = Entry("odd", "tiny.ckpt", f"{server.url}/tiny.ckpt", len(data), None, None, "CC0", "", "")
    monkeypatch.setattr(flows.weights, "REGISTRY", (entry,))
    server.files["/tiny.ckpt"] = data
    with pytest.raises(DownloadInvalid, match="neither a checkpoint"):
        get_weights("odd")
    assert not (home / "weights" / "odd.safetensors").exists()


def _get(home: str, entry: Entry, results: "multiprocessing.Queue[bool]") -> None:
    os.environ["LACUNA_HOME"] = home
    flows.weights.REGISTRY = (entry,)
    results.put(get_weights("tiny")["already"])


def test_two_at_once_download_once(server: FileServer, home: Path) -> None:
    server.stalls = [1.0]
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[bool] = context.Queue()
    processes = [context.Process(target=_get, args=(str(home), flows.weights.REGISTRY[0], results)) for _ in range(2)]
    for process in processes:
        process.start()
    assert sorted(results.get(timeout=100) for _ in processes) == [False, True]
    for process in processes:
        process.join()
    assert len(server.requests) == 1


def test_a_file_from_elsewhere(file: Path, home: Path, tmp_path: Path) -> None:
    row = import_weights(file, "mine")
    assert (row["source"], row["licence"], row["left_out"]) == ("mine.ckpt", None, {})
    assert files(home) == ["weights/mine.safetensors"]
    again = import_weights(home / "weights" / "mine.safetensors", "copy")
    assert again["parameters"] == row["parameters"]
    assert check_weights("copy")[0]["ok"]


def test_a_known_file_brings_its_licence(server: FileServer, file: Path) -> None:
    assert import_weights(file, "mine")["licence"] == "CC0"


@pytest.mark.parametrize("name", ["", ".", "../x", "a/b", "a b", "x.safetensors", "lama-small", "-x"])
def test_names_that_cannot_be(file: Path, home: Path, name: str) -> None:
    with pytest.raises(UsageError, match="--as"):
        import_weights(file, name)
    assert files(home) == []


def test_a_taken_name_is_kept_unless_asked(file: Path, tmp_path: Path) -> None:
    import_weights(file, "mine")
    before = check_weights("mine")[0]["sha256"]
    other = tmp_path / "other.ckpt"
    other.write_bytes(checkpoint(1))
    with pytest.raises(UsageError, match="--replace"):
        import_weights(other, "mine")
    assert check_weights("mine")[0]["sha256"] == before
    import_weights(other, "mine", replace=True)
    assert check_weights("mine")[0]["sha256"] != before


@pytest.mark.parametrize("data", [b"", b"text", DATA[:5000]])
def test_what_holds_no_generator_is_wrong_usage(tmp_path: Path, home: Path, data: bytes) -> None:
    (tmp_path / "x.ckpt").write_bytes(data)
    for source in (tmp_path / "x.ckpt", tmp_path, tmp_path / "nothing"):
        with pytest.raises(UsageError):
            import_weights(source, "x")
    assert files(home) == []


def test_damage_is_found(file: Path, home: Path) -> None:
    for name in ("good", "flipped", "cut"):
        import_weights(file, name)
    path = home / "weights" / "flipped.safetensors"
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    path.with_name("cut.safetensors").write_bytes(data[:-1])
    path.with_name("empty.safetensors").write_bytes(b"")
    rows = {row["name"]: row for row in check_weights()}
    assert {name for name, row in rows.items() if row["ok"]} == {"lama-small", "good"}
    assert rows["good"]["sha256"] == hashlib.sha256(path.with_name("good.safetensors").read_bytes()).hexdigest()
    assert all(row["problem"] for name, row in rows.items() if not row["ok"])
    with pytest.raises(UsageError):
        check_weights("nobody")
    listed = {row["name"]: row for row in list_weights()}
    assert "problem" in listed["empty"] and "problem" not in listed["flipped"]  # a listing reads no numbers


def test_what_is_printed(server: FileServer, file: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "weights").mkdir(parents=True)
    (home / "weights" / "bad.safetensors").write_bytes(b"")
    printers: list[tuple[Callable[[], None], tuple[str, ...]]] = [
        (lambda: print_weights(list_weights()), ("lama-small", "no: get", "damaged", "CC0", f"{server.url}/tiny.ckpt")),
        (
            lambda: print_arrival(get_weights("tiny") | {"left_out": {"loss": 7}}),
            ("is here now", "left out: 7 tensors of loss"),
        ),
        (lambda: print_arrival(get_weights("tiny")), ("is here already",)),
        (lambda: print_checks(check_weights()), ("tiny: sound, sha256", "bad: ")),
    ]
    for show, expected in printers:
        show()
        out = capsys.readouterr().out
        assert all(text in out for text in expected), out
