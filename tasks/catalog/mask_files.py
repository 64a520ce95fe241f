"""Find the mask files of listed items by the templates of `source.pair`."""

from collections.abc import Callable, Iterable, Sequence

from tasks.catalog.items import Items
from tasks.catalog.listing import Entry
from tasks.catalog.names import IMAGE_SUFFIXES, suffix_of
from tasks.catalog.pairing import Pairing, ambiguous
from tasks.errors import MaskMissing


def pair_with(
    items: Items,
    prefix: str,
    entries: Iterable[Entry],
    templates: Sequence[str],
    is_image: Callable[[str], bool],
) -> int:
    """Give each item without masks those that fit it, from a listing of masks that streams by.

    Args:
        items: they get masks and errors (PairAmbiguous, MaskMissing).
        prefix: root of the masks.
        entries: files below that root.
        templates: `source.pair`.
        is_image: whether a full URL is an image and so no mask.

    Returns:
        The number of files that are no item's mask.
    """
    wanting = [row for row in items.rows() if not items.has_mask(row)]
    pairing = Pairing(templates, [items.paths[row] for row in wanting])
    unused = 0
    for entry in entries:
        url = prefix + entry.path
        if is_image(url):
            continue
        found = [wanting[i] for i in pairing.images_of(entry.path)]
        if not found:
            unused += 1
            continue
        mask = items.masks.add(url, entry.version, entry.problem)
        for row in found:
            items.give_mask(row, mask)
    _settle(items, wanting, pairing, prefix)
    tried = " or ".join(templates)
    none = MaskMissing(f"no file under {prefix} fits {tried}")
    items.fail_all([row for row in wanting if not items.has_mask(row)], none)
    return unused


def pair_among(items: Items, templates: Sequence[str]) -> None:
    """Find images and masks in one listing: a file that is the mask of another listed file is no image.

    Only templates with a literal that tells the two apart are used (`_mask`, not a bare `{stem}.*`). A mask whose image
    turns out to be a mask itself stays an item: nothing is lost without a word.
    """
    pairing = Pairing(templates, items.paths, among_images=True)
    pairs = [(row, image) for row, path in enumerate(items.paths) for image in pairing.images_of(path) if row != image]
    masks = {row for row, _ in pairs}
    numbers: dict[int, int] = {}
    for row, image in pairs:
        if image in masks:
            continue
        if row not in numbers:
            error, problem = items.errors.get(row, ("", ""))
            known = problem if error == "ImageUnreadable" else ""
            numbers[row] = items.masks.add(items.prefix + items.paths[row], items.versions[row], known)
            items.drop(row)
        items.give_mask(image, numbers[row])
    rows = list(items.rows())
    _settle(items, rows, pairing, items.prefix)
    tried = " or ".join(template.text for template in pairing.templates)
    none = MaskMissing(f"MASKS is not given, and no file beside it fits {tried or 'a template that tells masks apart'}")
    items.fail_all([row for row in rows if not items.has_mask(row)], none)


def _settle(items: Items, rows: Iterable[int], pairing: Pairing, prefix: str) -> None:
    """Decide about items with several masks: united if they are numbered, else PairAmbiguous."""
    for row in rows:
        masks = items.masks_of(row)
        if len(masks) <= 1:
            continue
        supported = [m for m in masks if suffix_of(items.masks.urls[m]) in IMAGE_SUFFIXES]
        # A working file (.psd) beside the mask that was exported from it is no second candidate.
        masks = supported or masks
        names = {items.masks.urls[m][len(prefix) :]: m for m in masks}
        items.set_masks(row, masks)
        if len(masks) > 1 and not pairing.united(items.paths[row], list(names)):
            items.set_masks(row, [])
            items.fail(row, ambiguous(sorted(names)))
