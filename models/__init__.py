"""Networks and what loads, runs and trains them.

fill = load_inpainter("lama-small")
result = fill(image, mask)  # (H, W, 3) uint8, uint16 or float32 in [0, 1]; mask (H, W) bool
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.inpainter import Inpainter
    from models.settings import Precision

__all__ = ["load_inpainter"]


def load_inpainter(
    name: str = "lama-small", device: str = "auto", precision: Precision = "auto", **options: object
) -> Inpainter:
    """`models.inpainter.load_inpainter`; torch is imported when it is called, not with this package."""
    from models import inpainter

    return inpainter.load_inpainter(name, device, precision, **options)
