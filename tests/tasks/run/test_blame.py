from dataclasses import replace
from typing import Any

import pytest

from tasks.errors import PoolFailure
from tasks.run.blame import IDLE_DEATHS, NODE_LOSSES, Blame
from tasks.run.job import ItemSpec, Outcome, ShardWork
from tasks.run.ledger import Left
from tasks.run.settings import LimitSettings

DONE = Outcome({"item_id": "a"})


def work(items: str = "abcd") -> ShardWork:
    return ShardWork("s", tuple(ItemSpec(item, "", (), None, "", None, None, None) for item in items))


def left(active: str, *outcomes: Outcome) -> Left:
    return Left(outcomes, frozenset(active))


def attempts(after: ShardWork) -> dict[str, int]:
    return {spec.item_id: spec.attempts for spec in after.items}


def errors(after: ShardWork) -> dict[str, Any]:
    return {spec.item_id: spec.error for spec in after.items if spec.error}


@pytest.fixture
def blame() -> Blame:
    return Blame(LimitSettings(max_attempts=2, item_timeout_s=7))


def test_a_death_makes_suspects_of_what_was_in_hand(blame: Blame) -> None:
    after = blame.after_death(work(), left("bc", DONE))
    assert attempts(after) == {"a": 0, "b": 1, "c": 1, "d": 0}
    assert (after.alone, after.outcomes) == ({"b", "c"}, (DONE,))
    again = blame.after_death(after, left("b"))
    assert errors(again) == {"b": "WorkerDied"}
    assert again.outcomes == (DONE,)


def test_nobody_is_given_up_for_a_death_that_others_were_at(blame: Blame) -> None:
    after = work()
    for _ in range(5):
        after = blame.after_death(after, left("bc"))
    assert errors(after) == {}


def test_a_lost_node_changes_nothing_but_what_is_finished(blame: Blame) -> None:
    before = work()
    assert blame.after_loss(before, left("bc", DONE)) == replace(before, outcomes=(DONE,))
    for _ in range(10 * IDLE_DEATHS):  # nothing in hand: at its commit, say
        assert blame.after_loss(before, left("")) == before


def test_an_item_that_is_there_whenever_a_node_is_lost_is_given_up_in_the_end(blame: Blame) -> None:
    after, losses = work(), 0
    while not errors(after):
        others = "a" if losses < NODE_LOSSES - 1 else ""
        after = blame.after_loss(after, left("b" + others))
        losses += 1
        assert losses < 20
        assert attempts(after)["a"] == 0
    assert errors(after) == {"b": "WorkerDied"}
    assert losses == NODE_LOSSES + 1


def test_a_hang_costs_what_hangs(blame: Blame) -> None:
    after = blame.after_hang(work(), left("bc", DONE), {"b"})
    assert errors(after) == {"b": "Timeout"}
    assert "limits.item_timeout_s = 7" in (after.items[1].message or "")
    assert (attempts(after)["c"], after.alone, after.outcomes) == (0, set(), (DONE,))
    assert blame.after_hang(work(), left("bc"), set()).alone == {"b", "c"}


def test_deaths_over_nothing_end_the_run(blame: Blame) -> None:
    for _ in range(IDLE_DEATHS - 1):
        assert blame.after_death(work(), left("")) == work()
    with pytest.raises(PoolFailure, match="no item in hand"):
        blame.after_death(work(), left(""))
