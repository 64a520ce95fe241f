"""Totals of a sink, counted from what is committed."""

from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

STATUSES = ("ok", "unchanged", "skipped", "failed")


def totals(results: pa.Table) -> dict[str, Any]:
    """items, ok, unchanged, skipped, failed, errors by type, megapixels, holes. `results`: committed rows."""
    statuses = Counter(results["status"].to_pylist())
    failed = results.filter(pc.equal(results["status"], "failed"))
    pixels = pc.multiply(results["width"].cast(pa.int64()), results["height"].cast(pa.int64()))
    return {
        "items": results.num_rows,
        **{status: statuses.get(status, 0) for status in STATUSES},
        "errors": dict(Counter(failed["error"].to_pylist()).most_common()),
        "megapixels": round((pc.sum(pixels).as_py() or 0) / 1e6, 3),
        "holes": pc.sum(results["holes"]).as_py() or 0,
    }


def failed_fraction(counted: dict[str, Any]) -> float:
    """Failed rows over all rows, as they stand now."""
    return counted["failed"] / counted["items"] if counted["items"] else 0.0
