"""The hole of an item, by the mask's source: what its masks, boxes, alpha or key colour ask to be filled."""

import hashlib
import json
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks import errors
from tasks.fill.colour import Colour
from tasks.fill.mask import hole_from_alpha, hole_from_boxes, hole_from_colour, hole_from_luminance
from tasks.fill.orientation import over_stored, shown_shape, upright
from tasks.fill.settings import MaskSettings
from tasks.publish.schema import Row
from tasks.run.job import ItemSpec
from tasks.store.image import Header, decode_mask

Bool = NDArray[np.bool_]
_ROWS = 256  # converted at once where the key colour is looked for in other than 8- or 16-bit grey and RGB


def find_hole(
    spec: ItemSpec,
    pixels: NDArray[np.generic],
    header: Header,
    colour: Colour,
    policy: MaskSettings,
    read_mask: Callable[[str], bytes],
    max_mp: float,
    row: Row,
) -> Bool:
    """The hole (H, W) bool over stored pixels, before dilation; several masks are united. Fills in `row["mask_sha256"]`.

    Raises MaskMissing, MaskUnreadable, MaskSizeMismatch and MaskAmbiguous.
    """
    if policy.ignore:
        return np.zeros((header.height, header.width), dtype=bool)
    if policy.source == "alpha":
        if not header.alpha:
            raise errors.MaskMissing("mask.source is alpha, but the image has no alpha channel")
        return hole_from_alpha(pixels[:, :, -1], policy)
    if policy.source == "colour":
        colours = pixels[:, :, : header.channels - header.alpha]
        return _key_coloured(colours, header, colour, policy)
    masks = []
    for url in spec.masks:
        data = read_mask(url)
        row["mask_sha256"] = "\n".join(filter(None, (row.get("mask_sha256"), hashlib.sha256(data).hexdigest())))
        masks.append((url, *decode_mask(data, max_mp)))
    boxes = None if spec.boxes is None else json.loads(spec.boxes)
    shape = header.height, header.width
    shown = shown_shape(shape, header.orientation)
    # Boxes are clipped to the image; where they lie within one reading only, that is the one that fits.
    within = [boxes is None or _within(boxes, each) for each in (shape, shown)]
    stored = _united([mask for _, mask, _ in masks], boxes, shape, policy)
    if header.orientation == 1 and all(turn == 1 for _, _, turn in masks):
        viewed = stored
    else:
        viewed = _united([upright(mask, turn) for _, mask, turn in masks], boxes, shown, policy)
    hole = over_stored(
        stored if within[0] or not within[1] else None,
        viewed if within[1] or not within[0] else None,
        header.orientation,
        policy.orientation,
    )
    if hole is None:
        said = ", ".join(f"{mask.shape[1]}×{mask.shape[0]}: {url}" for url, mask, _ in masks)
        turned = f" (orientation {header.orientation}, mask.orientation={policy.orientation})"
        raise errors.MaskSizeMismatch(
            f"the image is {header.width}×{header.height}{turned if header.orientation > 1 else ''}, the mask {said}"
        )
    return hole


def _united(
    masks: Sequence[NDArray[np.generic]],
    boxes: Sequence[Sequence[int]] | None,
    shape: tuple[int, int],
    policy: MaskSettings,
) -> Bool | None:
    """Masks (H, W) uint8 and boxes over a picture of `shape`; None where a mask has another size."""
    hole = None if boxes is None else hole_from_boxes(boxes, shape)
    for mask in masks:
        if mask.shape != shape:
            return None
        found = hole_from_luminance(mask.astype(np.uint8, copy=False), policy)
        hole = found if hole is None else np.logical_or(hole, found, out=hole)
    return np.zeros(shape, dtype=bool) if hole is None else hole


def _within(boxes: Sequence[Sequence[int]], shape: tuple[int, int]) -> bool:
    return all(x >= 0 and y >= 0 and x + w <= shape[1] and y + h <= shape[0] for x, y, w, h in boxes)


def _key_coloured(pixels: NDArray[np.generic], header: Header, colour: Colour, policy: MaskSettings) -> Bool:
    """The key colour in stored grey or RGB values; in CMYK and floats, in what they look like."""
    if header.model != "cmyk" and header.bit_depth <= 16:
        return hole_from_colour(pixels.astype(header.dtype, copy=False), policy)
    hole = np.empty(pixels.shape[:2], dtype=bool)
    for start in range(0, header.height, _ROWS):
        seen = colour.seen(pixels[start : start + _ROWS])
        eight = np.rint(np.nan_to_num(seen).clip(0, 1) * 255).astype(np.uint8)
        hole[start : start + _ROWS] = hole_from_colour(eight, policy)
    return hole
