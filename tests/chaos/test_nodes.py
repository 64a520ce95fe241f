"""Clusters whose nodes come and go while a run goes on. Each node is a raylet of its own; that it has GPUs is only claimed."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chaos.nodes import Node, Nodes, nodes, until
from tests.support import Archive, archive, content, lacuna, rows, start

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]

ITEMS = 36
SETTINGS = ("--recipe", "fast", "--set", "runtime.shard_items=2")
RESTORING = "ray::RestorerShell.restore"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> tuple[Archive, str]:
    """An archive, and the sink of a run on one machine over it."""
    root = tmp_path_factory.mktemp("undisturbed")
    made = archive(str(root), ITEMS, size=(384, 512), holes=14)
    lacuna("restore", made.images, made.masks, "--out", str(root / "sink"), *SETTINGS)
    return made, str(root / "sink")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    """A head that takes no work: what is done is done on nodes that are added."""
    with nodes(0) as made:
        yield made


@pytest.fixture
def head(cluster: Nodes) -> Iterator[Nodes]:
    """The cluster; what a test adds to it goes with the test."""
    yield cluster
    for node in cluster.started[1:]:
        node.lose()


@dataclass
class Run:
    """A restore under way."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    def reached(self, what: object) -> str:
        return f"{what}; said: {''.join(self.said)[-3000:]}"


@contextmanager
def running(made: Archive, sink: Path, head: Nodes, *settings: str) -> Iterator[Run]:
    """A restore on the cluster."""
    options = [part for each in settings for part in ("--set", each)]
    process = start(
        "restore",
        made.images,
        made.masks,
        "--out",
        str(sink),
        *SETTINGS,
        *options,
        **head.environment,
        LACUNA_LOG="INFO",
    )
    run = Run(process)

    def listen() -> None:
        assert process.stderr
        run.said.extend(process.stderr)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield run
    finally:
        process.kill()
        process.wait()
        listener.join()
        for pipe in (process.stdout, process.stderr):
            assert pipe
            pipe.close()


def committed(sink: Path) -> int:
    return len(list(sink.glob("results/*.parquet")))


def works(node: Node, run: Run, title: str = RESTORING) -> None:
    """Wait until an actor is at work on this node."""
    until(lambda: node.actors(title), lambda: run.reached(f"no {title} on the node"), run.process)


def ended_well(run: Run, sink: Path, clean: str) -> None:
    """Each item has one row and the bytes of the undisturbed run, and for none of them a process died."""
    assert run.process.wait(240) == 0, run.reached("it failed")
    assert content(str(sink)) == content(clean)
    found = rows(str(sink))
    assert len({row["item_id"] for row in found}) == len(found) == ITEMS
    assert {row["attempts"] for row in found} == {1}


def test_a_node_that_comes_is_used_and_one_that_goes_costs_nothing(
    work: tuple[Archive, str], head: Nodes, tmp_path: Path
) -> None:
    made, clean = work
    sink = tmp_path / "sink"
    first = head.add(1)
    with running(made, sink, head) as run:
        until(lambda: committed(sink), lambda: run.reached("nothing is committed"), run.process)
        works(first, run)
        first.halt()  # however fast the machine is, work is left for the second
        second = head.add(1)
        works(second, run)
        before = committed(sink)
        until(lambda: committed(sink) > before, lambda: run.reached("nothing more"), run.process)
        first.lose()  # with a shard in hand
        ended_well(run, sink, clean)
    assert committed(sink) == ITEMS / 2
    assert any("its node was lost" in line for line in run.said), run.reached("no word of the loss")
    assert second.actors("ray::RestorerShell") == []  # at the end there is none left


def test_a_lost_generator_is_replaced_elsewhere_and_restorers_keep_off_its_node(
    work: tuple[Archive, str], head: Nodes, tmp_path: Path
) -> None:
    made, clean = work
    sink = tmp_path / "sink"
    plain, gpu = head.add(2), head.add(2, gpus=1)
    with running(made, sink, head, "runtime.actors=2") as run:
        works(gpu, run, "ray::SharedGenerator")
        both = "ray::RestorerShell"
        until(lambda: len(plain.actors(both)) == 2, lambda: run.reached("not two restorers"), run.process)
        assert plain.actors("ray::SharedGenerator") == gpu.actors(both) == []
        until(lambda: committed(sink), lambda: run.reached("nothing is committed"), run.process)
        gpu.lose()
        another = head.add(2, gpus=1)
        works(another, run, "ray::SharedGenerator")
        ended_well(run, sink, clean)
    assert another.actors("ray::RestorerShell") == another.actors("ray::SharedGenerator") == []


def test_who_asks_for_more_than_there_is_room_for_gets_on_when_a_node_comes(
    work: tuple[Archive, str], head: Nodes, tmp_path: Path
) -> None:
    """As with an autoscaler, which starts nodes for actors that wait for them: here the first node comes late."""
    made, clean = work
    sink = tmp_path / "sink"
    with running(made, sink, head, "runtime.min_actors=4") as run:
        until(lambda: any("items to do" in line for line in run.said), lambda: run.reached("no plan"), run.process)
        node = head.add(2)
        works(node, run)
        ended_well(run, sink, clean)


@pytest.mark.parametrize("secret", [{"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_TOKEN": "f" * 64}], ids=["none", "wrong"])
def test_without_its_token_a_cluster_is_not_joined(head: Nodes, tmp_path: Path, secret: dict[str, str]) -> None:
    """With it all the others of this file are."""
    made, sink = archive(str(tmp_path), 1), tmp_path / "sink"
    process = start("restore", made.images, made.masks, "--out", str(sink), **{**head.environment, **secret})
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    assert "RAY_AUTH_MODE=token" in err
    assert "RAY_AUTH_TOKEN" in err
    assert not sink.exists()
