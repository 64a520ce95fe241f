import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.catalog.schema import CATALOG_SCHEMA, PLAN_SCHEMA
from tasks.errors import UsageError
from tasks.publish.schema import RESULTS_SCHEMA, to_table
from tasks.run.settings import ItemSettings
from tasks.run.todo import COMMITTED_COLUMNS, Makers, Todo, limited, what_is_left

SETTINGS = ItemSettings()
MAKERS = Makers(SETTINGS, "weights-1", "code-1")
OVERRIDE = '{"mask": {"dilate_px": 9}}'


def listed(item: str, **changes: Any) -> dict[str, Any]:
    """An item as the catalog finds it."""
    row = {"item_id": item, "image": f"/in/{item}.png", "masks": [f"/m/{item}.png"], "output": f"{item}.png"}
    return row | {"bytes": 9, "image_version": "v1", "mask_version": "m1"} | changes


def catalog(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=CATALOG_SCHEMA)


def plan(*items: str, **changes: Any) -> pa.Table:
    rows = [listed(item, **changes) | {"shard_id": f"shard of {item}"} for item in items]
    return pa.Table.from_pylist(rows, schema=PLAN_SCHEMA)


def done(item: str, **changes: Any) -> dict[str, Any]:
    """A committed row of the item as `listed` lists it."""
    row = {"item_id": item, "shard_id": f"shard of {item}", "image": f"/in/{item}.png", "status": "ok", "load_s": 0.1}
    row |= {"image_version": "v1", "mask_version": "m1", "weights_sha256": "weights-1", "code_version": "code-1"}
    return row | {"settings_sha256": SETTINGS.sha256()} | changes


def failed(item: str, error: str, **changes: Any) -> dict[str, Any]:
    return done(item, status="failed", error=error, **changes)


def committed(*rows: dict[str, Any]) -> pa.Table:
    return to_table(list(rows), RESULTS_SCHEMA).select(COMMITTED_COLUMNS)


def left(
    found: pa.Table,
    planned: pa.Table,
    rows: pa.Table,
    makers: Makers = MAKERS,
    retry: tuple[str, ...] = (),
    on_change: str = "refuse",
) -> Todo:
    return what_is_left(found, planned, rows, makers, retry=retry, on_change=on_change)


def one(listing: dict[str, Any], row: dict[str, Any], **options: Any) -> dict[str, int]:
    """Why a planned and committed item is to be done, if it is."""
    item = listing["item_id"]
    todo = left(catalog(listing), plan(item), committed(row), **options)
    assert todo.items == sum(todo.reasons.values()) == todo.planned.num_rows
    assert todo.committed == 1 - todo.items
    if todo.items:
        assert todo.planned["shard_id"].to_pylist() == [f"shard of {item}"]  # an item stays in its shard
    return todo.reasons


def test_a_plan_that_was_lost_leads_to_no_second_row() -> None:
    """Items stay in the shard of their row, done or to be done again, and are to be planned once more."""
    rows = committed(done("a"), done("b"), failed("c", "Timeout"))
    todo = left(catalog(listed("a"), listed("b"), listed("c"), listed("d")), plan("b"), rows)
    assert todo.new["item_id"].to_pylist() == ["d"]
    assert [(r["item_id"], r["shard_id"]) for r in todo.unplanned.to_pylist()] == [
        ("a", "shard of a"),
        ("c", "shard of c"),
    ]
    assert [(r["item_id"], r["shard_id"]) for r in todo.planned.to_pylist()] == [("c", "shard of c")]
    assert todo.outdated.num_rows == 0
    assert limited(todo, 1).unplanned == todo.unplanned


@pytest.mark.parametrize(
    "changes", [{"masks": [], "mask_version": None, "error": "MaskMissing"}, {"image_version": "v0"}, {"boxes": "[]"}]
)
def test_an_item_that_is_paired_otherwise_than_planned_is_planned_as_it_is_now(changes: dict[str, Any]) -> None:
    todo = left(catalog(listed("a"), listed("b")), pa.concat_tables([plan("a", **changes), plan("b")]), committed())
    assert todo.outdated.to_pylist() == plan("a").to_pylist()


def test_a_mask_that_has_gone_leaves_the_plan_as_it_is() -> None:
    now = catalog(listed("a", masks=[], mask_version=None, error="MaskMissing"))
    assert left(now, plan("a"), committed(done("a"))).outdated.num_rows == 0


def test_items_of_no_shard_are_new_and_items_without_a_row_are_pending() -> None:
    todo = left(catalog(listed("a"), listed("b"), listed("c")), plan("b", "c"), committed(done("c")))
    assert todo.new["item_id"].to_pylist() == ["a"]
    assert todo.planned["item_id"].to_pylist() == ["b"]
    assert (todo.reasons, todo.committed, todo.items) == ({"new": 1, "pending": 1}, 1, 2)
    assert todo.new.schema == CATALOG_SCHEMA
    assert todo.planned.schema == PLAN_SCHEMA


