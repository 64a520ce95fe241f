from pathlib import Path
from typing import Any

import pytest
import torch

BENCH = Path(__file__).parents[3] / "infra" / "bench"


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCH))
    import operations

    return operations


def test_an_operation_counts_for_its_kind(operations: Any) -> None:
    x, weight = torch.rand(1, 64, 96, 96), torch.rand(64, 64, 3, 3)
    found = operations.shares(lambda: torch.nn.functional.conv2d(x, weight))
    assert sum(found.values()) == pytest.approx(1, abs=0.01)
    assert found["convolution"] > 0.5 and found["spectrum"] == 0


def test_what_happens_inside_a_part_counts_for_the_part(operations: Any) -> None:
    from models import fused
    from models.lama import FourierUnit
    from models.spectrum import MatrixFourierUnit

    unit = FourierUnit(32).requires_grad_(False)
    unit.bn = torch.nn.Identity()
    before = (fused._by_tiles, FourierUnit.forward, MatrixFourierUnit.forward)
    for module in (unit, MatrixFourierUnit(unit)):
        found = operations.shares(lambda module=module: module(torch.rand(1, 32, 48, 48)))
        assert found["spectrum"] > 0.5 and found["fft"] == found["convolution"] == 0
    assert before == (fused._by_tiles, FourierUnit.forward, MatrixFourierUnit.forward)
