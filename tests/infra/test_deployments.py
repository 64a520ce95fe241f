"""infra/prefect.yaml on a real Prefect server, with a real worker: deployed, scheduled, run, cancelled, gone on with."""

import json
import urllib.error
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.infra.stack import Stack, until
from tests.support import Archive, archive, encoded, photo, read_sink, rows, write
from tests.webhook import webhook

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ITEMS = 30
# Small shards and one restorer, so that a cancellation finds some committed and some not.
NARROW = {"runtime": {"shard_items": 2, "actors": 1}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return archive(str(tmp_path_factory.mktemp("archive")), ITEMS, size=(384, 512), holes=12)


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook of this process: its URL, and what was sent to it."""
    with webhook() as made:
        yield made


@pytest.fixture(scope="module")
def stack(
    made: Archive, told: tuple[str, list[dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    boxes = [{"image": f"{number}.png", "boxes": [[20, 30, 30, 12]]} for number in range(2)]
    for number in range(2):
        write(str(folder / f"marks/{number}.png"), encoded(photo(96, 128, number), ".png"))
    boxes.append({"image": "nowhere.png", "boxes": [[0, 0, 5, 5]]})
    write(str(folder / "marks/list.jsonl"), "\n".join(json.dumps(line) for line in boxes).encode())
    places = {
        "LACUNA_IMAGES": made.images,
        "LACUNA_MASKS": made.masks,
        "LACUNA_SINK": str(folder / "sink"),
        "LACUNA_MANIFEST": str(folder / "marks/list.jsonl"),
        "LACUNA_REMOVED": str(folder / "removed"),
        "LACUNA_RECIPE": str(folder / "best.yaml"),
        "LACUNA_NOTIFY": "custom-webhook/lacuna",
    }
    with Stack(folder, **places) as stack:
        stack.start("server")
        stack.healthy("server")
        block = (
            "from prefect.blocks.notifications import CustomWebhookNotificationBlock as Block\n"
            f"Block(name='lacuna', url={told[0]!r}, json_data={{'subject': '{{{{subject}}}}', 'body': '{{{{body}}}}'}})"
            ".save('lacuna')"
        )
        saved = stack.run("python", "-c", block)
        assert saved.returncode == 0, saved.stderr
        stack.start("worker")
        stack.healthy("worker")
        yield stack


def sink_of(stack: Stack) -> str:
    return stack.environment["LACUNA_SINK"]


def records(sink: str) -> list[dict[str, Any]]:
    """Records of runs, in the order of their start."""
    found = [json.loads(data) for path, data in read_sink(sink).items() if path.startswith("runs/")]
    return sorted(found, key=lambda record: str(record["started_at"]))


def test_the_archive_is_due_every_night_at_two_by_its_own_clock(stack: Stack) -> None:
    deployed = stack.deployment("restore/archive")
    assert deployed["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert deployed["global_concurrency_limit"]["limit"] == 1
    due = until(lambda: stack.runs("restore/archive", "SCHEDULED"), "a run that is due")
    times = [datetime.fromisoformat(run["expected_start_time"]) for run in due]
    assert {(t.astimezone(ZoneInfo("Europe/Zurich")).hour, t.minute) for t in times} == {(2, 0)}
    assert min(times) > datetime.now(UTC)
    # deploying again changes nothing and doubles nothing
    again = stack.run(str(Path(__file__).parents[2] / "infra/container/deploy"))
    assert again.returncode == 0, again.stderr
    assert stack.deployment("restore/archive")["id"] == deployed["id"]
    assert [a["name"] for a in stack.api("/automations/filter", {})] == ["lacuna-zombies"]


@pytest.mark.parametrize(
    "wrong",
    [{"settings": {"fill": {"contexts": 3}}}, {"settings": {"fill": {"context": -3}}}, {"limit": 0}, {"images": ""}],
)
def test_the_form_refuses_what_is_no_setting(stack: Stack, wrong: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        stack.trigger("restore/archive", **wrong)
    assert refused.value.code in (409, 422)
    refused.value.close()


def test_scheduled_overtaken_cancelled_gone_on_with_and_done(stack: Stack, told: tuple[str, list[Any]]) -> None:
    name, sink = "restore/archive", sink_of(stack)
    deployed = stack.deployment(name)
    often = {"schedule": {"interval": 5}, "active": True, "parameters": {"recipe": "fast", "settings": NARROW}}
    (schedule,) = stack.api(f"/deployments/{deployed['id']}/schedules", [often])
    first = until(lambda: stack.runs(name, "RUNNING"), "a scheduled run")[0]

    # those that come due while it runs are left out
    left_out = until(lambda: stack.runs(name, "CANCELLED"), "an overtaken run")
    assert {run["run_count"] for run in left_out} == {0}, left_out
    stack.api(f"/deployments/{deployed['id']}/schedules/{schedule['id']}", method="DELETE")

    until(lambda: Path(sink, "results").is_dir() and rows(sink), "something committed")
    assert stack.api(f"/flow_runs/{first['id']}")["state"]["type"] == "RUNNING"
    stack.api(f"/flow_runs/{first['id']}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    state = stack.ended(first["id"], 60)
    assert state["type"] == "CANCELLED", state
    until(lambda: not stack.processes("ray"), "the end of Ray's processes", 40)
    before = {row["item_id"]: row for row in rows(sink)}
    assert 0 < len(before) < ITEMS
    assert [record["state"] for record in records(sink)] == ["interrupted"]

    state = stack.ended(stack.trigger(name, recipe="fast", settings=NARROW))
    assert state["type"] == "COMPLETED", state
    after = {row["item_id"]: row for row in rows(sink)}
    assert len(after) == len(rows(sink)) == ITEMS
    assert {item: after[item] for item in before} == before  # not done twice
    record = records(sink)[-1]
    assert record["to_do"]["items"] == ITEMS - len(before)
    # the recipe and what wins over it, both
    assert (record["recipe"], record["settings"]["fill"]["passes"]) == ("fast", ["regions"])
    assert record["settings"]["runtime"]["shard_items"] == 2
    assert record["settings"]["correct"]["steps"] == []

    state = stack.ended(stack.trigger(name, recipe="fast"))
    assert (state["type"], "nothing to do" in state["message"]) == ("COMPLETED", True), state
    assert {row["item_id"]: row for row in rows(sink)} == after
    assert told[1] == []  # a cancellation is no alarm


def test_objects_are_removed_by_boxes_and_a_failure_is_told(stack: Stack, told: tuple[str, list[Any]]) -> None:
    run = stack.trigger("restore/removal", recipe="fast")
    state = stack.ended(run)
    assert state["type"] == "FAILED", state
    found = {Path(row["image"]).name: row["status"] for row in rows(stack.environment["LACUNA_REMOVED"])}
    assert found == {"0.png": "ok", "1.png": "ok", "nowhere.png": "failed"}
    assert "1 items failed" in state["message"]
    (message,) = until(lambda: told[1], "a notification", 30)
    assert "restore" in message["subject"]
    assert state["message"] in message["body"]


def test_calibration_is_deployed(stack: Stack) -> None:
    deployed = stack.deployment("calibrate/calibration")
    assert deployed["parameters"]["out"] == stack.environment["LACUNA_RECIPE"]
    assert set(deployed["parameter_openapi_schema"]["required"]) == {"images", "out"}
