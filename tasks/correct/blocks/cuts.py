"""The cuts: which of two overlapping blocks a pixel comes from, along the path where they differ least.

A. Efros and W. Freeman, "Image Quilting for Texture Synthesis and Transfer", SIGGRAPH 2001: first between the blocks of each
row, then between the rows.
"""

import numpy as np

from tasks.correct.blocks.grid import Float, Grid, Ints, patches


def owners(picture: Float, places: Ints, grid: Grid) -> Ints:
    """The block of each pixel of the grid's box, as a number in reading order: (h, w).

    picture (H, W, 3); places (rows, columns, 2): what each block shows.
    """
    rows, columns, side, step, overlap = grid.rows, grid.columns, grid.side, grid.step, grid.overlap
    width, height = columns * step + overlap, rows * step + overlap
    blocks = patches(picture, places, side)
    # An overlap is at most half of a block, so no cut depends on another of its kind: all are found at once.
    error = ((blocks[:, :-1, :, step:] - blocks[:, 1:, :, :overlap]) ** 2).sum(axis=4)
    paths = least_path(error.reshape(-1, side, overlap)).reshape(rows, columns - 1, side)
    strips = np.empty((rows, side, width, 3), dtype=np.float32)
    column = np.empty((rows, side, width), dtype=np.int64)
    for number in range(columns):
        part = slice(number * step, number * step + side)
        kept = np.ones((rows, side, side), dtype=bool)
        if number:
            kept[:, :, :overlap] = np.arange(overlap) >= paths[:, number - 1, :, None]
        np.copyto(strips[:, :, part], blocks[:, number], where=kept[..., None])
        np.copyto(column[:, :, part], number, where=kept)
    error = ((strips[:-1, step:] - strips[1:, :overlap]) ** 2).sum(axis=3)
    down = least_path(error.swapaxes(1, 2))
    result = np.empty((height, width), dtype=np.int64)
    for number in range(rows):
        kept = np.ones((side, width), dtype=bool)
        if number:
            kept[:overlap] = np.arange(overlap)[:, None] >= down[number - 1]
        part = slice(number * step, number * step + side)
        np.copyto(result[part], number * columns + column[number], where=kept)
    return result


def least_path(error: Float) -> Ints:
    """The path of least error from the first to the last step: error (B, steps, across) -> (B, steps) in 1 … across − 1.

    From one step to the next it moves by 1 at most. It passes between two places across: at i, between i − 1 and i.
    """
    between = (error[:, :, :-1] + error[:, :, 1:]).transpose(1, 0, 2)
    steps, batch, across = between.shape
    total = np.full((steps, batch, across + 2), np.inf, dtype=np.float32)  # a border that no path takes
    total[0, :, 1:-1] = between[0]
    for step in range(1, steps):
        before = total[step - 1]
        least = np.minimum(np.minimum(before[:, :-2], before[:, 2:]), before[:, 1:-1])
        total[step, :, 1:-1] = between[step] + least
    path = np.empty((steps, batch), dtype=np.int64)
    path[-1] = total[-1].argmin(axis=1)
    each = np.arange(batch)[:, None]
    ways = np.array([0, -1, 1])
    for step in range(steps - 2, -1, -1):
        near = path[step + 1][:, None] + ways
        path[step] = near[each[:, 0], total[step][each, near].argmin(axis=1)]
    return np.ascontiguousarray(path.T)
