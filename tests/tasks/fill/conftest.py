from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray


class MeanGenerator:
    """Predicts the mean of what it is shown as known; remembers the shapes that it was asked for."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def fill(
        self, crops: Sequence[NDArray[np.float32]], masks: Sequence[NDArray[np.bool_]]
    ) -> list[NDArray[np.float32]]:
        self.shapes += [crop.shape for crop in crops]
        return [
            np.full_like(crop, crop[~mask].mean(axis=0) if (~mask).any() else 0.5)
            for crop, mask in zip(crops, masks, strict=True)
        ]


@pytest.fixture
def mean_generator() -> MeanGenerator:
    return MeanGenerator()
