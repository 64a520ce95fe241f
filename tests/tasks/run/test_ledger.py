from tasks.run.job import Outcome
from tasks.run.ledger import SILENCE_S, Ledger


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _ok(item: str, status: str = "ok") -> Outcome:
    return Outcome({"item_id": item, "status": status}, megapixels=2.0)


def test_what_a_dead_worker_left() -> None:
    ledger = Ledger(60)
    ledger.open("w")
    for item in "abc":
        ledger.begin("w", item)
    ledger.done("w", "b", _ok("b"))
    left = ledger.close("w")
    assert left.active == {"a", "c"}
    assert [o.row["item_id"] for o in left.outcomes] == ["b"]
    assert ledger.close("w").active == set()


def test_what_is_finished_may_be_said_with_what_begins() -> None:
    ledger = Ledger(60)
    ledger.open("w")
    ledger.begin("w", "a")
    ledger.begin("w", "b", [("a", _ok("a"))])
    ledger.begin("w", "c")
    ledger.finished("w", [("b", _ok("b", "failed")), ("c", _ok("c"))])
    ledger.begin("w", "d")
    left = ledger.close("w")
    assert left.active == {"d"}
    assert [o.row["item_id"] for o in left.outcomes] == ["a", "b", "c"]
    assert (ledger.snapshot().done, ledger.snapshot().failed) == (3, 1)


def test_totals_outlive_the_workers() -> None:
    ledger = Ledger(60)
    ledger.open("w")
    ledger.done("w", "a", _ok("a"))
    ledger.done("w", "b", _ok("b", "failed"))
    ledger.close("w")
    now = ledger.snapshot()
    assert (now.done, now.failed, now.megapixels) == (2, 1, 4.0)


def test_items_over_their_time_and_silent_workers_are_overdue() -> None:
    clock = Clock()
    ledger = Ledger(60, clock)
    ledger.open("slow")
    ledger.open("silent")
    ledger.open("fine")
    clock.now = 61 + SILENCE_S
    ledger.beat("slow", {"a": 61.0, "b": 3.0})
    ledger.beat("fine", {"c": 59.0})
    assert ledger.snapshot().overdue == {"slow": {"a"}, "silent": set()}


def test_a_generator_has_incarnations() -> None:
    ledger = Ledger(60)
    assert ledger.generator("w") is None
    ledger.set_generator(0, 0, "old")
    ledger.generating(0, 0, ["a", "b"])
    ledger.set_generator(0, 1, "new")
    ledger.withdraw_generator(0, 0, blameless=False)  # a late word on the old one
    assert ledger.generator("w") == (0, 1, "new")
    assert ledger.was_generating(0, 0) == {"a", "b"}
    assert ledger.was_generating(0, 1) == set()


def test_a_generator_that_was_lost_with_its_node_leaves_nobody_to_blame() -> None:
    ledger = Ledger(60)
    ledger.set_generator(0, 0, "g")
    ledger.generating(0, 0, ["a", "b"])
    ledger.withdraw_generator(0, 0, blameless=True)
    assert ledger.generator("w") is None
    assert ledger.was_generating(0, 0) == set()
    assert ledger.has_generated(0, 0)


def test_each_worker_keeps_its_generator_for_a_shard_and_all_are_used_alike() -> None:
    ledger = Ledger(60)
    for index in range(3):
        ledger.set_generator(index, 0, f"g{index}")
    used = {}
    for worker in "abcdef":
        ledger.open(worker)
        used[worker] = ledger.generator(worker)
        assert ledger.generator(worker) == used[worker]
    assert sorted(index for index, *_ in filter(None, used.values())) == [0, 0, 1, 1, 2, 2]
    ledger.withdraw_generator(1, 0, blameless=True)
    moved = {worker: ledger.generator(worker) for worker in "abcdef"}
    assert sorted(index for index, *_ in filter(None, moved.values())) == [0, 0, 0, 2, 2, 2]
    assert all(moved[worker] == found for worker, found in used.items() if found and found[0] != 1)
    ledger.set_generator(1, 1, "again")
    ledger.close("a")
    ledger.open("a")  # its next shard
    assert ledger.generator("a") == (1, 1, "again")


def test_late_words_of_a_closed_worker_are_ignored() -> None:
    ledger = Ledger(60)
    ledger.done("gone", "a", _ok("a"))
    ledger.beat("gone", {})
    assert ledger.snapshot().done == 0
