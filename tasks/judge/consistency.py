"""Measure `self_consistency`: would the generator fill the hole the same way if part of the fill were already true."""

import numpy as np

from tasks.fill.passes import Generator
from tasks.judge.scene import Scene

ROUNDS = 2
LEAST_BLOCK_PX, BLOCKS = 4, 3.0  # a block's side: so many mean depths of the hole


def self_consistency(scene: Scene, generator: Generator) -> float:
    """Mean absolute difference between the fill and the same places filled anew. Range [0, 1], lower is better.

    The hole is cut into a chessboard of blocks; the generator fills the black ones from the white ones and what is known,
    then the white ones from the black ones: two forwards of the whole scene, so it is measured only when asked for. NaN
    where nothing is hole. After T. Chen et al., "Assessing Image Inpainting via Re-Inpainting Self-Consistency Evaluation",
    arXiv 2405.16263; here over the fill itself, with one generator and absolute differences.
    """
    if not scene.own.any():
        return float("nan")
    side = max(LEAST_BLOCK_PX, round(BLOCKS * scene.depth_px))
    y, x = (places // side for places in np.indices(scene.own.shape))
    unknown = ~(scene.own | scene.known)
    total = 0.0
    for parity in range(ROUNDS):
        part = scene.own & ((y + x) % ROUNDS == parity)
        if part.any():
            refilled = generator.fill([scene.seen], [part | unknown])[0]
            total += float(np.abs(refilled[part] - scene.seen[part]).sum(dtype=np.float64))
    return total / (3 * int(np.count_nonzero(scene.own)))
