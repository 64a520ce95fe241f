"""The deployed flows' bodies, called in this process. On a server with a worker: tests/infra/test_deployments.py."""

from collections.abc import Callable
from typing import Any

import pytest

from flows import deployed
from flows.deployed import calibrate, outcome, restore, storage_is_away
from flows.partial import PartialSettings
from flows.settings import Settings, compose
from tasks.errors import PoolFailure, StorageUnavailable, UsageError

RECORD: dict[str, Any] = {
    "state": "finished",
    "this_run": {"shards": 2, "ok": 5},
    "report": "sink/report/index.html",
    "failed_fraction": 0.0,
    "settings": {"limits": {"max_failed_fraction": 0.1}},
    "totals": {"failed": 0, "errors": {}},
}


class Body:
    """Stands for a flow of the command: what it was called with; `raised`: what it raises, call by call."""

    def __init__(self, record: dict[str, Any], *raised: BaseException) -> None:
        self.record, self.raised, self.calls = record, list(raised), list[tuple[Any, ...]]()

    def __call__(self, *arguments: Any) -> dict[str, Any]:
        self.calls.append(arguments)
        if self.raised:
            raise self.raised.pop(0)
        return self.record


@pytest.fixture
def body(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Body]:
    def put(*raised: BaseException, record: dict[str, Any] = RECORD) -> Body:
        made = Body(record, *raised)
        monkeypatch.setattr(deployed.restore_flow, "fn", made)
        monkeypatch.setattr(deployed.calibrate_flow, "fn", made)
        return made

    return put


@pytest.mark.parametrize(
    ("recipe", "changes", "sets"),
    [
        ("fast", None, []),
        ("best", {"judge": {"margin": 0.2}}, ["judge.margin=0.2"]),
        ("balanced", {"correct": {"steps": []}, "fill": {"context": None}}, ["correct.steps=[]"]),
        ("fast", {"limits": {"max_hours": 2}, "runtime": {"actors": 3}}, ["limits.max_hours=2", "runtime.actors=3"]),
    ],
)
def test_a_form_means_what_the_command_means(
    body: Callable[..., Body], recipe: str, changes: dict[str, Any] | None, sets: list[str]
) -> None:
    made = body()
    part = PartialSettings.model_validate(changes) if changes is not None else None
    state = restore.fn("in", "out", "masks", recipe, part, 7, ["Timeout"])
    ((images, out, masks, named, settings, limit, retry),) = made.calls
    assert (images, out, masks, named, limit, retry) == ("in", "out", "masks", recipe, 7, ("Timeout",))
    assert isinstance(settings, Settings)
    assert settings == compose(recipe, sets)
    assert (state.type, state.name, state.data) == ("COMPLETED", "Completed", RECORD)


def test_calibration_composes_likewise(body: Callable[..., Body]) -> None:
    made = body(record={"recipe": "a.yaml", "candidates": ["seam"]})
    state = calibrate.fn("in", "a.yaml", None, "best", PartialSettings.model_validate({"judge": {"margin": 0.3}}), 5)
    assert made.calls == [("in", "a.yaml", None, compose("best", ["judge.margin=0.3"]), 5)]
    assert state.message == "a.yaml: seam"


def test_more_failures_than_allowed_are_a_failed_run() -> None:
    assert outcome({**RECORD, "failed_fraction": 0.1}).type == "COMPLETED"
    failed = {"failed": 2, "errors": {"MaskMissing": 2}}
    state = outcome({**RECORD, "failed_fraction": 0.2, "totals": failed})
    # automations go by the name of a state
    assert (state.type, state.name) == ("FAILED", "Failed")
    assert state.message == "2 items failed (2 MaskMissing). finished: 2 shards, 5 ok. Report: sink/report/index.html"
    assert (
        outcome({**RECORD, "this_run": {"shards": 0, "holes": 0}}).message
        == "finished: nothing to do. Report: sink/report/index.html"
    )


def test_only_storage_that_is_away_is_waited_for(body: Callable[..., Body], monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(deployed.time, "sleep", waited.append)
    away = PoolFailure("shard cannot be committed")
    away.__cause__ = StorageUnavailable("503")
    made = body(StorageUnavailable("503"), away)
    assert restore.fn("in", "out").type == "COMPLETED"
    assert (len(made.calls), waited) == (3, list(deployed.PAUSES_S))
    body(*[StorageUnavailable("503")] * 3)
    with pytest.raises(StorageUnavailable):
        restore.fn("in", "out")
    for error in (PoolFailure("workers do not start"), UsageError("no"), ValueError()):
        made = body(error)
        with pytest.raises(type(error)):
            restore.fn("in", "out")
        assert len(made.calls) == 1
        assert not storage_is_away(error)


def test_an_interruption_outside_of_prefect_is_raised(body: Callable[..., Body]) -> None:
    body(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        restore.fn("in", "out")
    body(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        calibrate.fn("in", "out.yaml")


def test_wrong_settings_say_which_key_before_anything_is_done(body: Callable[..., Body]) -> None:
    made = body()
    with pytest.raises(UsageError, match=r"fill\.passes"):
        restore.fn("in", "out", settings=PartialSettings.model_validate({"fill": {"passes": ["magic"]}}))
    assert made.calls == []
