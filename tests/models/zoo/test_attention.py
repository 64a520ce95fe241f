from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from models.zoo.attention import ContextualAttention, propagated


def patch(x: np.ndarray, y0: int, x0: int, size: int) -> np.ndarray:
    """(C, H, W) -> (C, size, size), zeros outside."""
    found = np.zeros((x.shape[0], size, size))
    for i, j in itertools.product(range(size), range(size)):
        y, z = y0 + i, x0 + j
        if 0 <= y < x.shape[1] and 0 <= z < x.shape[2]:
            found[:, i, j] = x[:, y, z]
    return found


def by_loops(layer: ContextualAttention, f: np.ndarray, b: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The definition, one number at a time: (C, H, W), (C, H′, W′), (H′, W′) -> (C, H, W)."""
    r, half = layer.rate, layer.ksize // 2
    small_f, small_b = f[:, ::r, ::r], b[:, ::r, ::r]
    places = list(itertools.product(range(small_f.shape[1]), range(small_f.shape[2])))
    sources = list(itertools.product(range(small_b.shape[1]), range(small_b.shape[2])))
    cosine = {}
    for p, q in itertools.product(places, sources):
        one, two = (patch(x, i - half, j - half, layer.ksize) for x, (i, j) in ((small_f, p), (small_b, q)))
        norms = math.sqrt((one**2).sum()) * math.sqrt((two**2).sum())
        cosine[p, q] = (one * two).sum() / norms if norms > 0 else 0.0
    reach = range(-(layer.fuse_k // 2), layer.fuse_k // 2 + 1)
    for dy, dx in ((0, 1), (1, 0)):
        cosine = {
            (p, q): sum(
                cosine.get(((p[0] + i * dy, p[1] + i * dx), (q[0] + i * dy, q[1] + i * dx)), 0.0) for i in reach
            )
            for p, q in cosine
        }
    holes = [(y // r, x // r) for y, x in zip(*np.nonzero(mask), strict=True)]
    known = [q for q in sources if all(max(abs(q[0] - y), abs(q[1] - x)) > half for y, x in holes)]
    total, count = np.zeros_like(f), np.zeros(f.shape[1:])
    for p in places:
        exponents = [math.exp(layer.scale * cosine[p, q]) for q in known]
        before = (r + 1) // 2
        made = np.zeros((f.shape[0], 2 * r, 2 * r))
        for q, exponent in zip(known, exponents, strict=True):
            made += exponent / sum(exponents) * patch(b, q[0] * r - before, q[1] * r - before, 2 * r)
        for i, j in itertools.product(range(2 * r), range(2 * r)):
            y, x = p[0] * r - before + i, p[1] * r - before + j
            if 0 <= y < f.shape[1] and 0 <= x < f.shape[2]:
                total[:, y, x] += made[:, i, j]
                count[y, x] += 1
    return total / count


def case(seed: int, shape: tuple[int, int], channels: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    f, b = (torch.from_numpy(rng.normal(size=(2, channels, *shape))) for _ in range(2))
    mask = torch.zeros(2, 1, *shape, dtype=torch.float64)
    mask[0, 0, 2:5, 3:4] = 1
    mask[1, 0, :1, : shape[1] // 2] = 1
    return f, b, mask


@pytest.mark.parametrize(
    ("rate", "fuse", "ksize", "shape"),
    [
        (2, 3, 3, (12, 10)),
        (2, 1, 3, (8, 12)),
        (1, 3, 3, (6, 7)),
        (1, 5, 1, (5, 6)),
        (3, 3, 3, (15, 12)),
        (2, 3, 1, (8, 8)),
    ],
)
def test_it_is_what_loops_give(rate: int, fuse: int, ksize: int, shape: tuple[int, int]) -> None:
    layer = ContextualAttention(ksize, rate, fuse, scale=3.0)
    f, b, mask = case(0, shape)
    made = layer(f, b, mask)
    for index in range(2):
        expected = by_loops(layer, f[index].numpy(), b[index].numpy(), mask[index, 0].numpy())
        np.testing.assert_allclose(made[index].numpy(), expected, atol=1e-9)


def test_foreground_and_background_may_differ_in_size() -> None:
    layer = ContextualAttention(scale=3.0)
    f, b, mask = case(1, (8, 8))
    made = layer(f[..., :6], b, mask)
    assert made.shape == (2, 3, 8, 6)
    np.testing.assert_allclose(
        made[0].numpy(), by_loops(layer, f[0, :, :, :6].numpy(), b[0].numpy(), mask[0, 0].numpy()), atol=1e-9
    )


@pytest.mark.parametrize("fuse", [1, 3])
def test_gradients_are_those_of_the_function(fuse: int) -> None:
    layer = ContextualAttention(rate=2, fuse_k=fuse, scale=2.0)
    f, b, mask = case(2, (8, 6), channels=2)
    f, b = f[:1].requires_grad_(True), b[:1].requires_grad_(True)
    assert torch.autograd.gradcheck(lambda f, b: layer(f, b, mask[:1]), (f, b))
    x = torch.randn(1, 2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    hole = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    hole[..., :2, :2] = 1
    assert torch.autograd.gradcheck(lambda x: layer(x, x, hole), (x,))  # as in the network


def test_weights_sum_to_one_and_none_is_of_a_hole() -> None:
    layer = ContextualAttention()
    f, b, mask = case(3, (12, 10))
    weights = layer.weights(f, b, mask)
    assert weights.shape == (2, 6, 5, 30)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 6, 5, dtype=torch.float64))
    known = layer.known(mask)
    assert not known.all() and known.any(1).all()
    assert float(weights.masked_fill(known[:, None, None], 0).abs().max()) == 0


@pytest.mark.parametrize("fuse", [1, 3])
def test_what_lies_in_the_hole_is_never_pasted(fuse: int) -> None:
    layer = ContextualAttention(fuse_k=fuse)
    f, b, mask = case(4, (12, 12))
    other = torch.lerp(b, torch.full_like(b, 1e3), mask)
    made = layer(f, other, mask)
    assert float(made.abs().max()) <= float((b * (1 - mask)).abs().max())
    if fuse == 1:  # else it can still speak for its neighbours
        assert torch.equal(made, layer(f, b, mask))


def test_a_texture_is_continued() -> None:
    """A periodic map with a hole: with a sharp softmax the hole is filled with the texture, in phase."""
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    phase = 2 * math.pi / 8
    texture = torch.stack([torch.sin(phase * x), torch.cos(phase * x), torch.sin(phase * y), torch.cos(phase * y)])[
        None
    ]
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 12:18, 12:18] = 1
    made = ContextualAttention(scale=50.0)(texture, texture, mask)
    assert float((made - texture).abs()[..., 4:28, 4:28].max()) < 0.02


def test_without_any_known_patch_it_is_nought_and_has_no_gradient() -> None:
    layer = ContextualAttention()
    x = torch.randn(1, 2, 8, 8, requires_grad=True)
    made = layer(x, x, torch.ones(1, 1, 8, 8))
    made.sum().backward()
    assert torch.equal(made, torch.zeros_like(made)) and torch.equal(x.grad, torch.zeros_like(x))


def test_flat_maps_do_no_harm() -> None:
    zero = torch.zeros(1, 2, 8, 8, requires_grad=True)
    layer = ContextualAttention()
    made = layer(zero, zero, torch.zeros(1, 1, 8, 8))
    made.sum().backward()
    assert torch.isfinite(made).all() and torch.isfinite(zero.grad).all()


def test_images_of_a_batch_do_not_see_one_another() -> None:
    layer = ContextualAttention()
    f, b, mask = case(5, (8, 8))
    both = layer(f, b, mask)
    torch.testing.assert_close(both[1:], layer(f[1:], b[1:], mask[1:]))


def test_propagation_adds_neighbours_of_both_sides_and_does_not_wrap() -> None:
    scores = torch.zeros(1, 3, 3)
    scores[0, 0, 0], scores[0, 1, 1], scores[0, 2, 0] = 1, 10, 100
    expected = torch.tensor([[[11.0, 0, 0], [0, 11, 0], [100, 0, 10]]])
    assert torch.equal(propagated(scores, (1, 2), 3), expected)
    assert torch.equal(propagated(scores, (1, 2), 1), scores)


@pytest.mark.parametrize("wrong", [{"ksize": 2}, {"fuse_k": 4}, {"rate": 0}])
def test_impossible_windows_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="odd"):
        ContextualAttention(**wrong)