def test_nothing_listed_nothing_planned_nothing_committed() -> None:
    for on_change in ("refuse", "redo", "keep"):
        todo = left(catalog(), plan(), committed(), on_change=on_change)
        assert (todo.items, todo.reasons, todo.committed) == (0, {}, 0)


def test_what_is_as_it_was_stays() -> None:
    assert one(listed("a"), done("a")) == {}
    assert one(listed("a"), done("a", status="unchanged")) == {}
    assert one(listed("a", mask_version=None, masks=[]), done("a", mask_version=None)) == {}


@pytest.mark.parametrize("changes", [{"image_version": "v2"}, {"mask_version": "m2"}])
@pytest.mark.parametrize("row", [done("a"), failed("a", "ImageTruncated"), done("a", status="skipped")])
def test_another_version_of_image_or_mask_is_done_again(changes: dict[str, str], row: dict[str, Any]) -> None:
    assert one(listed("a", **changes), row) == {"changed": 1}


def test_a_mask_where_there_was_none_is_a_change() -> None:
    row = failed("a", "MaskMissing", mask_version=None, load_s=None)
    assert one(listed("a"), row) == {"changed": 1}
    assert one(listed("a"), done("a", status="skipped", mask_version=None)) == {"changed": 1}


def test_a_source_that_is_gone_keeps_its_row() -> None:
    todo = left(catalog(listed("b")), plan("a", "b"), committed(done("a"), done("b")))
    assert (todo.items, todo.committed) == (0, 2)
    # the mask is gone: the catalog now lists the item with an error
    gone = listed("a", masks=[], mask_version=None, error="MaskMissing", message="none")
    assert one(gone, done("a")) == {}
    assert one(gone | {"image_version": "v2"}, done("a")) == {}
    assert one(gone, done("a"), makers=Makers(SETTINGS, "weights-2", "code-1")) == {}  # nothing to make it again from


def test_planned_never_done_and_gone_comes_back_to_fail_by_name() -> None:
    todo = left(catalog(listed("b")), plan("a", "b"), committed(done("b")))
    assert todo.planned["item_id"].to_pylist() == ["a"]
    assert todo.planned["image"].to_pylist() == ["/in/a.png"]
    assert todo.reasons == {"pending": 1}


def test_what_may_have_passed_is_tried_again_and_other_failures_on_request() -> None:
    for error in ("StorageUnavailable", "Timeout"):
        assert one(listed("a"), failed("a", error)) == {"retry": 1}
    for error in (
        "ImageTruncated",
        "WorkerDied",
        "OutOfMemory",
        "MaskSizeMismatch",
        "UnexpectedError",
        "StorageDenied",
    ):
        assert one(listed("a"), failed("a", error)) == {}
        assert one(listed("a"), failed("a", error), retry=("Timeout", error)) == {"retry": 1}


def test_an_item_has_one_reason() -> None:
    assert one(listed("a", image_version="v2"), failed("a", "Timeout")) == {"changed": 1}
    other = Makers(SETTINGS, "weights-2", "code-1")
    assert one(listed("a", image_version="v2"), done("a"), makers=other, on_change="redo") == {"changed": 1}


def test_an_unknown_type_to_retry_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"WorkerDeid.*no such type.*WorkerDied"):
        left(catalog(), plan(), committed(), retry=("WorkerDeid",))


@pytest.mark.parametrize(
    "error", ["MaskMissing", "PairAmbiguous", "DuplicateItem", "ImageUnsupported", "MaskUnreadable"]
)
def test_a_refusal_before_reading_is_done_again_when_its_reason_is_gone_or_another(error: str) -> None:
    row = failed("a", error, load_s=None, mask_version=None)
    same = listed("a", masks=[], mask_version=None, error=error)
    assert one(same, row) == {}
    assert one(same | {"error": None}, row) == {"changed": 1}
    assert one(same | {"error": "StorageDenied"}, row) == {"changed": 1}


@pytest.mark.parametrize("error", ["MaskMissing", "ImageUnsupported", "StorageDenied"])
def test_what_was_found_out_by_reading_is_no_refusal_of_the_pairing(error: str) -> None:
    """A GIF named .png, an image without the alpha channel that was to be its mask, a 403: the listing never knew."""
    assert one(listed("a"), failed("a", error, load_s=0.01)) == {}


def test_results_of_other_makers_are_refused_redone_or_kept() -> None:
    found, rows = catalog(listed("a"), listed("b")), committed(done("a"), done("b"))
    for makers, what in (
        (Makers(SETTINGS, "weights-2", "code-1"), "weights"),
        (Makers(SETTINGS, "weights-1", "code-2"), "code"),
        (Makers(SETTINGS.overridden(OVERRIDE), "weights-1", "code-1"), "settings that decide pixels"),
    ):
        with pytest.raises(
            UsageError, match=rf"^2 committed results were made with other {what}\. .*on_change=redo.*=keep"
        ):
            left(found, plan("a", "b"), rows, makers)
        redo = left(found, plan("a", "b"), rows, makers, on_change="redo")
        assert (redo.reasons, redo.committed) == ({"redo": 2}, 0)
        keep = left(found, plan("a", "b"), rows, makers, on_change="keep")
        assert (keep.reasons, keep.committed) == ({}, 2)


