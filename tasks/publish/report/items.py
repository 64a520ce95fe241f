"""The rows of the report's list: committed results joined with what their holes say, worst first."""

import json
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.publish.report.pictures import window_around, worst
from tasks.publish.schema import Row
from tasks.store.objects import Store

RESULTS = ["item_id", "output", "image", "mask", "status", "error", "message", "format", "width", "height"]
RESULTS += ["masked_fraction", "holes", "load_s", "fill_s", "save_s"]
HOLES = ["item_id", "x", "y", "w", "h", "area", "fill_pass", "corrections", "predicted_error"]
# What the page calls them; `review`: the largest error that is expected of one of the holes.
COLUMNS = ["id", "name", "image", "mask", "status", "error", "message", "shown", "width", "height", "masked", "holes"]
COLUMNS += ["seconds", "passes", "corrections", "review", "picture", "scale"]
BROWSERS_SHOW = ("jpeg", "png", "webp")
PAGE_ITEMS = 1_000
MOST_ITEMS = 100_000  # listed; a browser holds them in memory


def listed(results: pa.Table, holes: pa.Table, pictures: set[str], prefixes: tuple[str, str]) -> list[list[Any]]:
    """Rows of COLUMNS: failures first, then the largest expected error, then what is most masked; ties by name.

    results: columns RESULTS; holes: columns HOLES, of the same commits; pictures: item ids that have some; prefixes: of
    images and masks, left out of the rows.
    """
    of = _by_item(holes)
    rows = [_row(row, of.get(row["item_id"], []), pictures, prefixes) for row in results.to_pylist()]
    at = {name: COLUMNS.index(name) for name in COLUMNS}
    rows.sort(
        key=lambda r: (r[at["status"]] != "failed", -(r[at["review"]] or 0), -(r[at["masked"]] or 0), r[at["name"]])
    )
    return rows[:MOST_ITEMS]


def write_data(store: Store, rows: list[list[Any]]) -> int:
    """Write the list as scripts, `report/data/<n>.js`: what a page that was opened from disk may load. Returns how many."""
    pages = [rows[start : start + PAGE_ITEMS] for start in range(0, len(rows), PAGE_ITEMS)] or [[]]
    for number, page in enumerate(pages):
        values = json.dumps(page, ensure_ascii=False, separators=(",", ":"))
        text = f"lacunaPage({number},{json.dumps(COLUMNS)},{values});\n"
        store.put(f"report/data/{number}.js", text.encode("utf-8", "replace"))
    return len(pages)


def common_prefix(results: pa.Table, column: str) -> str:
    """What all URLs of a column begin with, up to a slash; of several in one cell the first counts."""
    ends = pc.min_max(pc.replace_substring_regex(results[column], "(?s)\n.*", "")).as_py()
    if ends["min"] is None:
        return ""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(ends["min"], ends["max"], strict=False))
    return "".join(first for first, _ in same).rpartition("/")[0] + "/"


def _by_item(holes: pa.Table) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in holes.to_pylist():
        found.setdefault(row["item_id"], []).append(row)
    return found


def _row(row: Row, holes: list[Row], pictures: set[str], prefixes: tuple[str, str]) -> list[Any]:
    image, mask = prefixes
    errors = [hole["predicted_error"] for hole in holes if hole["predicted_error"] is not None]
    pictured = row["item_id"] in pictures and bool(holes)
    scale = window_around(holes[worst(holes)], row["width"], row["height"]).scale if pictured else None
    spent = [row[key] for key in ("load_s", "fill_s", "save_s") if row[key] is not None]
    return [
        row["item_id"],
        row["output"] or (row["image"] or "").removeprefix(image),
        (row["image"] or "").removeprefix(image),
        "\n".join(url.removeprefix(mask) for url in (row["mask"] or "").split("\n")),
        row["status"],
        row["error"],
        row["message"],
        int(row["status"] in ("ok", "unchanged") and row["format"] in BROWSERS_SHOW),
        row["width"],
        row["height"],
        _rounded(row["masked_fraction"]),
        row["holes"],
        _rounded(sum(spent)) if spent else None,
        sorted({hole["fill_pass"] for hole in holes}),
        sorted({name for hole in holes for name in hole["corrections"] or ()}),
        _rounded(max(errors)) if errors else None,
        int(pictured),
        _rounded(scale),
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def choices(rows: list[list[Any]]) -> dict[str, list[str]]:
    """What each filter of the page offers."""

    def of(name: str) -> Iterator[Any]:
        return (row[COLUMNS.index(name)] for row in rows)

    return {
        "status": sorted(set(of("status"))),
        "error": sorted({error for error in of("error") if error}),
        "pass": sorted({name for names in of("passes") for name in names}),
        "correction": ["none", *sorted({name for names in of("corrections") for name in names})],
        "decision": ["none", "good", "redo", "leave"],
    }
