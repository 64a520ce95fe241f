"""From floats to the steps of a file: rounded once, dithered by position, so that a smooth sky does not band."""

import numpy as np
from numpy.typing import NDArray

# Interleaved gradient noise: every 3 × 3 neighbourhood holds nearly evenly spread values, so the noise is high-pass.
# J. Jimenez, "Next Generation Post Processing in Call of Duty: Advanced Warfare", SIGGRAPH 2014.
_ALONG_X, _ALONG_Y, _SCALE = 0.06711056, 0.00583715, 52.9829189
# Thresholds per step. Half of 1/64 is how far they stay from 0 and 1: more than float32 errs on a 16-bit step.
_LEVELS = np.float32(64)


def quantise(
    values: NDArray[np.floating], levels: int, origin: tuple[int, int] = (0, 0), dither: bool = True
) -> NDArray[np.uint16]:
    """The step of each value: (H, W, C) floats in [0, 1] -> (H, W, C) uint16 in 0 … `levels` − 1; NaN gives 0.

    `origin` (y, x) is where `values` lie in the picture: the noise depends on nothing but the place, so that a part gives
    the bytes of the whole, and what is grey in RGB stays grey. It is uniform over one step (RPDF): on average the result
    equals the value, and a value that is a step stays that step, at both ends too. Triangular noise would also keep its
    variance constant, but would make noise of a plain area. Without `dither` it is rounded to the nearest.
    """
    height, width, channels = values.shape
    y, x = np.divmod(np.arange(height * width), width)
    flat = quantise_at(values.reshape(-1, channels), levels, y + origin[0], x + origin[1], dither)
    return flat.reshape(values.shape)


def quantise_at(
    values: NDArray[np.floating], levels: int, y: NDArray[np.integer], x: NDArray[np.integer], dither: bool = True
) -> NDArray[np.uint16]:
    """`quantise` for pixels anywhere: values (N, C) at `y` (N,), `x` (N,)."""
    if not values.size:
        return np.zeros(values.shape, dtype=np.uint16)
    top = levels - 1
    steps: NDArray[np.float64] = np.fmax(values, 0, dtype=np.float64) * top  # NaN gives 0
    steps += thresholds(y, x)[:, None] if dither else 0.5
    np.fmin(steps, top, out=steps)
    return steps.astype(np.uint16)  # towards 0, which is the floor


def thresholds(y: NDArray[np.integer], x: NDArray[np.integer]) -> NDArray[np.float32]:
    """Uniform noise by place: `y`, `x` (N,), N > 0 -> (N,) float32 in (0, 1)."""
    # The parts are reduced in double precision first, so that the pattern is as good at the far end of a large scan.
    top, left = int(y.min()), int(x.min())
    down = np.modf(_ALONG_Y * np.arange(top, int(y.max()) + 1))[0].astype(np.float32)
    across = np.modf(_ALONG_X * np.arange(left, int(x.max()) + 1))[0].astype(np.float32)
    noise: NDArray[np.float32] = down[y - top] + across[x - left]
    noise -= np.floor(noise)
    noise *= np.float32(_SCALE)
    noise -= np.floor(noise)
    noise = np.floor(noise * _LEVELS)
    return (noise + np.float32(0.5)) / _LEVELS
