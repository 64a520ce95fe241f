import os
import signal
from dataclasses import replace
from typing import Any

import pytest
import ray

from tasks.errors import UsageError
from tasks.run import cluster as module
from tasks.run.cluster import Width, cluster, resource, width
from tasks.run.settings import RuntimeSettings


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`machine(cpus, gpus)` for each node of a made-up cluster."""

    def make(*nodes: tuple[float, float]) -> None:
        monkeypatch.setattr(
            module, "nodes", lambda: [{"CPU": cpus, **({"GPU": gpus} if gpus else {})} for cpus, gpus in nodes]
        )

    return make


def test_without_a_gpu_every_thread_has_a_restorer(machine: Any) -> None:
    machine((8, 0))
    assert width(RuntimeSettings()) == Width(8, 0, 1, 1)
    assert width(RuntimeSettings(threads=3)) == Width(2, 0, 3, 3)
    assert width(RuntimeSettings(actors=5)) == Width(5, 0, 1, 1)


def test_with_gpus_there_are_generators_and_four_restorers_for_each(machine: Any) -> None:
    machine((32, 2))
    assert width(RuntimeSettings()) == Width(8, 2, 1, 1)
    assert width(RuntimeSettings(gpus_per_actor=0.25)) == Width(24, 8, 1, 1)
    assert width(RuntimeSettings(generators=0)) == Width(32, 0, 1, 1)
    machine((4, 1))
    assert width(RuntimeSettings()).restorers == 3
    machine((1, 1))
    assert width(RuntimeSettings()).restorers == 1


@pytest.mark.parametrize(
    ("each", "generators"), [(1, 4), (2, 2), (3, 0), (0.5, 8), (0.4, 8), (0.3, 12), (0.1, 40), (0.7, 4), (4, 0)]
)
def test_no_generator_is_spread_over_parts_of_gpus(machine: Any, each: float, generators: int) -> None:
    """A generator that Ray can place nowhere would be waited for without an end."""
    machine((16, 2), (16, 2))
    assert width(RuntimeSettings(gpus_per_actor=each)).generators == generators


def test_more_generators_than_gpus_hold_are_refused(machine: Any) -> None:
    machine((16, 1))
    with pytest.raises(UsageError, match=r"runtime\.generators.*at most 2"):
        width(RuntimeSettings(generators=3, gpus_per_actor=0.5))
    machine((16, 0))
    assert width(RuntimeSettings(generators=3)).generators == 3  # on CPUs as many as one likes


@pytest.mark.parametrize(
    "settings", [{"threads": 16}, {"actors": 9}, {"actors": 9, "threads": 4}, {"generators": 1, "actors": 7}]
)
@pytest.mark.parametrize("nodes", [[(2, 0)], [(4, 0), (2, 0)], [(1, 0)]])
def test_all_workers_can_be_placed(machine: Any, settings: dict[str, int], nodes: list[tuple[float, float]]) -> None:
    machine(*nodes)
    found = width(RuntimeSettings(**settings))
    assert found.cpus <= max(cpus for cpus, _ in nodes)
    assert found.cpus * found.restorers <= sum(cpus for cpus, _ in nodes) or found.restorers == 1
    assert found.threads == settings.get("threads", 1)


def test_a_run_is_cut_for_the_most_that_it_may_come_to(machine: Any) -> None:
    machine((4, 0))
    assert [width(RuntimeSettings(**s)).most for s in ({}, {"min_actors": 9}, {"max_actors": 32}, {"actors": 7})] == [
        4,
        9,
        32,
        7,
    ]
    assert width(RuntimeSettings(max_actors=3)) == Width(3, 0, 1, 1)
    assert width(RuntimeSettings(max_actors=32)) == Width(4, 0, 1, 1)


def test_where_nodes_come_on_demand_workers_ask_for_them(machine: Any) -> None:
    """A head without CPUs: who asked for nothing would be placed on it, and no node would be started."""
    machine((0, 0))
    assert width(RuntimeSettings(threads=4)).cpus == 4
    waiting = width(RuntimeSettings(generators=3, wait_for_gpus=True, gpus_per_actor=0.5))
    assert (waiting.generators, waiting.gpus, waiting.cpus) == (3, 0.5, 1)
    assert width(RuntimeSettings(wait_for_gpus=True)).generators == 1
    machine((2, 0))
    assert width(RuntimeSettings(generators=3)).gpus == 0  # on CPUs


def test_in_mid_run_the_kind_of_device_stays(machine: Any) -> None:
    machine((8, 1))
    began = width(RuntimeSettings())
    machine((8, 1), (8, 2))
    grown = module.width_now(RuntimeSettings(), began)
    assert (grown.restorers, grown.generators, grown.gpus) == (12, 3, 1)
    machine((8, 0))
    lost = module.width_now(RuntimeSettings(), began)
    assert (lost.restorers, lost.generators, lost.gpus) == (4, 1, 1)
    assert module.width_now(RuntimeSettings(generators=4), replace(began, generators=4)).generators == 4
    began = width(RuntimeSettings())
    machine((8, 0), (8, 4))
    assert module.width_now(RuntimeSettings(), began) == Width(16, 0, 1, 1)


def test_no_more_actors_than_shards(machine: Any) -> None:
    machine((32, 4))
    found = module.fitted(width(RuntimeSettings()), 3)
    assert (found.restorers, found.generators, found.most, found.shards) == (3, 3, 3, 3)
    machine((0, 0))  # nodes are yet to come
    found = module.fitted(width(RuntimeSettings(generators=4, wait_for_gpus=True, max_actors=8)), 100)
    assert (found.restorers, found.generators, found.most) == (1, 4, 8)


def test_the_connected_cluster_is_asked(ray_cluster: None) -> None:
    assert resource("CPU") == sum(node["CPU"] for node in module.nodes()) >= 1
    assert resource("unheard-of") == 0
    assert width(RuntimeSettings()).restorers >= 1
    assert module.alive() == {ray.get_runtime_context().get_node_id()}
    where = ray.remote(num_cpus=0)(lambda: ray.get_runtime_context().get_node_id())
    assert ray.get(where.options(**module.beside_driver()).remote()) == ray.get_runtime_context().get_node_id()


def test_nested_it_changes_nothing(ray_cluster: None) -> None:
    address = ray.get_runtime_context().gcs_address
    with cluster():
        assert ray.get_runtime_context().gcs_address == address
    assert ray.is_initialized()


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Catches what Ray is started with; its start replaces the SIGTERM handler, as the real one does."""
    caught: dict[str, Any] = {}

    def init(**options: Any) -> None:
        caught.update(options)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: caught.update(ended=True))
    return caught


def test_a_cluster_of_its_own_unless_one_is_named(start: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with cluster():
        assert start["address"] == "local"
        assert start["include_dashboard"] is False
        assert start["object_store_memory"] == module.OBJECT_STORE_BYTES
        assert "ended" not in start
    assert start["ended"]
    start.clear()
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with cluster():
        assert start["address"] == "10.0.0.1:6379"
        assert "object_store_memory" not in start  # a running cluster has its own


def test_the_sigterm_handler_is_put_back(start: dict[str, Any]) -> None:
    def mine(*_: object) -> None:
        pass

    before = signal.signal(signal.SIGTERM, mine)
    try:
        with cluster():
            assert signal.getsignal(signal.SIGTERM) is mine
        assert signal.getsignal(signal.SIGTERM) is mine
        with pytest.raises(ZeroDivisionError), cluster():
            raise ZeroDivisionError
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
