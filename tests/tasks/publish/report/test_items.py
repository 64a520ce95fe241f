import numpy as np
import pyarrow as pa
import pytest

from tasks.publish.report import items as module
from tasks.publish.report.items import COLUMNS, HOLES, RESULTS, choices, common_prefix, listed, write_data
from tasks.publish.schema import HOLES_SCHEMA, RESULTS_SCHEMA
from tasks.store.objects import Store


def tables(rows: list[dict[str, object]], holes: list[dict[str, object]]) -> tuple[pa.Table, pa.Table]:
    schemas = pa.schema([RESULTS_SCHEMA.field(n) for n in RESULTS]), pa.schema([HOLES_SCHEMA.field(n) for n in HOLES])
    return pa.Table.from_pylist(rows, schemas[0]), pa.Table.from_pylist(holes, schemas[1])


def column(rows: list[list[object]], name: str) -> list[object]:
    return [row[COLUMNS.index(name)] for row in rows]


def test_the_worst_come_first_whatever_the_order() -> None:
    rng = np.random.default_rng(2)
    rows = [
        {"item_id": f"{n}", "image": f"/{n}", "output": f"{n}", "status": "ok", "width": 9, "height": 9}
        for n in range(30)
    ]
    rows += [{"item_id": "f", "image": "/f", "status": "failed", "error": "Timeout"}]
    hole = {"x": 0, "y": 0, "w": 1, "h": 1, "area": 1, "fill_pass": "regions"}
    holes = [{**hole, "item_id": f"{n}", "predicted_error": float(e)} for n in range(30) for e in rng.random(2)]
    found = listed(*tables(rows, holes), set(), ("/", ""))
    assert column(found, "status")[0] == "failed"
    review = column(found, "review")[1:]
    assert review == sorted(review, reverse=True)
    shuffled = listed(*tables(rows[::-1], holes[::-1]), set(), ("/", ""))
    assert shuffled == found


def test_a_long_list_is_written_in_pages_and_cut_at_the_end_of_patience(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE_ITEMS", 4)
    monkeypatch.setattr(module, "MOST_ITEMS", 10)
    rows = [{"item_id": f"{n}", "image": f"/{n}", "status": "failed", "error": "Timeout"} for n in range(13)]
    found = listed(*tables(rows, []), set(), ("/", ""))
    store = Store(root)
    assert (len(found), write_data(store, found)) == (10, 3)
    assert store.names("report/data") == ["0.js", "1.js", "2.js"]
    assert write_data(store, []) == 1


@pytest.mark.parametrize(
    ("urls", "prefix"),
    [
        (["s3://b/x/a.png", "s3://b/x/b.png"], "s3://b/x/"),
        (["/in/ab/1.png", "/in/ac/1.png", None], "/in/"),
        (["/a.png"], "/"),
        ([None], ""),
    ],
)
def test_the_common_prefix_ends_at_a_slash(urls: list[str | None], prefix: str) -> None:
    assert common_prefix(pa.table({"image": pa.array(urls, pa.string())}), "image") == prefix


def test_filters_offer_what_there_is() -> None:
    rows = [
        {"item_id": "a", "image": "/a", "status": "ok", "width": 9, "height": 9},
        {"item_id": "b", "image": "/b", "status": "failed", "error": "Timeout"},
    ]
    hole = {"item_id": "a", "x": 0, "y": 0, "w": 1, "h": 1, "area": 1, "fill_pass": "regions", "corrections": ["seam"]}
    offered = choices(listed(*tables(rows, [hole]), set(), ("/", "")))
    assert offered["status"] == ["failed", "ok"]
    assert (offered["error"], offered["pass"], offered["correction"]) == (["Timeout"], ["regions"], ["none", "seam"])
