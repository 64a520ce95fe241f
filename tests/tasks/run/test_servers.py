from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError

from tasks.errors import PoolFailure
from tasks.run import loss
from tasks.run import servers as module
from tasks.run.cluster import Width
from tasks.run.servers import IDLE_DEATHS, Servers
from tests.tasks.run.actors_made_up import Actor, Ray

NODE_DIED = RayActorError(error_msg="The actor died because its node has died.")


class World(Ray):
    """The ledger is one of the actors: `told` what."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Actor({}, ())
        self.generated = True

    def get(self, reference: Any) -> Any:
        if reference.actor is self.ledger:
            return self.generated
        return super().get(reference)

    def told(self, method: str) -> list[Any]:
        return [reference.answer for reference in self.ledger.asked if reference.method == method]


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(module, "ray", made)
    monkeypatch.setattr(module, "GeneratorActor", made.kind())
    monkeypatch.setattr(loss, "alive", lambda: frozenset({"node"}))
    return made


@pytest.fixture
def servers(ray: World) -> Servers:
    job: Any = SimpleNamespace(items=SimpleNamespace(model="model"))
    return Servers(job, Width(4, 2, 3, 1.0, 0.5), ray.ledger)


def comes(servers: Servers, actor: Actor, answer: Any) -> None:
    """The last thing that an actor was asked is answered."""
    actor.asked[-1].answer = answer
    assert actor.asked[-1] in servers.references
    servers.settle(actor.asked[-1])


def test_one_serves_when_its_weights_are_loaded_and_not_before(servers: Servers, ray: World) -> None:
    servers.have(2)
    assert [actor.options for actor in ray.born] == [{"num_cpus": 0, "num_gpus": 0.5}] * 2
    assert [actor.arguments for actor in ray.born] == [("model", 3, n, 0, ray.ledger) for n in range(2)]
    assert ray.told("set_generator") == []
    comes(servers, ray.born[1], "node")
    assert ray.told("set_generator") == [(1, 0, ray.born[1])]
    servers.have(2)
    assert len(ray.born) == 2


def test_one_whose_node_is_lost_is_asked_for_again_and_nobody_is_blamed(servers: Servers, ray: World) -> None:
    servers.have(2)
    for actor in ray.born:
        comes(servers, actor, "node")
    comes(servers, ray.born[0], NODE_DIED)
    assert ray.told("withdraw_generator") == [(0, 0, True)]
    servers.have(2)
    assert ray.born[2].arguments[2:4] == (0, 1)


def test_one_whose_process_died_leaves_who_is_to_blame(servers: Servers, ray: World) -> None:
    servers.have(1)
    comes(servers, ray.born[0], "node")
    comes(servers, ray.born[0], ActorDiedError())
    assert ray.told("withdraw_generator") == [(0, 0, False)]


@pytest.mark.parametrize(
    ("answer", "blameless"), [(NODE_DIED, True), (ActorDiedError(), False), ("node", True), (None, True)]
)
def test_one_out_of_reach_serves_until_it_is_known_what_became_of_it(
    servers: Servers, ray: World, answer: Any, blameless: bool
) -> None:
    servers.have(1)
    comes(servers, ray.born[0], "node")
    comes(servers, ray.born[0], ActorUnavailableError("Socket closed", None))
    assert ray.told("withdraw_generator") == []
    servers.have(1)
    assert len(ray.born) == 1
    comes(servers, ray.born[0], answer or ActorUnavailableError("Socket closed", None))
    assert ray.told("withdraw_generator") == [(0, 0, blameless)]
    assert ray.born[0].killed


def test_surplus_that_waits_for_gpus_is_let_go(servers: Servers, ray: World) -> None:
    servers.have(3)
    comes(servers, ray.born[0], "node")
    servers.have(1)
    assert [actor.killed for actor in ray.born] == [False, True, True]
    servers.have(2)
    assert ray.born[3].arguments[2] == 1
    servers.dismiss()
    assert ray.born[0].killed and ray.born[3].killed


def test_those_that_do_nothing_but_die_end_the_run(servers: Servers, ray: World) -> None:
    ray.generated = False
    with pytest.raises(PoolFailure, match=f"died {IDLE_DEATHS} times"):
        for _ in range(IDLE_DEATHS):
            servers.have(1)
            comes(servers, ray.born[-1], ActorDiedError())
    assert len(ray.born) == IDLE_DEATHS
    with pytest.raises(PoolFailure, match="do not start"):
        servers.have(1)
        comes(servers, ray.born[-1], RayActorError(error_msg="raised in its creation task", actor_init_failed=True))


def test_lost_nodes_never_end_the_run(servers: Servers, ray: World) -> None:
    ray.generated = False
    for _ in range(3 * IDLE_DEATHS):
        servers.have(1)
        comes(servers, ray.born[-1], NODE_DIED)
