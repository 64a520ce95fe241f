import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture
def disc() -> NDArray[np.bool_]:
    """A hole in the middle of 120 × 140."""
    y, x = np.mgrid[:120, :140]
    return np.asarray((y - 58) ** 2 + (x - 71) ** 2 < 18**2)
