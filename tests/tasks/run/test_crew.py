from typing import Any

import pytest

from tasks.run import crew as module
from tasks.run.cluster import Width
from tasks.run.crew import Crew
from tasks.run.job import ShardWork
from tests.tasks.run.actors_made_up import Ray

WORK = ShardWork("s", ())


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    made = Ray()
    monkeypatch.setattr(module, "ray", made)
    monkeypatch.setattr(module, "RestorerActor", made.kind())
    return made


@pytest.fixture
def crew(ray: Ray) -> Crew:
    job: Any = "job"
    return Crew(job, Width(2, 1, 1, 0.5), "ledger")


def come(crew: Crew, count: int = 1) -> None:
    """The first words of so many who are asked for."""
    for reference in list(crew.starting)[:count]:
        crew.idle.append(crew.starting.pop(reference))


def test_who_is_asked_for_takes_no_cpu_of_a_generator_and_no_gpu(crew: Crew, ray: Ray) -> None:
    crew.have(1)
    (actor,) = ray.born
    assert actor.options == {"num_cpus": 0.5, "num_gpus": 0}
    assert actor.arguments == ("restorer-1", "job", "ledger", 1, True)


def test_work_goes_to_who_is_there(crew: Crew, ray: Ray) -> None:
    crew.have(3)
    assert (crew.size(), crew.idle, crew.busy) == (3, [], {})
    come(crew)
    crew.hand_out(WORK)
    assert [(hand.name, hand.work) for hand in crew.busy.values()] == [("restorer-1", WORK)]
    assert crew.size() == 3
    assert len(crew.references) == 3


def test_those_who_have_yet_to_come_are_let_go_first_and_those_at_work_never(crew: Crew, ray: Ray) -> None:
    crew.have(4)
    come(crew, 2)
    crew.hand_out(WORK)
    crew.have(2)
    assert [actor.killed for actor in ray.born] == [False, False, True, True]
    crew.have(0)
    assert sum(actor.killed for actor in ray.born) == 3
    assert crew.size() == len(crew.busy) == 1


def test_who_is_out_of_reach_is_asked_and_does_not_count(crew: Crew, ray: Ray) -> None:
    crew.have(1)
    come(crew)
    crew.hand_out(WORK)
    (hand,) = crew.busy.values()
    crew.busy.clear()
    crew.doubt(hand)
    assert crew.size() == 0
    assert [reference.method for reference in crew.references] == ["ready"]
    crew.have(1)
    assert len(ray.born) == 2


def test_in_the_end_all_go(crew: Crew, ray: Ray) -> None:
    crew.have(4)
    come(crew, 3)
    crew.hand_out(WORK)
    crew.hand_out(WORK)
    crew.doubt(crew.busy.pop(next(iter(crew.busy))))
    crew.dismiss()
    assert all(actor.killed for actor in ray.born)
