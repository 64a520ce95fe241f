"""Boxes of a manifest: rectangles to fill."""

import json

from tasks.errors import MaskMissing

_LARGEST = 2**31 - 1


def read_boxes(value: object) -> list[tuple[int, int, int, int]]:
    """Boxes (x, y, w, h) in pixels from a manifest's cell: a list of boxes or one box, also as JSON text.

    Raises:
        MaskMissing: it is something else, a number is no integer, or a width or height is not positive.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise MaskMissing(f"boxes are no JSON: {error}") from error
    if isinstance(value, list) and value and not isinstance(value[0], list):
        value = [value]
    if not isinstance(value, list) or not value:
        raise MaskMissing("no boxes: a list of [x, y, w, h] is needed")
    return [_box(each) for each in value]


def boxes_json(boxes: list[tuple[int, int, int, int]]) -> str:
    """JSON of the union of boxes: each once, sorted, so that the order of a manifest's rows does not matter."""
    return json.dumps([list(box) for box in sorted(set(boxes))])


def _box(value: object) -> tuple[int, int, int, int]:
    match value:
        case [int(x), int(y), int(w), int(h)] if not any(isinstance(each, bool) for each in (x, y, w, h)):
            if w <= 0 or h <= 0:
                raise MaskMissing(f"box {value}: width and height must be positive")
            if max(abs(x), abs(y), w, h) > _LARGEST:
                raise MaskMissing(f"box {value}: a number is too large")
            return x, y, w, h
    raise MaskMissing(f"box {str(value)[:80]} is not four whole numbers [x, y, w, h]")
