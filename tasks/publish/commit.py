"""Commit of a shard: outputs are there already; first the holes file, then the results file. The results file decides.

A reader joins holes to results by `commit_id`. The holes file holds the rows of the commit in force and of those that are
about to replace it, so at every moment, with any number of writers, each result row finds its holes.
"""

import io
import json
import uuid
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import UsageError
from tasks.publish.schema import HOLES_SCHEMA, RESULTS_SCHEMA, Row, to_table
from tasks.store.objects import Store

RESULTS, HOLES = "results", "holes"
BASES = b"lacuna.replaces"  # metadata of a holes file: JSON, announced commit -> the commit that it means to replace
TRIES = 100


class CommitConflict(RuntimeError):
    """Other runs kept rewriting the shard; nothing of it is lost, this run's rows are not in yet."""


def commit_shard(store: Store, shard_id: str, rows: list[Row], holes: list[Row]) -> str:
    """Merge `rows` (one per item, new ones win) and their `holes` into the shard's files; returns the new commit_id.

    Compare-and-swap on the results file: of two runs that commit at once, both sets of rows are kept. Idempotent.
    Raises CommitConflict, StorageDenied, StorageUnavailable.
    """
    path = f"{RESULTS}/{shard_id}.parquet"
    commit_id = uuid.uuid4().hex
    new_rows = to_table([{**row, "shard_id": shard_id, "commit_id": commit_id} for row in rows], RESULTS_SCHEMA)
    new_holes = to_table([{**hole, "commit_id": commit_id} for hole in holes], HOLES_SCHEMA)
    ours = pa.array(sorted({row["item_id"] for row in rows}), pa.string())
    for _ in range(TRIES):
        current = store.read_versioned(path)
        before = RESULTS_SCHEMA.empty_table() if current is None else read_table(current[0], path)
        in_force = before["commit_id"][0].as_py() if before.num_rows else ""
        if in_force == commit_id:
            return commit_id  # our write had succeeded though it was reported failed
        kept = before.filter(pc.invert(pc.is_in(before["item_id"], value_set=ours)))
        if not _announce_holes(store, shard_id, in_force, kept["item_id"], new_holes, commit_id):
            continue
        data = write_table(
            pa.concat_tables([_restamp(kept, commit_id), new_rows], promote_options="default").sort_by("item_id")
        )
        if store.create(path, data) if current is None else store.replace(path, data, current[1]):
            return commit_id
    raise CommitConflict(f"{path} was rewritten by others {TRIES} times while this run tried to commit")


def read_results(
    store: Store, shard_ids: Iterable[str] | None = None, columns: list[str] | None = None, check: bool = False
) -> pa.Table:
    """All committed result rows (or those of some shards), read a few files at a time.

    Damage is noticed in the columns that are read, with `check` in all. Raises UsageError, which names the file.
    """
    from concurrent.futures import ThreadPoolExecutor

    names = [f"{s}.parquet" for s in shard_ids] if shard_ids is not None else store.names(RESULTS)

    def read(name: str) -> pa.Table | None:
        path = f"{RESULTS}/{name}"
        found = store.read_versioned(path)
        if found is None:
            return None
        if check:
            read_table(found[0], store.url(path))
        return read_table(found[0], store.url(path), columns)

    schema = RESULTS_SCHEMA if columns is None else pa.schema([RESULTS_SCHEMA.field(c) for c in columns])
    with ThreadPoolExecutor(16) as pool:
        tables = [t for t in pool.map(read, (n for n in names if n.endswith(".parquet"))) if t is not None]
    return pa.concat_tables([schema.empty_table(), *tables], promote_options="default")


def read_holes(store: Store, shard_id: str) -> pa.Table:
    """The holes that belong to the shard's committed results."""
    results = read_results(store, [shard_id], ["commit_id"])
    found = store.read_versioned(f"{HOLES}/{shard_id}.parquet")
    if found is None or not results.num_rows:
        return HOLES_SCHEMA.empty_table()
    table = read_table(found[0], f"{HOLES}/{shard_id}.parquet")
    return table.filter(pc.equal(table["commit_id"], results["commit_id"][0]))


def read_all_holes(store: Store, results: pa.Table, columns: list[str]) -> pa.Table:
    """The holes of all committed `results` (of `read_results`, with `shard_id` and `commit_id`): these `columns`."""
    from concurrent.futures import ThreadPoolExecutor

    schema = pa.schema([HOLES_SCHEMA.field(name) for name in columns])
    shards = pc.unique(results["shard_id"]).to_pylist()
    commits = pc.unique(results["commit_id"])

    def read(shard_id: str) -> pa.Table:
        path = f"{HOLES}/{shard_id}.parquet"
        found = store.read_versioned(path)
        if found is None:
            return schema.empty_table()
        table = read_table(found[0], store.url(path))
        return (
            table.filter(pc.is_in(table["commit_id"], value_set=commits))
            .select([n for n in columns if n in table.schema.names])
            .replace_schema_metadata(None)
        )

    with ThreadPoolExecutor(16) as pool:
        return pa.concat_tables([schema.empty_table(), *pool.map(read, shards)], promote_options="default")


def read_table(data: bytes, name: str, columns: list[str] | None = None) -> pa.Table:
    """Parquet bytes -> table with those `columns` that are there: an older version wrote fewer.

    Raises UsageError, which names the file, when they are none.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        return file.read(columns and [name for name in columns if name in file.schema_arrow.names])
    except (pa.ArrowException, OSError) as error:
        both = ", with the results file of its name" if f"{HOLES}/" in name else ""
        raise UsageError(f"{name} is damaged: {error}. Move it away{both}: its items are then done again") from error


def write_table(table: pa.Table) -> bytes:
    """Table -> Parquet bytes, complete in memory: what is put is whole or not there. Each page has its checksum."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def _restamp(table: pa.Table, commit_id: str) -> pa.Table:
    column = pa.array([commit_id] * table.num_rows, pa.string())
    return table.set_column(table.schema.get_field_index("commit_id"), "commit_id", column)


def _announce_holes(
    store: Store, shard_id: str, in_force: str, kept: pa.ChunkedArray, new: pa.Table, commit_id: str
) -> bool:
    """Put the holes of the commit to come beside those in force; False when another writer came between.

    The file's metadata says which commit each announced one means to replace: one that means to replace a commit that is
    no longer in force has lost, and its rows go.
    """
    path = f"{HOLES}/{shard_id}.parquet"
    current = store.read_versioned(path)
    table = HOLES_SCHEMA.empty_table()
    try:
        table = table if current is None else read_table(current[0], path)
    except UsageError:
        if len(kept):
            raise  # their holes are in it
    bases = json.loads((table.schema.metadata or {}).get(BASES, b"{}"))
    live = {commit: base for commit, base in bases.items() if base == in_force and commit != commit_id}
    stays = pa.array([in_force, *live], pa.string())
    now = table.filter(pc.equal(table["commit_id"], in_force))
    carried = now.filter(pc.is_in(now["item_id"], value_set=kept.combine_chunks()))
    table = table.filter(pc.is_in(table["commit_id"], value_set=stays))
    parts = [part.replace_schema_metadata(None) for part in (table, _restamp(carried, commit_id), new)]
    data = write_table(
        pa.concat_tables(parts, promote_options="default").replace_schema_metadata(
            {BASES: json.dumps({**live, commit_id: in_force}).encode()}
        )
    )
    return store.create(path, data) if current is None else store.replace(path, data, current[1])
