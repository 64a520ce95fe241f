import pytest
import torch

from tasks.correct.synthesis.statistics import Gram, Sliced


def _features(seed: int, count: int = 400) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(count, 5, generator=generator) @ torch.randn(5, 5, generator=torch.Generator().manual_seed(9))
    return torch.relu(mixed) + 1


STATISTICS = [lambda reference: Sliced(reference, 32, 0), Gram]


@pytest.mark.parametrize("make", STATISTICS)
def test_it_is_0_for_the_reference_in_any_order_and_above_for_others(make) -> None:
    reference = _features(0)
    statistic = make(reference)
    order = torch.randperm(len(reference), generator=torch.Generator().manual_seed(1))
    assert float(statistic(reference[order])) == pytest.approx(0, abs=1e-6)
    near, far = (float(statistic(reference + step)) for step in (0.1, 1.0))
    assert 1e-4 < near < far
    assert float(statistic(_features(1))) < 0.1 * far


@pytest.mark.parametrize("make", STATISTICS)
def test_units_of_channels_do_not_matter(make) -> None:
    reference, other = _features(0), _features(1) + 0.3
    units = torch.tensor([1.0, 2.0, 0.5, 4.0, 1.0])
    plain, scaled = float(make(reference)(other)), float(make(7 * reference)(7 * other))
    assert scaled == pytest.approx(plain, rel=0.01)
    assert float(make(reference * units)(other * units)) == pytest.approx(plain, rel=0.5)


def test_moving_along_the_gradient_of_sliced_wasserstein_brings_the_distribution() -> None:
    reference, start = _features(0), torch.randn(400, 5, generator=torch.Generator().manual_seed(3))
    statistic = Sliced(reference, 64, 0)
    moved = start.clone().requires_grad_(True)
    search = torch.optim.Adam([moved], lr=0.05)
    for _ in range(150):
        search.zero_grad()
        statistic(moved).backward()
        search.step()
    with torch.no_grad():
        assert float(statistic(moved)) < 0.02 * float(statistic(start))
        assert torch.allclose(moved.mean(0), reference.mean(0), atol=0.15)


def test_sliced_tells_distributions_of_one_gram_matrix_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(4000, 2, generator=generator)
    signs = torch.sign(torch.randn(4000, 2, generator=generator))
    assert float(Gram(normal)(signs)) < 0.01
    assert float(Sliced(normal, 32, 0)(signs)) > 0.05


def test_directions_are_seeded() -> None:
    reference, other = _features(0), _features(1) + 1
    first, again, third = (float(Sliced(reference, 3, seed)(other)) for seed in (0, 0, 1))
    assert first == again != third


@pytest.mark.parametrize("make", STATISTICS)
def test_a_reference_of_one_value_is_no_division_by_zero(make) -> None:
    assert torch.isfinite(make(torch.ones(100, 3))(torch.rand(100, 3, generator=torch.Generator().manual_seed(0))))
