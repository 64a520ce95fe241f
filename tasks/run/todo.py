"""What is left to do: the catalog as it is now, against what is planned and what is committed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from tasks.catalog.schema import PLAN_SCHEMA
from tasks.errors import ERROR_TYPES, StorageUnavailable, Timeout, UsageError, WorkerDied
from tasks.run.settings import ItemSettings

# What may have passed by itself is tried again in every run.
ALWAYS_RETRIED = (StorageUnavailable.__name__, Timeout.__name__)
COMMITTED_COLUMNS = [
    "item_id",
    "shard_id",
    "image",
    "image_version",
    "mask_version",
    "status",
    "error",
    "weights_sha256",
    "settings_sha256",
    "code_version",
    "load_s",
]

_SETTINGS, _WEIGHTS, _CODE = "settings that decide pixels", "weights", "code"


@dataclass(frozen=True)
class Makers:
    """What made, or would make, the pixels of a result row."""

    settings: ItemSettings
    weights_sha256: str
    code_version: str

    def settings_column(self, overrides: pa.ChunkedArray) -> pa.Array:
        """`settings_sha256` of each item, its override included."""
        digests = {o: self.settings.overridden(o).sha256() for o in pc.unique(overrides).to_pylist()}
        return pa.array([digests[o] for o in overrides.to_pylist()], pa.string())


@dataclass(frozen=True)
class Todo:
    """The work of a run. Tables have the catalog's columns, `planned` the shard_id too."""

    new: pa.Table  # in no shard yet
    planned: pa.Table  # in a shard, to be done or done again
    committed: int  # rows that stay as they are
    reasons: Mapping[str, int] = field(default_factory=dict)  # why each of `new` and `planned` is to be done
    unplanned: pa.Table = field(default_factory=PLAN_SCHEMA.empty_table)  # in a shard by their row, in no plan any more
    outdated: pa.Table = field(
        default_factory=PLAN_SCHEMA.empty_table
    )  # as they are now; the plan pairs them otherwise

    @property
    def items(self) -> int:
        """How many items are to be done."""
        return int(self.new.num_rows + self.planned.num_rows)


@dataclass(frozen=True)
class _Otherwise:
    """Results that were made otherwise than they would be now: how many, in what, and the first image from another root."""

    count: int
    kinds: frozenset[str]
    moved: tuple[str, str] | None = None  # is, was


def what_is_left(
    catalog: pa.Table, plan: pa.Table, committed: pa.Table, makers: Makers, *, retry: tuple[str, ...], on_change: str
) -> Todo:
    """Compare by item_id; vectorised, a million items take seconds.

    To be done: items in no shard (`new`); in a shard without a row (`pending`); whose original or mask has another version,
    or whose pairing no longer fails (`changed`); failed with a type to be retried (`retry`); made by other settings, weights,
    code or from another root when `on_change` is `redo` (`redo`). A source that is gone keeps its row; an item that was
    planned and never done gets one. Raises UsageError for an unknown type in `retry`, and when results were made otherwise
    and `on_change` is `refuse`.
    """
    return left_in_parts([(catalog, plan, committed)], makers, retry=retry, on_change=on_change)


def left_in_parts(
    parts: Iterable[tuple[pa.Table, pa.Table, pa.Table]], makers: Makers, *, retry: tuple[str, ...], on_change: str
) -> Todo:
    """As `what_is_left`, of catalog, plan and rows that come in parts, each item in one: only one part is in memory."""
    unknown = sorted(set(retry) - set(ERROR_TYPES))
    if unknown:
        raise UsageError(f"--retry {', '.join(unknown)}: no such type; there are {', '.join(ERROR_TYPES)}")
    found: list[Todo] = []
    differing: list[_Otherwise] = []
    for part in parts:
        todo, otherwise = _left(*part, makers, retry, on_change)
        found.append(todo)
        differing.append(otherwise)
    if on_change == "refuse" and any(each.count for each in differing):
        raise UsageError(_refusal(differing))
    return _together(found)


def _together(parts: list[Todo]) -> Todo:
    """One list of work of several, in the catalog's order."""
    reasons = Counter[str]()
    for part in parts:
        reasons.update(part.reasons)
    tables = [
        pa.concat_tables([getattr(part, name) for part in parts])
        for name in ("new", "planned", "unplanned", "outdated")
    ]
    if len(parts) > 1:
        tables = [table.sort_by([("output", "ascending"), ("item_id", "ascending")]) for table in tables]
    new, planned, unplanned, outdated = tables
    kept = {reason: count for reason, count in reasons.items() if count}
    return Todo(new, planned, sum(part.committed for part in parts), kept, unplanned, outdated)


