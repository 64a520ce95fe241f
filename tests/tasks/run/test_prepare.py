import json
import os
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from models.settings import ModelSettings
from tasks.catalog.plan_file import read_plan
from tasks.catalog.schema import PLAN_SCHEMA
from tasks.catalog.settings import SourceSettings
from tasks.errors import UsageError
from tasks.publish.commit import commit_shard
from tasks.run import prepare as module
from tasks.run.prepare import MAX_SHARD_ITEMS, Prepared, commit_plan, items_in_shard, prepare, within, works
from tasks.run.settings import ItemSettings, RuntimeSettings
from tasks.store.objects import Store


def listing(root: Path, *names: str) -> None:
    """Files that can be listed; none is read."""
    for name in names:
        for folder in ("images", "masks"):
            path = root / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")


def prepared(root: Path, sink: str | None = None, images: str | None = None, **options: Any) -> Prepared:
    given: dict[str, Any] = {
        "source": SourceSettings(),
        "items": ItemSettings(),
        "runtime": RuntimeSettings(),
        "on_change": "refuse",
        "retry": (),
        "limit": None,
        "restorers": 1,
    }
    store = Store(sink or str(root / "sink"))
    return prepare(images or str(root / "images"), str(root / "masks"), store, **{**given, **options})


def test_preparing_writes_nothing(tmp_path: Path) -> None:
    listing(tmp_path, "a.png", "b/c.png")
    found = prepared(tmp_path)
    assert found.todo.items == found.new.num_rows == 2
    assert found.new.schema == PLAN_SCHEMA
    assert found.shards == 2
    assert found.weights.name == "lama-small"
    assert not (tmp_path / "sink").exists()


def test_what_is_planned_is_planned_once(tmp_path: Path) -> None:
    listing(tmp_path, "a.png", "b.png")
    store = Store(str(tmp_path / "sink"))
    work = commit_plan(prepared(tmp_path, runtime=RuntimeSettings(shard_items=2)), store)
    assert work.num_rows == 2
    listing(tmp_path, "c.png")
    again = prepared(tmp_path)
    assert again.todo.reasons == {"new": 1, "pending": 2}
    assert again.shards == 2
    more = commit_plan(again, store)
    assert sorted(more["output"].to_pylist()) == ["a.png", "b.png", "c.png"]
    assert read_plan(store).num_rows == 3
    assert prepared(tmp_path).todo.reasons == {"pending": 3}
    assert commit_plan(prepared(tmp_path), store).num_rows == 3
    assert read_plan(store).num_rows == 3


def test_a_plan_that_was_lost_or_is_out_of_date_is_mended(tmp_path: Path) -> None:
    listing(tmp_path, "a.png", "b.png")
    (tmp_path / "masks/b.png").unlink()
    store = Store(str(tmp_path / "sink"))
    (shard,) = set(
        commit_plan(prepared(tmp_path, runtime=RuntimeSettings(shard_items=2)), store)["shard_id"].to_pylist()
    )
    assert read_plan(store)["error"].to_pylist() == [None, "MaskMissing"]
    listing(tmp_path, "b.png")
    commit_plan(prepared(tmp_path), store)
    assert read_plan(store)["error"].to_pylist() == [None, None]
    ids = read_plan(store)["item_id"].to_pylist()
    commit_shard(store, shard, [{"item_id": item, "status": "ok", "output": item} for item in ids], [])
    for path in (tmp_path / "sink/plan").iterdir():
        path.unlink()
    commit_plan(prepared(tmp_path, on_change="keep"), store)
    assert dict(zip(*(read_plan(store)[c].to_pylist() for c in ("item_id", "shard_id")), strict=True)) == dict.fromkeys(
        ids, shard
    )
    files = sorted((tmp_path / "sink/plan").iterdir())
    commit_plan(prepared(tmp_path, on_change="keep"), store)
    assert sorted((tmp_path / "sink/plan").iterdir()) == files


