"""What is to be done is the same with an index and without one, whatever happened to the sink before."""

import itertools
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from tasks.catalog.plan_file import read_plan
from tasks.catalog.settings import SourceSettings
from tasks.errors import StorageDenied, StorageUnavailable, UsageError
from tasks.publish.commit import commit_shard, read_results
from tasks.publish.provenance import code_version
from tasks.run import index, known
from tasks.run.index import PATH, ROW_COLUMNS, read_index
from tasks.run.job import ShardWork
from tasks.run.known import committed_rows, look, refresh_index
from tasks.run.prepare import Prepared, commit_plan, prepare, works
from tasks.run.settings import ItemSettings, RuntimeSettings
from tasks.store.objects import Store

WEIGHTS = "lama-small"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few items make an index, of several groups."""
    monkeypatch.setattr(known, "ANEW_SHARDS", 0)
    monkeypatch.setattr(index, "GROUP_ROWS", 10)


class Archive:
    """Images with masks on a disk, and a sink: what a history happens to."""

    def __init__(self, root: Path, rng: random.Random) -> None:
        self.root, self.rng, self.numbers = root, rng, itertools.count()
        self.store = Store(str(root / "sink"))
        self.names: list[str] = []
        self.moment = 1_700_000_000_000_000_000
        for folder in ("images", "masks"):
            (root / folder).mkdir()

    def add(self, count: int | None = None) -> None:
        for _ in range(self.rng.randint(1, 9) if count is None else count):
            name = f"{self.rng.randrange(100)} {next(self.numbers)}.png"
            self.names.append(name)
            self._touch(f"images/{name}")
            if self.rng.random() < 0.9:
                self._touch(f"masks/{name}")

    def change(self) -> None:
        for name in self.rng.sample(self.names, min(len(self.names), 3)):
            self._touch(f"{self.rng.choice(['images', 'masks'])}/{name}")

    def lose(self) -> None:
        for name in self.rng.sample(self.names, min(len(self.names), 1)):
            self.names.remove(name)
            (self.root / "images" / name).unlink(missing_ok=True)

    def _touch(self, path: str) -> None:
        self.moment += 1_000_000_000
        (self.root / path).touch()
        os.utime(self.root / path, ns=(self.moment, self.moment))

    def prepare(self, **options: Any) -> Prepared:
        given: dict[str, Any] = {"source": SourceSettings(), "items": ItemSettings(), "retry": (), "limit": None}
        given |= {"runtime": RuntimeSettings(shard_items=3), "on_change": "keep", "restorers": 1}
        return prepare(str(self.root / "images"), str(self.root / "masks"), self.store, **{**given, **options})

    def run(self, prepared: Prepared | None = None, share: float = 1.0) -> None:
        """A run that is killed after a share of its shards; its index is written where it comes to its end."""
        work = [*works(commit_plan(prepared or self.prepare(), self.store))]
        for shard in work[: round(len(work) * share)]:
            self.commit(shard)
        if share == 1.0:
            refresh_index(self.store)

    def commit(self, shard: ShardWork) -> None:
        rows = []
        for spec in shard.items:
            row: dict[str, Any] = {"item_id": spec.item_id, "image": spec.image, "image_version": spec.image_version}
            row |= {"mask_version": spec.mask_version, "weights_sha256": "w", "code_version": code_version()}
            error = spec.error or self.rng.choice([None, None, None, "Timeout", "ImageTruncated"])
            row |= {"status": "failed" if error else "ok", "error": error, "load_s": None if spec.error else 0.5}
            rows.append(row | {"settings_sha256": ItemSettings().sha256(), "output": None if error else spec.output})
        commit_shard(self.store, shard.shard_id, rows, [])

    def files(self, folder: str) -> list[Path]:
        return sorted((self.root / "sink" / folder).glob("*.*"))

    def delete(self, folder: str) -> None:
        for path in self.rng.sample(self.files(folder), min(1, len(self.files(folder)))):
            path.unlink()

    def damage(self) -> None:
        for path in self.files("index"):
            data = bytearray(path.read_bytes())
            data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
            path.write_bytes(data[: self.rng.choice([len(data), self.rng.randrange(len(data))])])

    def two_at_once(self) -> None:
        both = [self.prepare(), self.prepare()]
        for each in both:
            self.run(each, self.rng.choice([0.5, 1.0]))


def said(archive: Archive, **options: Any) -> Any:
    """All that planning finds out, or what it refuses by."""
    try:
        found = archive.prepare(**options)
    except UsageError as error:
        return str(error)
    tables = (found.new, found.todo.new, found.todo.planned, found.todo.unplanned, found.todo.outdated)
    return [table.to_pylist() for table in tables], found.todo.committed, found.todo.reasons, found.seen


HAPPENS: dict[str, Callable[[Archive], None]] = {
    "new items": Archive.add,
    "changed versions": Archive.change,
    "sources lost": Archive.lose,
    "a run": Archive.run,
    "a killed run": lambda archive: archive.run(share=0.5),
    "a redo": lambda archive: archive.run(archive.prepare(items=OTHER, on_change="redo")),
    "a retry": lambda archive: archive.run(archive.prepare(retry=("ImageTruncated",), limit=3)),
    "two at once": Archive.two_at_once,
    "index deleted": lambda archive: archive.delete("index"),
    "index damaged": Archive.damage,
    "results deleted": lambda archive: archive.delete("results"),
    "plan deleted": lambda archive: archive.delete("plan"),
}
OTHER = ItemSettings.model_validate({"mask": {"dilate_px": 9}})


@pytest.mark.parametrize("seed", range(8))
def test_planning_is_the_same_without_an_index(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    archive = Archive(tmp_path, rng)
    archive.add(12)
    archive.run()
    for _ in range(4):
        HAPPENS[rng.choice([*HAPPENS])](archive)
        for options in (
            {"limit": rng.choice([None, 2])},
            {"items": OTHER, "on_change": rng.choice(["refuse", "redo"])},
        ):
            by_index = said(archive, **options)
            rows = committed_rows(archive.store, ["item_id", "status", "width"])
            with monkeypatch.context() as patch:
                patch.setattr(known, "read_index", lambda store: None)
                assert by_index == said(archive, **options)
                assert rows.sort_by("item_id") == committed_rows(archive.store, rows.schema.names).sort_by("item_id")
    archive.run()
    assert look(archive.store).held


@pytest.mark.parametrize("seed", range(3))
def test_no_item_gets_a_second_row_whatever_runs_at_once(seed: int, tmp_path: Path) -> None:
    archive = Archive(tmp_path, random.Random(seed))
    archive.add(9)
    archive.run()
    for _ in range(3):
        archive.add()
        archive.change()
        archive.two_at_once()
    archive.run()
    rows, plan = read_results(archive.store), read_plan(archive.store)
    assert rows.num_rows == pc.count_distinct(rows["item_id"]).as_py() == plan.num_rows
    shards = dict(zip(plan["item_id"].to_pylist(), plan["shard_id"].to_pylist(), strict=True))
    assert all(shards[row["item_id"]] == row["shard_id"] for row in rows.to_pylist())


class Counting(Store):
    """A store that notes what is read of it."""

    def read_versioned(self, path: str) -> tuple[bytes, str] | None:
        READ.append(path)
        return super().read_versioned(path)


READ: list[str] = []


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    archive = Archive(tmp_path, random.Random(1))
    archive.add(30)
    archive.run()
    archive.add(2)
    work = [*works(commit_plan(archive.prepare(), archive.store))]
    archive.commit(work[0])
    archive.store = Counting(archive.store.root)
    READ.clear()
    found = archive.prepare()
    assert set(READ) == {f"results/{work[0].shard_id}.parquet"}
    assert found.todo.committed + found.todo.items == 32


def test_a_small_sink_has_no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "ANEW_SHARDS", 64)
    archive = Archive(tmp_path, random.Random(1))
    archive.add(9)
    archive.run()
    assert not archive.files("index")


def test_an_index_is_made_anew_only_when_it_pays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path, random.Random(1))
    archive.add(30)
    archive.run()
    assert not refresh_index(archive.store)
    archive.add(3)
    archive.run(share=0.99)
    monkeypatch.setattr(known, "ANEW_SHARE", 9.0)
    assert look(archive.store).outdated > 0 and not refresh_index(archive.store)
    monkeypatch.setattr(known, "ANEW_SHARE", 0.0)
    assert refresh_index(archive.store)
    assert look(archive.store).outdated == 0


def test_an_index_is_made_of_a_few_shards_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path, random.Random(1))
    archive.add(30)
    archive.run(share=0.99)
    monkeypatch.setattr(known, "BATCH_SHARDS", 3)
    archive.store = Counting(archive.store.root)
    READ.clear()
    assert refresh_index(archive.store)
    assert sorted(READ) == [f"results/{path.name}" for path in archive.files("results")]
    assert look(archive.store).outdated == 0
    assert committed_rows(archive.store, ["item_id"]).num_rows == 30


def test_a_file_that_changes_while_it_is_read_is_not_covered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path, random.Random(1))
    archive.add(9)
    archive.run(share=0.99)
    first = archive.files("results")[0]

    def in_between(store: Store, covers: Any, parts: Any) -> bool:
        assert first.stem not in covers.shards
        return write(store, covers, parts)

    write, real = known.write_index, known.look

    def looked(store: Store, most: int | None) -> Any:
        found = real(store, most)
        data = first.read_bytes()
        first.unlink()
        first.write_bytes(data)
        return found

    monkeypatch.setattr(known, "look", looked)
    monkeypatch.setattr(known, "write_index", in_between)
    assert refresh_index(archive.store)
    read = read_index(archive.store)
    assert read is not None and first.stem not in read.covers.shards


def test_a_store_that_lists_no_versions_has_no_index() -> None:
    store = Store("memory://known-without-versions")
    archived = {"item_id": "a", "status": "ok"}
    commit_shard(store, "s1", [archived], [])
    assert store.versions("results") == {"s1.parquet": ""}
    assert not refresh_index(store)
    assert committed_rows(store, ROW_COLUMNS).num_rows == 1


@pytest.mark.parametrize("error", [StorageDenied, StorageUnavailable])
def test_what_storage_does_to_the_index_stops_no_run(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(tmp_path, random.Random(1))
    archive.add(9)
    archive.run()

    def refused(*_: Any) -> None:
        raise error("no")

    monkeypatch.setattr(known, "read_index", refused)
    monkeypatch.setattr(known, "write_index", refused)
    assert look(archive.store).index is None
    assert not refresh_index(archive.store)
    assert archive.prepare().todo.committed == 9 - archive.prepare().todo.items
    assert (archive.root / "sink" / PATH).exists()