def _left(
    catalog: pa.Table, plan: pa.Table, committed: pa.Table, makers: Makers, retry: tuple[str, ...], on_change: str
) -> tuple[Todo, _Otherwise]:
    planned = _Lookup(catalog["item_id"], plan)
    done = _Lookup(catalog["item_id"], committed)
    planned_in = planned["shard_id"]
    row = {name: done[name] for name in COMMITTED_COLUMNS}
    shard = pc.coalesce(planned_in, row["shard_id"])  # a plan that was lost must not lead to a second row
    is_new = pc.is_null(shard)
    has_row = pc.is_valid(row["item_id"])
    failed = pc.fill_null(pc.equal(row["status"], "failed"), False)
    changed = pc.and_(
        has_row,
        pc.or_(
            pc.and_(pc.is_valid(catalog["image_version"]), _differs(catalog["image_version"], row["image_version"])),
            pc.and_(pc.is_valid(catalog["mask_version"]), _differs(catalog["mask_version"], row["mask_version"])),
        ),
    )
    # A pairing that failed then and does not now, or fails in another way: the row no longer says what is so.
    changed = pc.or_(changed, pc.and_(_refused_unread(row), _differs(catalog["error"], row["error"])))
    # A mask that has gone since is a source that is gone: the row stays.
    gone = pc.and_(pc.is_valid(catalog["error"]), pc.and_(has_row, pc.invert(failed)))
    changed = pc.and_(changed, pc.invert(gone))
    again = pc.and_(failed, pc.is_in(row["error"], value_set=pa.array([*ALWAYS_RETRIED, *retry])))
    again = pc.and_(again, pc.invert(changed))
    otherwise = pc.and_(pc.and_(has_row, pc.invert(failed)), _made_otherwise(catalog, row, makers))
    otherwise = pc.and_(otherwise, pc.invert(pc.or_(changed, gone)))
    redo = otherwise if on_change == "redo" else pa.array([False] * catalog.num_rows, pa.bool_())
    pending = pc.and_(pc.invert(is_new), pc.invert(has_row))

    todo = pc.and_(pc.invert(is_new), pc.or_(pc.or_(pending, changed), pc.or_(again, redo)))
    in_shards = catalog.append_column("shard_id", shard)
    to_do = in_shards.filter(todo).cast(PLAN_SCHEMA)
    unplanned = in_shards.filter(pc.and_(pc.is_null(planned_in), pc.invert(is_new))).cast(PLAN_SCHEMA)
    outdated = in_shards.filter(pc.and_(_paired_otherwise(catalog, planned), pc.invert(gone))).cast(PLAN_SCHEMA)
    orphans = _never_done(catalog, plan, committed)
    reasons = Counter(
        new=_count(is_new),
        pending=_count(pending) + orphans.num_rows,
        changed=_count(changed),
        retry=_count(again),
        redo=_count(redo),
    )
    if orphans.num_rows:
        to_do = pa.concat_tables([to_do, orphans.select(to_do.schema.names)])
        to_do = to_do.sort_by([("output", "ascending"), ("item_id", "ascending")])
    new = catalog.filter(is_new)
    stay = committed.num_rows - _count(pc.and_(todo, has_row))
    return Todo(new, to_do, stay, reasons, unplanned, outdated), _in_what(catalog, row, otherwise, makers)


def limited(todo: Todo, limit: int | None) -> Todo:
    """At most `limit` items: those in shards first, then new ones, each in the catalog's order."""
    if limit is None or todo.items <= limit:
        return todo
    planned = todo.planned.slice(0, limit)
    return replace(todo, new=todo.new.slice(0, limit - planned.num_rows), planned=planned)


class _Lookup:
    """The values of a table's columns for each item_id, null where the table has no such item."""

    def __init__(self, item_ids: pa.ChunkedArray, table: pa.Table) -> None:
        self._table = table
        self._at = pc.index_in(item_ids.combine_chunks(), value_set=table["item_id"].combine_chunks())

    def __getitem__(self, column: str) -> pa.Array:
        return self._table[column].combine_chunks().take(self._at)


