import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from models.engine import EngineInfo
from tasks.errors import StorageDenied
from tasks.fill.fill import Filled
from tasks.publish.commit import read_holes, read_results
from tasks.run import restorer as module
from tasks.run.item import Bench
from tasks.run.job import ItemSpec, Job, Outcome, ShardWork
from tasks.run.restorer import AHEAD, Restorer
from tasks.run.settings import ItemSettings, LimitSettings, RuntimeSettings
from tasks.store.objects import Store


class FakeGenerator:
    info = EngineInfo("fake", "f" * 64, "cpu", "fp32")
    threads = 1

    def for_item(self, item_id: str) -> "FakeGenerator":
        return self


class Told:
    """What a restorer said, in order."""

    def __init__(self) -> None:
        self.words: list[tuple[str, str]] = []

    def begin(self, item_id: str) -> None:
        self.words.append(("begin", item_id))

    def done(self, item_id: str, outcome: Outcome) -> None:
        self.words.append(("done", item_id))


class Steps:
    """In the place of `restore_item`: three steps, the middle one in turn; counts who is in which at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.threads: set[str] = set()

    def step(self, name: str) -> None:
        with self.lock:
            self.now[name] += 1
            self.now["items"] += name == "load"
            self.most |= self.now
        time.sleep(0.01)
        with self.lock:
            self.now[name] -= 1
            self.now["items"] -= name == "save"

    def fill(self) -> Filled:
        self.threads.add(threading.current_thread().name)
        self.step("fill")
        return None  # type: ignore[return-value]

    def __call__(self, spec: ItemSpec, bench: Bench) -> Outcome:
        self.step("load")
        bench.in_turn(self.fill)
        self.step("save")
        status = "failed" if spec.item_id.startswith("bad") else "ok"
        row = {"item_id": spec.item_id, "status": status, "error": "ImageEmpty" if status == "failed" else None}
        return Outcome(row, ({"item_id": spec.item_id, "hole": 0},) if status == "ok" else (), 0.5)


def spec(item: str) -> ItemSpec:
    return ItemSpec(item, f"/in/{item}.png", (), None, f"{item}.png", None, None, None)


def job(sink: Path) -> Job:
    return Job("run-1", str(sink), "fast", ItemSettings(), LimitSettings(), RuntimeSettings(), "code-1")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    made = Steps()
    monkeypatch.setattr(module, "restore_item", made)
    return made


def test_a_shard_is_committed_with_a_row_for_each_item(tmp_path: Path, steps: Steps) -> None:
    told = Told()
    work = ShardWork("s1", tuple(map(spec, ["a", "b", "bad 1", "bad 2"])))
    done = Restorer(job(tmp_path), FakeGenerator(), told).restore(work)
    rows = read_results(Store(str(tmp_path))).to_pylist()
    assert [r["item_id"] for r in rows] == ["a", "b", "bad 1", "bad 2"]
    assert {r["commit_id"] for r in rows} == {done.commit_id}
    assert read_holes(Store(str(tmp_path)), "s1")["item_id"].to_pylist() == ["a", "b"]
    assert (done.statuses, done.errors) == ({"ok": 2, "failed": 2}, {"ImageEmpty": 2})
    assert (done.megapixels, done.holes) == (2.0, 2)
    for item in ("a", "b", "bad 1", "bad 2"):
        assert told.words.index(("begin", item)) < told.words.index(("done", item))


@pytest.mark.parametrize("slots", [1, 3])
def test_the_steps_of_different_items_overlap_within_bounds(tmp_path: Path, steps: Steps, slots: int) -> None:
    work = ShardWork("s1", tuple(spec(f"{n}") for n in range(12)))
    Restorer(job(tmp_path), FakeGenerator(), Told(), fill_slots=slots).restore(work)
    assert steps.most["fill"] == slots
    assert slots < steps.most["items"] <= slots + AHEAD
    assert len(steps.threads) == slots


def test_filling_happens_on_the_same_threads_in_every_shard(tmp_path: Path, steps: Steps) -> None:
    restorer = Restorer(job(tmp_path), FakeGenerator(), Told())
    for shard in ("s1", "s2", "s3"):
        restorer.restore(ShardWork(shard, (spec(shard),)))
    assert len(steps.threads) == 1


def test_what_an_earlier_attempt_has_done_is_not_done_again(tmp_path: Path, steps: Steps) -> None:
    told = Told()
    before = Outcome({"item_id": "a", "status": "ok", "attempts": 1}, ({"item_id": "a", "hole": 0},), 3.0)
    work = ShardWork("s1", (spec("a"), spec("b")), outcomes=(before,))
    done = Restorer(job(tmp_path), FakeGenerator(), told).restore(work)
    assert {item for _, item in told.words} == {"b"}
    assert (done.statuses, done.megapixels, done.holes) == ({"ok": 2}, 3.5, 2)
    assert read_results(Store(str(tmp_path))).num_rows == 2


def test_suspects_are_done_one_at_a_time_after_the_others(tmp_path: Path, steps: Steps) -> None:
    told = Told()
    items = ("suspect 1", "a", "suspect 2", "b")
    work = ShardWork("s1", tuple(map(spec, items)), alone=frozenset({"suspect 1", "suspect 2"}))
    Restorer(job(tmp_path), FakeGenerator(), told).restore(work)
    assert told.words[-4:] == [(word, item) for item in ("suspect 1", "suspect 2") for word in ("begin", "done")]


def test_a_commit_that_fails_is_raised(tmp_path: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> str:
        raise StorageDenied("no")

    monkeypatch.setattr(module, "commit_shard", refuses)
    with pytest.raises(StorageDenied):
        Restorer(job(tmp_path), FakeGenerator(), Told()).restore(ShardWork("s1", (spec("a"),)))
