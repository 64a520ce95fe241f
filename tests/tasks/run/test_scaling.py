import random
from typing import Any

import pytest

from tasks.run import scaling as module
from tasks.run.cluster import Width
from tasks.run.scaling import LOOK_S, Scaling
from tasks.run.settings import RuntimeSettings


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What the cluster has room for."""
    room = {"restorers": 4, "generators": 0}
    monkeypatch.setattr(
        module, "width_now", lambda runtime, began: Width(room["restorers"], room["generators"], 1, 1.0)
    )
    return room


def test_without_a_known_number_of_shards_the_width_is_fixed(clock: Clock, there: dict[str, int]) -> None:
    scaling = Scaling(Width(3, 2, 1), RuntimeSettings(min_actors=9), clock)
    clock.now = 10 * LOOK_S
    assert (scaling.restorers(0), scaling.restorers(100), scaling.generators(3)) == (3, 3, 2)


def test_a_number_is_kept_whatever_the_cluster_has(clock: Clock, there: dict[str, int]) -> None:
    scaling = Scaling(Width(6, 0, 1, shards=8), RuntimeSettings(actors=6), clock)
    assert [scaling.restorers(done) for done in (0, 2, 3, 7)] == [6, 6, 5, 1]


def test_auto_follows_the_cluster_and_the_queue(clock: Clock, there: dict[str, int]) -> None:
    scaling = Scaling(Width(4, 0, 1, shards=100), RuntimeSettings(), clock)
    assert scaling.restorers(0) == 4
    there["restorers"] = 12
    assert scaling.restorers(0) == 4  # it is not asked at every turn
    clock.now += LOOK_S
    assert [scaling.restorers(done) for done in (0, 95, 99)] == [12, 5, 1]
    there["restorers"] = 2
    clock.now += LOOK_S
    assert scaling.restorers(0) == 2


def test_beyond_the_room_one_is_asked_for_every_two_shards(clock: Clock, there: dict[str, int]) -> None:
    scaling = Scaling(Width(4, 0, 1, shards=100), RuntimeSettings(max_actors=32), clock)
    assert [scaling.restorers(done) for done in (0, 60, 80, 95, 97, 100)] == [32, 20, 10, 4, 3, 1]


def test_the_least_is_asked_for_without_room(clock: Clock, there: dict[str, int]) -> None:
    there["restorers"] = 1
    scaling = Scaling(Width(1, 0, 1, shards=100), RuntimeSettings(min_actors=6), clock)
    assert [scaling.restorers(done) for done in (0, 96)] == [6, 4]


def test_generators_follow_the_gpus_but_for_the_last(clock: Clock, there: dict[str, int]) -> None:
    there["generators"] = 4
    scaling = Scaling(Width(16, 2, 1, shards=100), RuntimeSettings(), clock)
    assert scaling.generators(16) == 2
    clock.now += LOOK_S
    assert [scaling.generators(restorers) for restorers in (16, 3, 0)] == [4, 3, 1]
    there["generators"] = 0
    clock.now += LOOK_S
    assert scaling.generators(16) == 1
    assert Scaling(Width(4, 0, 1, shards=9), RuntimeSettings(), clock).generators(4) == 0


def test_it_stays_between_the_least_and_the_most(clock: Clock, there: dict[str, int]) -> None:
    rng = random.Random(3)
    for _ in range(300):
        shards, least = rng.randint(1, 60), rng.randint(1, 20)
        most: Any = rng.choice(["auto", least + rng.randint(0, 30)])
        there["restorers"] = rng.randint(1, 40 if most == "auto" else most)
        scaling = Scaling(
            Width(there["restorers"], 0, 1, shards=shards), RuntimeSettings(min_actors=least, max_actors=most), clock
        )
        asked = [scaling.restorers(done) for done in range(shards + 1)]
        assert all(1 <= a <= max(1, shards - done) for done, a in enumerate(asked))
        assert asked == sorted(asked, reverse=True)
        assert all(a >= min(least, shards - done) for done, a in enumerate(asked))
        if most != "auto":
            assert max(asked) <= most
