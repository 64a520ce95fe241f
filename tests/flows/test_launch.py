from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import flows.restore
import tasks.run.cluster
from flows import launch
from flows.launch import launch_restore
from flows.request import Request
from flows.settings import Settings


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is started and called, in order; nothing real is."""
    order: list[Any] = []

    @contextmanager
    def opened(name: str) -> Iterator[None]:
        order.append(name)
        try:
            yield
        finally:
            order.append(f"end of {name}")

    monkeypatch.setattr(launch, "prefect_api", lambda: opened("server"))
    monkeypatch.setattr(tasks.run.cluster, "cluster", lambda: opened("cluster"))
    monkeypatch.setattr(launch, "wait_for_api", lambda: order.append("ready"))
    monkeypatch.setattr(flows.restore, "restore", lambda *given: order.append(given) or {"state": "finished"})
    return order


def test_the_server_starts_first_and_is_waited_for_last(happened: list[Any]) -> None:
    record = launch_restore(Request("in", "masks", "out", "fast", Settings(), 5, ("Timeout",)))
    assert record == {"state": "finished"}
    called = happened.pop(3)
    assert happened == ["server", "cluster", "ready", "end of cluster", "end of server"]
    images, out, masks, recipe, settings, limit, retry = called
    assert (images, out, masks, recipe, limit, retry) == ("in", "out", "masks", "fast", 5, ("Timeout",))
    assert settings == Settings()


def test_all_is_ended_when_the_flow_breaks_off(happened: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(flows.restore, "restore", interrupted)
    with pytest.raises(KeyboardInterrupt):
        launch_restore(Request("in", None, "out"))
    assert happened[-2:] == ["end of cluster", "end of server"]
