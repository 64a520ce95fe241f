from __future__ import annotations

import numpy as np
import pytest
import torch

from models.zoo.edges import canny_edges, grey_of


def step(side: int = 40, at: int = 20) -> torch.Tensor:
    grey = torch.zeros(1, 1, side, side)
    grey[..., at:] = 1
    grey[..., at] = 0.5  # else both sides of the step are as steep
    return grey


def test_grey_is_the_luma_of_rec_709() -> None:
    colours = torch.eye(3).view(3, 3, 1, 1)
    assert grey_of(colours).flatten().tolist() == pytest.approx([0.2125, 0.7154, 0.0721])
    assert grey_of(torch.full((1, 3, 2, 2), 0.4)).flatten().tolist() == pytest.approx([0.4] * 4)


def test_a_step_is_one_thin_line() -> None:
    edges = canny_edges(step())
    assert edges.shape == (1, 1, 40, 40) and set(edges.unique().tolist()) == {0.0, 1.0}
    inner = edges[0, 0, 8:-8]
    assert inner.sum(1).tolist() == [1.0] * 24
    assert set(inner.argmax(1).tolist()) == {20}


def test_nothing_in_the_hole_matters() -> None:
    """Neither what lies in the hole nor its border makes an edge."""
    rng = np.random.default_rng(0)
    mask = torch.zeros(1, 1, 40, 40)
    mask[..., 10:30, 12:32] = 1
    grey = torch.full((1, 1, 40, 40), 0.5)
    for _ in range(3):
        noise = torch.from_numpy(rng.random((1, 1, 40, 40), np.float32))
        assert canny_edges(torch.lerp(grey, noise, mask), mask).sum() == 0
    edges = canny_edges(step(), mask)
    assert edges[mask == 1].sum() == 0 and edges[0, 0, :6].sum() > 0


def test_a_wider_filter_leaves_fewer_edges_and_images_do_not_disturb_one_another() -> None:
    grey = torch.from_numpy(np.random.default_rng(1).random((3, 1, 48, 48), np.float32))
    few, many = canny_edges(grey, sigma=3), canny_edges(grey, sigma=1)
    assert few.sum() < many.sum()
    assert torch.equal(canny_edges(grey[1:2], sigma=1), many[1:2])
