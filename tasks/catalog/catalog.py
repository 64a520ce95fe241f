"""The catalog: which items there are, each with its masks, before anything is read."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from tasks.catalog.items import Items
from tasks.catalog.listing import Entry, list_images
from tasks.catalog.manifest_items import manifest_items
from tasks.catalog.mask_files import pair_among, pair_with
from tasks.catalog.settings import SourceSettings
from tasks.catalog.source import Source, open_source
from tasks.errors import MaskMissing, UsageError

MaskSource = Literal["file", "shared", "alpha", "colour", "boxes"]
UNUSED_MASK = "a mask of no image"


@dataclass(frozen=True)
class Catalog:
    """What was found.

    Attributes:
        table: one row per item (CATALOG_SCHEMA), sorted by `output`: equal for any order of listing.
        image_root: URL of the images' root with a slash at the end; a local one is an absolute path.
        mask_root: the same for MASKS; None when MASKS is not given.
        ignored: how many names were no item, by reason.
    """

    table: pa.Table
    image_root: str
    mask_root: str | None
    ignored: dict[str, int]


def build_catalog(
    images: str, masks: str | None = None, *, source: SourceSettings | None = None, mask_source: MaskSource = "file"
) -> Catalog:
    """List images and masks, pair them, and refuse what can be refused by name.

    Args:
        images: folder (with all below it), glob, one file or manifest; a path or an fsspec URL.
        masks: folder, glob or one file; None when masks lie among the images or are no files.
        source: pairing, allowed protocols and a manifest's root.
        mask_source: `mask.source`.

    Returns:
        The catalog. An item without a mask has the error MaskMissing: `mask.on_missing` is the run's business.

    Raises:
        UsageError: a source is missing, refused or malformed, or the two do not fit together.
        StorageUnavailable: the storage does not answer.
    """
    settings = source or SourceSettings()
    image_source = open_source(images, settings)
    mask_files = open_source(masks, settings) if masks is not None else None
    if mask_files and _same(image_source, mask_files):
        mask_files = None
    _check(image_source, mask_files, settings, mask_source)

    ignored: Counter[str] = Counter()
    if image_source.kind == "manifest":
        root = mask_files if mask_files and mask_files.kind == "folder" else None
        items = manifest_items(image_source, root, with_masks=mask_source == "file", with_boxes=mask_source == "boxes")
    else:
        items = _list_items(image_source, mask_files, ignored)
    if mask_source == "file":
        _find_masks(items, image_source, mask_files, settings, ignored)
    elif mask_source == "shared" and mask_files:
        _give_one(items, mask_files)
    return Catalog(
        table=items.table(),
        image_root=image_source.prefix,
        mask_root=mask_files.prefix if mask_files else None,
        ignored=dict(ignored),
    )


def _same(images: Source, masks: Source) -> bool:
    return (images.kind, images.prefix, images.rest) == (masks.kind, masks.prefix, masks.rest)


def _check(images: Source, masks: Source | None, settings: SourceSettings, mask_source: MaskSource) -> None:
    if settings.root is not None and images.kind != "manifest":
        raise UsageError("source.root is for manifests: the root of a folder, glob or file is its folder")
    if masks and masks.kind == "manifest":
        raise UsageError(
            f"MASKS {masks.url} is a manifest: give it as IMAGES, with columns 'image' and 'mask' (and source.root)"
        )
    if mask_source in ("alpha", "colour", "boxes") and masks:
        raise UsageError(f"mask.source={mask_source} takes no MASKS, but {masks.url} is given")
    if mask_source == "boxes" and images.kind != "manifest":
        raise UsageError("mask.source=boxes needs a manifest with a column 'boxes' as IMAGES")
    if mask_source == "shared" and (masks is None or masks.kind != "file"):
        raise UsageError("mask.source=shared needs MASKS: one mask file for all images")


def _masks_win(images: Source, masks: Source) -> bool:
    """Whether a file that both sources hold is a mask: MASKS lies inside IMAGES, or names its files by itself."""
    if masks.kind != "folder":
        return True
    return masks.prefix != images.prefix and masks.prefix.startswith(images.prefix)


def _list_items(images: Source, masks: Source | None, ignored: Counter[str]) -> Items:
    items = Items(images.prefix)
    excludes = masks is not None and _masks_win(images, masks)
    excluded = 0
    for path, size, version, problem in list_images(images, ignored):
        if excludes and masks and masks.holds(images.prefix + path):
            excluded += 1
            continue
        items.add(path, path, size, version, problem)
    if excluded and not len(items):
        raise UsageError(f"every image of {images.url} is also one of MASKS")
    return items


def _find_masks(
    items: Items, images: Source, masks: Source | None, settings: SourceSettings, ignored: Counter[str]
) -> None:
    if masks is None:
        if images.kind == "manifest":
            wanting = [row for row in items.rows() if not items.has_mask(row)]
            items.fail_all(wanting, MaskMissing("the manifest names no mask, and MASKS is not given"))
        else:
            pair_among(items, settings.pair)
    elif masks.kind == "file":
        wanting = [row for row in items.rows() if not items.has_mask(row)]
        if len(wanting) > 1:
            raise UsageError(
                f"MASKS {masks.url} is one file, but there are {len(wanting)} images: "
                "for one mask for all images use --set mask.source=shared"
            )
        _give_one(items, masks, wanting)
    else:
        listing = list_images(masks, Counter())
        unused = pair_with(items, masks.prefix, listing, settings.pair, _image_test(items, images, masks))
        if unused:
            ignored[UNUSED_MASK] += unused


def _image_test(items: Items, images: Source, masks: Source) -> Callable[[str], bool]:
    """Whether a file that MASKS lists is an image all the same."""
    if images.kind == "manifest":
        return {images.prefix + path for path in items.paths}.__contains__
    if _masks_win(images, masks):
        return frozenset[str]().__contains__
    return images.holds


def _give_one(items: Items, masks: Source, rows: list[int] | None = None) -> None:
    """Give one mask file to all items, or to some."""
    entry: Entry = next(iter(list_images(masks, Counter())))
    mask = items.masks.add(masks.prefix + entry.path, entry.version, entry.problem)
    for row in items.rows() if rows is None else rows:
        items.give_mask(row, mask)
