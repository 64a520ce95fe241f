"""Mixtures of mask generators by weight, seeded: which kinds of holes a generator is trained for or measured on.

A mask is (H, W) bool, True is the hole. `strokes` and `boxes` have the parameters that LaMa is trained with at 256 px,
`thin`, `medium` and `thick` those it is evaluated with at 512 px [1], scaled to the canvas.
[1] R. Suvorov et al., arXiv 2109.07161, and the configuration files of its code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.training.damage import Dust, Scratches, Text
from models.training.shapes import Boxes, Mask, Polygons, Strokes

Drawer = Callable[[tuple[int, int], np.random.Generator], Mask]
Kind = Literal["strokes", "boxes", "thin", "medium", "thick", "polygons", "scratches", "dust", "text"]

TRIES = 100


@dataclass(frozen=True)
class Mixture:
    """One of several kinds, drawn by weight, until at least one pixel and at most `max_masked` of all is covered."""

    kinds: tuple[Drawer, ...]
    weights: tuple[float, ...]
    min_masked: float = 0.0
    max_masked: float = 1.0

    def __call__(self, shape: tuple[int, int], rng: np.random.Generator) -> Mask:
        """Raises ValueError when none of 100 draws is within the limits (a canvas too small for the kinds)."""
        chances = np.asarray(self.weights) / sum(self.weights)
        for _ in range(TRIES):
            mask = self.kinds[int(rng.choice(len(self.kinds), p=chances))](shape, rng)
            if mask.any() and self.min_masked <= mask.mean() <= self.max_masked:
                return mask
        raise ValueError(f"no mask of {shape} px covers {self.min_masked:.0%} to {self.max_masked:.0%} of it")


def masks_of(weights: Mapping[Kind, float], side_px: int, min_masked: float = 0.0, max_masked: float = 0.6) -> Mixture:
    """A mixture of named kinds for a canvas of about `side_px`; weights need not sum to 1.

    Raises KeyError for an unknown kind, ValueError when no weight is above 0.
    """
    kinds: list[Drawer] = []
    chances: list[float] = []
    for kind, weight in weights.items():
        drawers, parts = _drawers(kind, side_px)
        kinds += drawers
        chances += [weight * part / sum(parts) for part in parts]
    if not sum(chances) > 0:
        raise ValueError("no kind of mask has a weight above 0")
    return Mixture(tuple(kinds), tuple(chances), min_masked, max_masked)


def training_masks(crop_px: int, max_masked: float = 0.6) -> Mixture:
    """What LaMa is trained with at 256 px (strokes and boxes in equal parts), scaled to the crop."""
    return masks_of({"strokes": 1, "boxes": 1}, crop_px, max_masked=max_masked)


def stroke_masks(size: str, side_px: int, min_masked: float = 0.0, max_masked: float = 0.5) -> Mixture:
    """LaMa's evaluation masks of 512 px (`thin`, `medium`, `thick`), scaled to `side_px`. Raises KeyError."""
    drawers, weights = _strokes(size, side_px)
    return Mixture(drawers, weights, min_masked=min_masked, max_masked=max_masked)


def _drawers(kind: str, side_px: int) -> tuple[tuple[Drawer, ...], tuple[float, ...]]:
    factor = side_px / 256
    single: dict[str, Drawer] = {
        "strokes": Strokes().scaled(factor),
        "boxes": Boxes().scaled(factor),
        "polygons": Polygons().scaled(factor),
        "scratches": Scratches(),
        "dust": Dust(),
        "text": Text(),
    }
    return ((single[kind],), (1,)) if kind in single else _strokes(kind, side_px)


def _strokes(size: str, side_px: int) -> tuple[tuple[Drawer, ...], tuple[float, ...]]:
    factor = side_px / 512
    kinds: dict[str, tuple[tuple[Drawer, ...], tuple[float, ...]]] = {}
    kinds["thin"] = ((Strokes(4, 70, max_len=100, max_width=20).scaled(factor),), (1,))
    boxes = Boxes(1, 5, margin=0, min_size=30, max_size=150).scaled(factor)
    kinds["medium"] = ((Strokes(4, 10, max_len=200, max_width=100).scaled(factor), boxes), (1, 0.3))
    boxes = Boxes(1, 4, margin=10, min_size=30, max_size=300).scaled(factor)
    kinds["thick"] = ((Strokes(1, 5, max_len=450, max_width=250).scaled(factor), boxes), (1, 0.3))
    return kinds[size]
