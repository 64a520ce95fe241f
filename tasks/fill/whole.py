"""Pass `whole`: the generator sees the entire image, up to the size at which it is good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.fill.holes import Hole
from tasks.fill.picture import Picture
from tasks.fill.prediction import Prediction
from tasks.fill.region import Region, cut, uncut

if TYPE_CHECKING:
    from tasks.fill.passes import Generator
    from tasks.fill.settings import FillSettings


def suits(hole: Hole, shape: tuple[int, int], settings: FillSettings) -> bool:
    """Whether the image can be shown as it is, and the hole is too large for a smaller region to be enough."""
    return max(shape) <= settings.max_region_px and max(hole.w, hole.h) * settings.context >= max(shape)


def run(
    picture: Picture,
    mask: NDArray[np.bool_],
    holes: Sequence[Hole],
    generator: Generator,
    settings: FillSettings,
) -> list[Prediction]:
    """One forward of the whole image; an image longer than `max_region_px` is shown scaled down. See `passes.Pass`."""
    height, width = mask.shape
    scale = min(1.0, settings.max_region_px / max(height, width))
    region = Region(0, 0, width, height, max(1, round(width * scale)), max(1, round(height * scale)))
    crop, shown = cut(picture, mask, region)
    fill = generator.fill([crop], [shown])[0]
    return [uncut(fill, region, hole) for hole in holes]
