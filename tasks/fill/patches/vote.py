"""Voting: what the sources found say of each pixel of a hole (Y. Wexler et al., PAMI 29, 2007, equation 4)."""

import numpy as np

from tasks.fill.patches.field import Field, Float, Index


def vote(values: Float, field: Field, pixels: Index, weights: Float, radius: int) -> Float:
    """The mean over all targets within `radius` px of a pixel of what their sources hold at its place.

    values (H·W, 4) float32 (four, so that a pixel is one aligned load); pixels (N,): places,
    each at least `radius` px from the border of the plane and with a target; weights (M,) > 0 of the field's targets.
    Returns (N, 4).
    """
    places = np.full(len(values), field.sources[0], dtype=np.int32)
    weight = np.zeros(len(values), dtype=np.float32)
    places[field.targets], weight[field.targets] = field.best, weights
    total = np.zeros((len(pixels), 4), dtype=np.float32)
    share = np.zeros((len(pixels), 1), dtype=np.float32)
    for down in range(-radius, radius + 1):
        for right in range(-radius, radius + 1):
            step = np.int32(down * field.shape[1] + right)
            owner = pixels - step
            mine = weight.take(owner)[:, None]
            part = values.take(places.take(owner) + step, axis=0)
            part *= mine
            total += part
            share += mine
    total /= share
    return total
