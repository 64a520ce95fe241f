from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.zoo.contextual_attention_losses import critic_loss, discount, weighted_l1, windows


def box(side: int, top: int, left: int, height: int, width: int) -> Tensor:
    mask = torch.zeros(1, 1, side, side)
    mask[..., top : top + height, left : left + width] = 1
    return mask


def test_the_discount_of_a_box_falls_to_its_middle() -> None:
    """γ^l, l the distance to the nearest known pixel: 1, 2, 3, 2, 1 in a box of five."""
    found = discount(box(9, 2, 2, 5, 5), 0.9)[0, 0]
    assert found[4, 2:7].tolist() == pytest.approx([0.9, 0.81, 0.729, 0.81, 0.9])
    assert found[2, 2].item() == pytest.approx(0.9) and found[0].sum() == 0
    assert torch.equal(discount(box(9, 2, 2, 5, 5), 1.0), box(9, 2, 2, 5, 5))


def test_the_paper_s_gamma_halves_after_69_px() -> None:
    found = discount(box(160, 0, 0, 160, 150), 0.99)[0, 0, 80]
    assert found[149 - 68].item() == pytest.approx(0.5, abs=0.001)  # 69 px from the known part


def test_weighted_l1_worked_by_hand() -> None:
    mask = box(4, 0, 0, 2, 2)
    truth = torch.zeros(1, 3, 4, 4)
    made = truth + 1
    assert float(weighted_l1(made, truth, mask, mask)) == 1
    assert float(weighted_l1(made, truth, discount(mask, 0.5), mask)) == pytest.approx((0.25 + 3 * 0.5) / 4)
    assert float(weighted_l1(made, truth, 0 * mask, 0 * mask)) == 0


@pytest.mark.parametrize(
    ("hole", "corner"),
    [((6, 8, 4, 4), (4, 6)), ((0, 0, 2, 2), (0, 0)), ((14, 13, 2, 3), (8, 8)), ((0, 0, 16, 16), (4, 4))],
)
def test_windows_are_around_the_hole_and_inside(hole: tuple[int, ...], corner: tuple[int, int]) -> None:
    places = torch.arange(256.0).view(1, 1, 16, 16)
    found = windows(places, box(16, *hole), 8)
    assert found.shape == (1, 1, 8, 8) and int(found[0, 0, 0, 0]) == 16 * corner[0] + corner[1]


def test_each_picture_has_its_own_window() -> None:
    mask = torch.cat([box(16, 0, 0, 4, 4), box(16, 12, 12, 4, 4), torch.zeros(1, 1, 16, 16)])
    found = windows(mask, mask, 8)
    assert [int(x.sum()) for x in found] == [16, 16, 0]


def test_the_wasserstein_loss_of_a_linear_critic() -> None:
    """D(x) = Σ w·x: the loss is D(fake) − D(real), the gradient w in the hole; its norm is what the penalty sees."""
    mask = box(4, 0, 0, 2, 1)  # two pixels of three channels
    real, fake = torch.zeros(1, 3, 4, 4), 0.5 * mask.expand(1, 3, 4, 4)

    def critic(x: Tensor) -> Tensor:
        return 2 * x.sum((1, 2, 3), keepdim=True)

    loss, penalty = critic_loss(critic, real, fake, mask, torch.full((1, 1, 1, 1), 0.3))
    assert float(loss) == pytest.approx(2 * 0.5 * 6)
    assert float(penalty) == pytest.approx((2 * 6**0.5 - 1) ** 2, rel=1e-5)