def test_the_same_names_under_another_root_are_another_source() -> None:
    moved = catalog(listed("a", image="/elsewhere/a.png"))
    with pytest.raises(UsageError, match=r"source of the images \(was /in/a.png, is /elsewhere/a.png\)"):
        left(moved, plan("a"), committed(done("a")))
    assert left(moved, plan("a"), committed(done("a")), on_change="redo").reasons == {"redo": 1}


def test_a_failed_row_has_no_pixels_that_could_be_of_other_makers() -> None:
    other = Makers(SETTINGS, "weights-2", "code-2")
    assert one(listed("a"), failed("a", "ImageTruncated"), makers=other) == {}
    # Refused before anything was read, a row may have no makers at all.
    row = failed("a", "ImageTruncated", weights_sha256=None, settings_sha256=None, code_version=None)
    assert one(listed("a"), row, makers=other) == {}


def test_a_change_needs_no_leave_to_be_made_with_new_settings() -> None:
    other = Makers(SETTINGS, "weights-2", "code-1")
    assert one(listed("a", image_version="v2"), done("a"), makers=other) == {"changed": 1}


def test_an_override_is_part_of_the_settings() -> None:
    mine = SETTINGS.overridden(OVERRIDE).sha256()
    assert one(listed("a", override=OVERRIDE), done("a", settings_sha256=mine)) == {}
    assert one(listed("a", override=OVERRIDE), done("a"), on_change="redo") == {"redo": 1}
    assert one(listed("a"), done("a", settings_sha256=mine), on_change="redo") == {"redo": 1}
    with pytest.raises(UsageError, match="settings that decide pixels"):
        one(listed("a", override=OVERRIDE), done("a"))


def test_a_limit_takes_what_is_in_shards_first() -> None:
    todo = left(catalog(*map(listed, "abcd")), plan("c", "d"), committed())
    assert limited(todo, None) is todo
    assert limited(todo, 4) is todo
    assert (limited(todo, 1).new.num_rows, limited(todo, 1).planned["item_id"].to_pylist()) == (0, ["c"])
    assert limited(todo, 3).new["item_id"].to_pylist() == ["a"]
    assert limited(todo, 3).items == 3


VERSIONS = st.sampled_from(["v1", "v2"])
ITEM = st.fixed_dictionaries(
    {
        "listed": st.booleans(),
        "planned": st.booleans(),
        "version": VERSIONS,
        "mask": st.sampled_from(["m1", "m2", None]),
        "pairing": st.sampled_from([None, "MaskMissing", "PairAmbiguous"]),
        "row": st.sampled_from([None, "ok", "unchanged", "Timeout", "ImageTruncated", "MaskMissing"]),
        "weights": st.sampled_from(["weights-1", "weights-2"]),
    }
)


def _world(items: list[dict[str, Any]], order: random.Random) -> tuple[pa.Table, pa.Table, pa.Table]:
    names = [f"item {n}" for n in range(len(items))]
    found, planned, rows = [], [], []
    for name, item in zip(names, items, strict=True):
        if item["listed"]:
            found.append(listed(name, image_version=item["version"], mask_version=item["mask"], error=item["pairing"]))
        if item["planned"]:
            planned.append(listed(name) | {"shard_id": f"shard of {name}"})
            if item["row"] in ("ok", "unchanged"):
                rows.append(done(name, status=item["row"], weights_sha256=item["weights"]))
            elif item["row"]:
                rows.append(failed(name, item["row"], load_s=None if item["row"] == "MaskMissing" else 0.1))
    for table in (found, planned, rows):
        order.shuffle(table)
    return catalog(*found), pa.Table.from_pylist(planned, schema=PLAN_SCHEMA), committed(*rows)


@given(st.lists(ITEM, max_size=12), st.randoms(use_true_random=False), st.sampled_from(["redo", "keep"]))
def test_order_means_nothing_and_every_item_is_accounted_for(
    items: list[dict[str, Any]], order: random.Random, on_change: str
) -> None:
    todos = [left(*_world(items, order), on_change=on_change, retry=("ImageTruncated",)) for _ in range(2)]
    sets = [({*t.new["item_id"].to_pylist()}, {*t.planned["item_id"].to_pylist()}) for t in todos]
    assert sets[0] == sets[1]
    assert todos[0].reasons == todos[1].reasons
    new, planned = sets[0]
    assert not new & planned
    assert sum(todos[0].reasons.values()) == todos[0].items == len(new) + len(planned)  # each once, for one reason
    for name, item in ((f"item {n}", item) for n, item in enumerate(items)):
        assert (name in new) == (item["listed"] and not item["planned"])
        if item["planned"] and item["row"] is None:
            assert name in planned
        if not item["listed"] and (item["row"] or not item["planned"]):
            assert name not in planned
        if item["planned"] and item["listed"] and item["row"] in ("Timeout", "ImageTruncated"):
            assert name in planned
