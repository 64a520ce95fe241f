"""What is in the sink of a world: rows, what is settled, what must be equal in the end, what can be seen."""

import re
from collections import Counter
from typing import Any

from tasks.errors import UsageError
from tasks.publish.commit import read_table
from tasks.publish.schema import VOLATILE
from tests.chaos.world import World
from tests.support import PLACES

OF_SHARDS = re.compile(r"(results|holes)/s[0-9a-f]{16}\.parquet")
OF_RUNS = re.compile(r"plan/[0-9]{6}\.parquet|runs/[0-9TZ]+-[0-9a-f]{8}\.json")


def rows(files: dict[str, bytes], folder: str = "results") -> list[dict[str, Any]]:
    """All rows under a folder of the sink, in the order of item_id. Raises UsageError for a damaged file."""
    names = [name for name in files if OF_SHARDS.fullmatch(name) and name.startswith(folder)]
    found = [row for name in names for row in read_table(files[name], name).to_pylist()]
    return sorted(found, key=lambda row: (row["item_id"], row.get("hole", 0)))


def settled(here: World) -> dict[str, Any]:
    """Items that are done, with the moment and the bytes: one that is done again has another moment."""
    try:
        found = rows(here.files("sink"))
    except UsageError:  # damaged on purpose
        return {}
    return {r["item_id"]: (r["finished_at"], r["output_sha256"]) for r in found if r["status"] != "failed"}


def never(here: World, kept: dict[str, Any]) -> None:
    """At no moment has an item two rows, has a row that was there gone, or does it fail for a reason of ours."""
    try:
        found = rows(here.files("sink"))
    except UsageError:
        return
    assert not [item for item, count in Counter(row["item_id"] for row in found).items() if count > 1]
    assert kept.keys() <= {row["item_id"] for row in found}
    assert not [row["message"] for row in found if row["error"] == "UnexpectedError"]


def content(here: World) -> dict[str, Any]:
    """What must be equal in the end: outputs byte for byte, rows but for who, when and where."""
    files = here.files("sink")
    found, holes = rows(files), rows(files, "holes")
    commits = {row["commit_id"] for row in found}
    said = [{**row, "message": row["message"] and row["message"].replace(here.root, "")} for row in found]
    return {
        "images": {name: data for name, data in files.items() if name.startswith("images/")},
        "rows": [{k: v for k, v in row.items() if k not in (*VOLATILE, *PLACES)} for row in said],
        "holes": [{k: v for k, v in row.items() if k != "commit_id"} for row in holes if row["commit_id"] in commits],
    }


def names(here: World) -> set[str]:
    """What can be seen in the sink. Shards are named by what they hold, so they may be others; records are of runs."""
    seen = {name for name in here.files("sink") if "/." not in f"/{name}"}
    of_shards = {name for name in seen if OF_SHARDS.fullmatch(name)}
    return seen - of_shards - {name for name in seen if OF_RUNS.fullmatch(name)}
