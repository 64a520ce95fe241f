"""From a manifest's rows to items: paths checked against their roots, rows of one item united, versions looked up."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from tasks.catalog.boxes import boxes_json, read_boxes
from tasks.catalog.items import Items
from tasks.catalog.listing import IS_FOLDER, Entry, look_at, version_of
from tasks.catalog.manifest import Row, read_manifest
from tasks.catalog.names import output_name, refusal
from tasks.catalog.source import Source
from tasks.errors import ImageUnreadable, ItemError, MaskMissing, StorageDenied, UsageError
from tasks.store.filesystems import open_url, protocol_of
from tasks.store.retry import DEFAULT_POLICY, persist

_THREADS = 16
_IN_FLIGHT = 1024


def manifest_items(source: Source, mask_root: Source | None, *, with_masks: bool, with_boxes: bool) -> Items:
    """Items of a manifest.

    Args:
        source: the manifest, with the root of its images.
        mask_root: relative masks lie here; None: under the root of the images.
        with_masks: read the column `mask`.
        with_boxes: read the column `boxes`; an item without valid ones is MaskMissing.

    Raises:
        UsageError: a malformed manifest, or two rows of one item with different overrides.
        StorageUnavailable: the storage does not answer.
    """
    items = Items(source.prefix)
    rows: dict[tuple[str, str], int] = {}
    boxes: dict[int, list[tuple[int, int, int, int]]] = {}
    masks: dict[str, int] = {}
    for each in read_manifest(source.rest):
        try:
            row = _item(items, rows, each, source)
            if with_masks:
                _give_masks(items, row, each, [mask_root, source] if mask_root else [source], masks)
        except UsageError as error:
            raise UsageError(f"{each.where}: {error}") from None
        if with_boxes:
            try:
                boxes.setdefault(row, []).extend(read_boxes(each.boxes))
            except MaskMissing as error:
                items.fail(row, error)
    for row, found in boxes.items():
        if found:
            items.boxes[row] = boxes_json(found)
    _look_up_images(items)
    if with_masks:
        _look_up_masks(items)
    items.fail_duplicates()
    return items


def look_up(urls: Sequence[str]) -> Iterator[Entry | ItemError | None]:
    """Size, version and problem of each file; None where there is none, StorageDenied where access is refused.

    Object stores are asked by a few threads, a bounded number of questions at a time.

    Raises:
        StorageUnavailable: the storage does not answer.
    """
    if all(protocol_of(url) == "file" for url in urls):
        yield from map(_look, urls)
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        left = iter(urls)
        while chunk := list(islice(left, _IN_FLIGHT)):
            yield from pool.map(_look, chunk)


def _item(items: Items, rows: dict[tuple[str, str], int], each: Row, source: Source) -> int:
    """The row of the item that a manifest's row speaks of; a new one the first time."""
    denied: StorageDenied | None = None
    try:
        path = source.relative(each.image)
    except StorageDenied as error:
        path, denied = each.image, error
    output = path if each.name is None else output_name(each.name, path)
    row = rows.get((path, output))
    if row is None:
        row = rows[path, output] = items.add(path, output)
        if denied:
            items.errors.pop(row, None)
            items.fail(row, denied)
            items.urls[row] = each.image
        if each.override:
            items.overrides[row] = each.override
    elif items.overrides.get(row) != each.override:
        raise UsageError(f"{each.image}: two rows of one item have different overrides")
    return row


def _give_masks(items: Items, row: int, each: Row, roots: list[Source], masks: dict[str, int]) -> None:
    for mask in each.masks:
        url = _under_a_root(mask, roots)
        if isinstance(url, StorageDenied):
            items.fail(row, url)
            continue
        if url not in masks:
            masks[url] = items.masks.add(url, "")
        items.give_mask(row, masks[url])


def _under_a_root(mask: str, roots: list[Source]) -> str | StorageDenied:
    """Full URL of a mask under the first root that it fits."""
    denied: StorageDenied | None = None
    for root in roots:
        try:
            path = root.relative(mask)
        except StorageDenied as error:
            denied = denied or error
            continue
        refused = refusal(path)
        return StorageDenied(f"{mask}: {refused}") if refused else root.prefix + path
    return denied or StorageDenied(f"{mask} is under no root")


def _look_up_images(items: Items) -> None:
    rows = [row for row in items.rows() if row not in items.errors or items.errors[row][0] != "StorageDenied"]
    for row, found in zip(rows, look_up([items.prefix + items.paths[row] for row in rows]), strict=True):
        if isinstance(found, Entry):
            items.sizes[row], items.versions[row] = found.size, found.version
            if found.problem:
                items.fail(row, ImageUnreadable(found.problem))
        else:
            items.fail(row, found or ImageUnreadable(f"not found: {items.prefix}{items.paths[row]}"))


def _look_up_masks(items: Items) -> None:
    failed: dict[int, ItemError] = {}
    for mask, found in enumerate(look_up(items.masks.urls)):
        if isinstance(found, Entry):
            items.masks.versions[mask] = found.version
            if found.problem:
                items.masks.problems[mask] = found.problem
        else:
            failed[mask] = found or MaskMissing(f"not found: {items.masks.urls[mask]}")
    for row in items.rows() if failed else ():
        for mask in items.masks_of(row):
            if mask in failed:
                items.fail(row, failed[mask])


def _look(url: str) -> Entry | ItemError | None:
    def ask() -> Entry:
        if protocol_of(url) == "file":
            return look_at(url, url)
        filesystem, path = open_url(url)
        info = filesystem.info(path)
        return Entry(url, info.get("size") or 0, version_of(info), "" if info["type"] == "file" else IS_FOLDER)

    try:
        return persist(ask, url, DEFAULT_POLICY)
    except FileNotFoundError:
        return None
    except StorageDenied as error:
        return error