def _differs(a: pa.Array, b: pa.Array) -> pa.Array:
    """a != b, with null equal to null and to nothing else."""
    both = pc.fill_null(pc.not_equal(a, b), False)
    return pc.or_(both, pc.xor(pc.is_null(a), pc.is_null(b)))


def _paired_otherwise(catalog: pa.Table, planned: _Lookup) -> pa.Array:
    """Items that the plan has, with another pairing or version; other masks are another `mask_version`."""
    differs = pa.array([False] * catalog.num_rows, pa.bool_())
    for name in ("image", "output", "boxes", "override", "image_version", "mask_version", "error"):
        differs = pc.or_(differs, _differs(catalog[name].combine_chunks(), planned[name]))
    return pc.and_(differs, pc.is_valid(planned["item_id"]))


def _refused_unread(row: dict[str, pa.Array]) -> pa.Array:
    """Rows that failed by their pairing or their name. A type alone does not say so: a GIF that is named .png is found out by
    reading it, and stays as it is until it changes."""
    by_the_run = pa.array([WorkerDied.__name__, Timeout.__name__])
    refused = pc.and_(pc.equal(row["status"], "failed"), pc.invert(pc.is_in(row["error"], value_set=by_the_run)))
    return pc.fill_null(pc.and_(refused, pc.is_null(row["load_s"])), False)


def _made_otherwise(catalog: pa.Table, row: dict[str, pa.Array], makers: Makers) -> pa.Array:
    differs = _differs(row["settings_sha256"], makers.settings_column(catalog["override"]))
    differs = pc.or_(differs, pc.not_equal(row["weights_sha256"], makers.weights_sha256))
    differs = pc.or_(differs, pc.not_equal(row["code_version"], makers.code_version))
    return pc.fill_null(pc.or_(differs, pc.not_equal(row["image"], catalog["image"])), False)


def _in_what(catalog: pa.Table, row: dict[str, pa.Array], otherwise: pa.Array, makers: Makers) -> _Otherwise:
    """How the results that were made otherwise differ."""
    part = catalog.filter(otherwise)
    if not part.num_rows:
        return _Otherwise(0, frozenset())
    kept = {name: values.filter(otherwise) for name, values in row.items()}
    kinds = set()
    if pc.any(_differs(kept["settings_sha256"], makers.settings_column(part["override"]))).as_py():
        kinds.add(_SETTINGS)
    if pc.any(pc.not_equal(kept["weights_sha256"], makers.weights_sha256)).as_py():
        kinds.add(_WEIGHTS)
    if pc.any(pc.not_equal(kept["code_version"], makers.code_version)).as_py():
        kinds.add(_CODE)
    moved = pc.fill_null(pc.not_equal(kept["image"], part["image"]), False)
    if not pc.any(moved).as_py():
        return _Otherwise(part.num_rows, frozenset(kinds))
    now, was = part["image"].filter(moved).combine_chunks(), kept["image"].filter(moved)
    first = pc.sort_indices(now)[0].as_py()
    return _Otherwise(part.num_rows, frozenset(kinds), (now[first].as_py(), was[first].as_py()))


def _refusal(differing: list[_Otherwise]) -> str:
    """Which of settings, weights, code or root differ, and what to do."""
    kinds = [kind for kind in (_SETTINGS, _WEIGHTS, _CODE) if any(kind in each.kinds for each in differing)]
    moved = sorted(each.moved for each in differing if each.moved)
    if moved:
        kinds.append(f"the source of the images (was {moved[0][1]}, is {moved[0][0]})")
    return (
        f"{sum(each.count for each in differing)} committed results were made with other {', '.join(kinds)}. Say --set "
        "output.on_change=redo to make them again, --set output.on_change=keep to keep them and do only what is left, or "
        "choose another --out"
    )


def _never_done(catalog: pa.Table, plan: pa.Table, committed: pa.Table) -> pa.Table:
    """Planned items that have neither a row nor, any more, a source: they fail by name instead of vanishing."""
    known = pa.concat_arrays([catalog["item_id"].combine_chunks(), committed["item_id"].combine_chunks()])
    return plan.filter(pc.invert(pc.is_in(plan["item_id"], value_set=known)))


def _count(flags: pa.Array) -> int:
    return int(pc.sum(flags).as_py() or 0)
