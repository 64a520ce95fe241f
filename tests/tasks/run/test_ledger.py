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
    ledger.set_generator(0, 0, "old")
    ledger.generating(0, 0, ["a", "b"])
    ledger.set_generator(0, 1, "new")
    assert ledger.generator(0) == (1, "new")
    assert ledger.was_generating(0, 0) == {"a", "b"}
    assert ledger.was_generating(0, 1) == set()


def test_late_words_of_a_closed_worker_are_ignored() -> None:
    ledger = Ledger(60)
    ledger.done("gone", "a", _ok("a"))
    ledger.beat("gone", {})
    assert ledger.snapshot().done == 0
