"""Items of a catalog, column by column: a million of them are lists of strings, never a million objects."""

from array import array
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tasks.catalog.names import IMAGE_SUFFIXES, item_id, refusal, shown, suffix_of
from tasks.catalog.schema import CATALOG_SCHEMA
from tasks.errors import DuplicateItem, ImageUnreadable, ImageUnsupported, ItemError, MaskUnreadable, StorageDenied

_BATCH_ROWS = 65_536
_NAMED_AT_MOST = 5


class Masks:
    """Mask files that some item has: full URLs, versions, and what is wrong with a few of them."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.versions: list[str] = []
        self.problems: dict[int, str] = {}

    def add(self, url: str, version: str, problem: str = "") -> int:
        """Append a mask and return its number."""
        if not problem and shown(url) != url:
            problem = "has a name that is not UTF-8"
        if not problem and suffix_of(url) not in IMAGE_SUFFIXES:
            problem = f"is of a kind that is not supported ({suffix_of(url) or 'no suffix'})"
        if problem:
            self.problems[len(self.urls)] = problem
        self.urls.append(url)
        self.versions.append(version)
        return len(self.urls) - 1


class Items:
    """Items under one image root, each with masks, boxes, an override and a first error."""

    def __init__(self, prefix: str) -> None:
        """Start empty; `prefix + path` is the URL of an image."""
        self.prefix = prefix
        self.masks = Masks()
        self.paths: list[str] = []
        self.outputs: list[str] = []
        self.sizes = array("q")
        self.versions: list[str] = []
        self.urls: dict[int, str] = {}  # where it is not prefix + path: outside the root
        self.boxes: dict[int, str] = {}
        self.overrides: dict[int, str] = {}
        self.errors: dict[int, tuple[str, str]] = {}
        self._first_mask = array("q")
        self._more_masks: dict[int, list[int]] = {}
        self._dropped: set[int] = set()

    def __len__(self) -> int:
        return len(self.paths)

    def add(self, path: str, output: str, size: int = 0, version: str = "", problem: str = "") -> int:
        """Append an item and return its row; names and kinds that are refused become its error."""
        row = len(self.paths)
        self.paths.append(path)
        self.outputs.append(output)
        self.sizes.append(size)
        self.versions.append(version)
        self._first_mask.append(-1)
        refused = refusal(path) or (refusal(output) if output != path else None)
        if refused:
            self.fail(row, StorageDenied(f"{output if refusal(output) else path}: {refused}"))
        elif shown(path) != path or (output != path and shown(output) != output):
            self.fail(row, ImageUnreadable("the file's name is not UTF-8"))
        elif problem:
            self.fail(row, ImageUnreadable(problem))
        elif suffix_of(path) not in IMAGE_SUFFIXES:
            self.fail(row, ImageUnsupported(f"files of the suffix {suffix_of(path) or '(none)'} are not supported"))
        return row

    def fail(self, row: int, error: ItemError) -> None:
        """Set the item's error; the first one stays."""
        self.errors.setdefault(row, (type(error).__name__, shown(str(error))))

    def fail_all(self, rows: Iterator[int] | Sequence[int], error: ItemError) -> None:
        """Set one error for many items, sharing its text."""
        found = (type(error).__name__, shown(str(error)))
        for row in rows:
            self.errors.setdefault(row, found)

    def drop(self, row: int) -> None:
        """Take a row out of the table: it turned out to be no image."""
        self._dropped.add(row)

    def give_mask(self, row: int, mask: int) -> None:
        """Add a mask of `self.masks` to an item."""
        if self._first_mask[row] < 0:
            self._first_mask[row] = mask
        elif mask not in self.masks_of(row):
            self._more_masks.setdefault(row, []).append(mask)

    def set_masks(self, row: int, masks: Sequence[int]) -> None:
        """Replace an item's masks."""
        self._first_mask[row] = masks[0] if masks else -1
        self._more_masks.pop(row, None)
        if len(masks) > 1:
            self._more_masks[row] = list(masks[1:])

    def masks_of(self, row: int) -> list[int]:
        """Numbers of an item's masks."""
        first = self._first_mask[row]
        return [] if first < 0 else [first, *self._more_masks.get(row, ())]

    def has_mask(self, row: int) -> bool:
        """Whether an item has a mask."""
        return self._first_mask[row] >= 0

    def rows(self) -> Iterator[int]:
        """Rows that were not dropped."""
        return (row for row in range(len(self)) if row not in self._dropped)

    def fail_duplicates(self) -> None:
        """Make DuplicateItem of all items that share an output, whatever their error was."""
        first: dict[str, int] = {}
        shared: dict[str, list[int]] = {}
        for row in self.rows():
            other = first.setdefault(self.outputs[row], row)
            if other != row:
                shared.setdefault(self.outputs[row], [other]).append(row)
        for output, rows in shared.items():
            for row in rows:
                others = sorted(self._url(other) for other in rows if other != row)
                named = ", ".join(others[:_NAMED_AT_MOST]) + (", …" if len(others) > _NAMED_AT_MOST else "")
                self.errors.pop(row, None)
                self.fail(row, DuplicateItem(f"the output {output} is also that of {named}"))

    def table(self) -> pa.Table:
        """The catalog (CATALOG_SCHEMA), sorted by output, so that no listing's order is left in it."""
        rows = array("q", self.rows())
        names = pa.table(
            {
                "output": pa.array((shown(self.outputs[r]) for r in rows), pa.string(), size=len(rows)),
                "item_id": pa.array(
                    (item_id(self.paths[r], self.outputs[r]) for r in rows), pa.string(), size=len(rows)
                ),
            }
        )
        order = pc.sort_indices(names, sort_keys=[("output", "ascending"), ("item_id", "ascending")])
        names = names.take(order)
        batches = []
        for start in range(0, len(rows), _BATCH_ROWS):
            chosen = [rows[i] for i in order[start : start + _BATCH_ROWS].to_pylist()]
            batches.append(self._batch(chosen, names.slice(start, _BATCH_ROWS)))
        return pa.Table.from_batches(batches, CATALOG_SCHEMA)

    def _batch(self, rows: list[int], names: pa.Table) -> pa.RecordBatch:
        masks = [sorted(self.masks_of(row), key=self.masks.urls.__getitem__) for row in rows]
        for row, found in zip(rows, masks, strict=True):
            for mask in found if self.masks.problems else ():
                if mask in self.masks.problems:
                    self.fail(row, MaskUnreadable(f"{self.masks.urls[mask]} {self.masks.problems[mask]}"))
        errors = [self.errors.get(row, (None, None)) for row in rows]
        columns = {
            "item_id": names["item_id"].combine_chunks(),
            "image": [shown(self._url(row)) for row in rows],
            "masks": [[shown(self.masks.urls[m]) for m in found] for found in masks],
            "boxes": [self.boxes.get(row) for row in rows],
            "output": names["output"].combine_chunks(),
            "override": [self.overrides.get(row) for row in rows],
            "bytes": [self.sizes[row] for row in rows],
            "image_version": [self.versions[row] for row in rows],
            "mask_version": [";".join([self.masks.versions[m] for m in found]) if found else None for found in masks],
            "error": [error for error, _ in errors],
            "message": [message for _, message in errors],
        }
        arrays = [
            column if isinstance(column, pa.Array) else pa.array(column, field.type)
            for column, field in zip(columns.values(), CATALOG_SCHEMA, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=CATALOG_SCHEMA)

    def _url(self, row: int) -> str:
        return self.urls.get(row) or self.prefix + self.paths[row]