def test_two_runs_at_once_plan_each_item_once(tmp_path: Path) -> None:
    """They list at different moments, so their shards overlap in part; each item ends up in one shard, in both runs."""
    store = Store(str(tmp_path / "sink"))
    listing(tmp_path, *(f"{n:02}.png" for n in range(10)))
    first = prepared(tmp_path, runtime=RuntimeSettings(shard_items=4))
    listing(tmp_path, *(f"{n:02}.png" for n in range(10, 15)))
    second = prepared(tmp_path, runtime=RuntimeSettings(shard_items=3))
    work: dict[int, pa.Table] = {}
    threads = [
        threading.Thread(target=lambda n=n, p=p: work.__setitem__(n, commit_plan(p, store)))
        for n, p in enumerate((first, second))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    plan = read_plan(store)
    assert plan.num_rows == len(set(plan["item_id"].to_pylist())) == 15
    where = dict(zip(plan["item_id"].to_pylist(), plan["shard_id"].to_pylist(), strict=True))
    assert [work[n].num_rows for n in (0, 1)] == [10, 15]
    for table in work.values():
        assert table["item_id"].num_chunks
        found = dict(zip(table["item_id"].to_pylist(), table["shard_id"].to_pylist(), strict=True))
        assert found.items() <= where.items()


def test_the_work_comes_shard_by_shard_and_each_item_once(tmp_path: Path) -> None:
    listing(tmp_path, *(f"{n:03}.png" for n in range(25)))
    table = prepared(tmp_path, runtime=RuntimeSettings(shard_items=4)).new
    shuffled = table.take(pc.sort_indices(table["item_id"]))
    found = list(works(shuffled))
    assert [len(work.items) for work in found].count(4) == 6
    assert len({work.shard_id for work in found}) == len(found) == 7
    specs = [spec for work in found for spec in work.items]
    assert sorted(spec.output for spec in specs) == [f"{n:03}.png" for n in range(25)]
    for work in found:
        assert [s.output for s in work.items] == sorted(s.output for s in work.items)
    shard_of = dict(zip(table["item_id"].to_pylist(), table["shard_id"].to_pylist(), strict=True))
    assert all(shard_of[spec.item_id] == work.shard_id for work in found for spec in work.items)
    assert specs[0].masks == (specs[0].image.replace("/images/", "/masks/"),)
    assert list(works(table.slice(0, 0))) == []


def test_the_work_is_made_when_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing(tmp_path, *(f"{n}.png" for n in range(6)))
    table = prepared(tmp_path, runtime=RuntimeSettings(shard_items=2)).new
    made: list[str] = []
    real = module.ItemSpec.from_row
    monkeypatch.setattr(module.ItemSpec, "from_row", lambda row: made.append(row["item_id"]) or real(row))
    stream = works(table)
    assert made == []
    next(stream)
    assert len(made) == 2
    assert sum(len(work.items) for work in stream) == 4
    assert len(made) == len(set(made)) == 6


def test_small_runs_have_small_shards_and_large_runs_shards_that_are_full() -> None:
    auto = RuntimeSettings()
    assert items_in_shard(auto, 0, 4) == 1
    assert items_in_shard(auto, 7, 2) == 1
    assert items_in_shard(auto, 80, 2) == 10
    assert items_in_shard(auto, 10**7, 8) == MAX_SHARD_ITEMS
    assert items_in_shard(RuntimeSettings(shard_items=33), 10**7, 8) == 33


def test_committed_rows_are_compared_with_the_listing(tmp_path: Path) -> None:
    listing(tmp_path, "a.png", "b.png")
    store = Store(str(tmp_path / "sink"))
    first = prepared(tmp_path)
    (a, b) = commit_plan(first, store).sort_by("output").to_pylist()
    row = {"settings_sha256": ItemSettings().sha256(), "weights_sha256": first.weights.sha256, "load_s": 0.1}
    row |= {"code_version": module.code_version(), "status": "ok"}
    keys = ("item_id", "image", "image_version", "mask_version")
    commit_shard(store, a["shard_id"], [{**{k: a[k] for k in keys}, **row}], [])
    commit_shard(
        store, b["shard_id"], [{**{k: b[k] for k in keys}, **row, "status": "failed", "error": "OutOfMemory"}], []
    )
    assert prepared(tmp_path).todo.items == 0
    assert prepared(tmp_path, retry=("OutOfMemory",)).todo.reasons == {"retry": 1}
    assert prepared(tmp_path, retry=("OutOfMemory",), limit=1).shards == 1
    with pytest.raises(UsageError, match="made with other settings"):
        prepared(tmp_path, items=ItemSettings().overridden('{"fill.context": 4}'), images=f"file://{tmp_path}/images")
    (tmp_path / "images/a.png").write_bytes(b"other")
    assert prepared(tmp_path).todo.planned["image_version"].to_pylist() != [a["image_version"]]


def test_an_impossible_override_is_refused_with_its_image(tmp_path: Path) -> None:
    listing(tmp_path / "in", "a.png")
    line = {"image": "images/a.png", "mask": "masks/a.png"}
    for override, said in (({"mask": {"dilate": 1}}, "mask.dilate"), ({"model.name": "big-lama"}, "generator")):
        (tmp_path / "in/list.jsonl").write_text(json.dumps({**line, "override": override}))
        with pytest.raises(UsageError, match=rf"(?s)override of .*a\.png.*{said}"):
            prepare(
                str(tmp_path / "in/list.jsonl"),
                None,
                Store(str(tmp_path / "sink")),
                source=SourceSettings(),
                items=ItemSettings(),
                runtime=RuntimeSettings(),
                on_change="refuse",
                retry=(),
                limit=None,
                restorers=1,
            )


def test_unknown_weights_and_a_sink_that_cannot_be_are_wrong_usage(tmp_path: Path) -> None:
    listing(tmp_path, "a.png")
    with pytest.raises(UsageError, match=r"model\.name: .*lama-small"):
        prepared(tmp_path, items=ItemSettings(model=ModelSettings(name="unheard-of")))
    with pytest.raises(UsageError, match="--out"):
        prepared(tmp_path, sink="nowhere-protocol://x")


OVERLAPS = {
    "the source itself": "images",
    "inside the source": "images/restored",
    "around the source": ".",
    "the masks": "masks",
    "with slashes": "images//restored/",
    "with dots": "elsewhere/../images/x",
}


@pytest.mark.parametrize("place", OVERLAPS.values(), ids=OVERLAPS)
@pytest.mark.parametrize("spelling", ["{}", "file://{}", "local://{}", "{}/"])
def test_a_sink_in_a_source_is_refused(tmp_path: Path, place: str, spelling: str) -> None:
    listing(tmp_path, "a.png")
    for images in (str(tmp_path / "images"), f"file://{tmp_path}/images/", f"{tmp_path}/images/*.png"):
        with pytest.raises(UsageError, match="overlap"):
            prepared(tmp_path, sink=spelling.format(f"{tmp_path}/{place}"), images=images)


def test_a_sink_in_a_source_by_a_link_is_refused(tmp_path: Path) -> None:
    listing(tmp_path / "real", "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "into").symlink_to(tmp_path / "real/images")
    (tmp_path / "images").symlink_to(tmp_path / "real/images")
    (tmp_path / "masks").symlink_to(tmp_path / "real/masks")
    for images in (tmp_path / "real/images", tmp_path / "link/images", tmp_path / "images"):
        for sink in (tmp_path / "into/new", tmp_path / "link/images/new", tmp_path / "real", tmp_path / "link"):
            with pytest.raises(UsageError, match="overlap"):
                prepared(tmp_path, sink=str(sink), images=str(images))


def test_beside_is_not_within(tmp_path: Path) -> None:
    listing(tmp_path, "a.png")
    for sink in ("images2", "images.restored", "mask", "sink/images"):
        assert prepared(tmp_path, sink=str(tmp_path / sink)).todo.items == 1


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("s3://bucket/a/b", "s3://bucket/a/", True),
        ("s3://bucket/a", "s3://bucket/a/", True),
        ("s3://bucket/ab", "s3://bucket/a/", False),
        ("s3://other/a/b", "s3://bucket/a/", False),
        ("s3a://bucket/a/b", "s3://bucket/a/", True),
        ("S3://bucket/a/b", "s3://bucket/a/", True),
        ("s3://bucket//a/b", "s3://bucket/a/", True),
        ("gcs://bucket/a", "gs://bucket/", True),
        ("gs://bucket/a", "s3://bucket/", False),
        ("/s3/bucket/a", "s3://bucket/a/", False),
        ("/a/b", "/", True),
        ("/a b/c", "/a", False),
        ("relative/x", f"{os.getcwd()}/relative/", True),  # noqa: PTH109
    ],
)
def test_within(inner: str, outer: str, expected: bool) -> None:
    assert within(inner, outer) is expected
