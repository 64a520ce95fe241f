"""SINK/runs/<run id>.json: one execution, what it was told and what it did."""

import json
import os
import platform
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tasks.publish.provenance import library_versions
from tasks.store.objects import Store

RUNS = "runs"


def new_run_id(now: datetime | None = None) -> str:
    """Sortable by time, unique by chance: `20260131T134500Z-1f2e3d4c`."""
    return f"{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def environment() -> dict[str, Any]:
    """Where a run ran. No variables: they hold credentials."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "libraries": library_versions(),
    }


def write_run(store: Store, record: dict[str, Any]) -> None:
    """Write or rewrite the record of the run `record["run_id"]`."""
    store.put(f"{RUNS}/{record['run_id']}.json", json.dumps(record, indent=2, ensure_ascii=False).encode())


def read_runs(store: Store) -> Iterator[dict[str, Any]]:
    """All runs' records, oldest first."""
    for name in store.names(RUNS):
        if name.endswith(".json"):
            yield json.loads(store.read(f"{RUNS}/{name}"))
