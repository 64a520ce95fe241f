from __future__ import annotations

import pytest
import torch
from torch import nn

import models.convolution
from models.convolution import FusedConv, NarrowConv, has_post_operations

DTYPES = [torch.float32, torch.bfloat16]


@pytest.mark.parametrize("post_operations", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("onto", [True, False])
@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": 1, "padding_mode": "reflect"}, {"padding": 1}], ids=str
)
def test_a_convolution_adds_and_rectifies(monkeypatch, post_operations, dtype, relu, onto, options):
    if not post_operations:
        monkeypatch.setattr(models.convolution, "has_post_operations", lambda dtype: False)
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 9, 3, **options).to(dtype).requires_grad_(False)
    x = torch.randn(2, 6, 14, 10).to(dtype)
    expected = conv(x)
    base = torch.randn_like(expected).contiguous(memory_format=torch.channels_last) if onto else None
    expected = expected if base is None else expected + base
    fused = FusedConv(conv)
    with torch.inference_mode():
        made = fused.apply_to(fused.pad(x), base, relu)
    assert base is None or made.data_ptr() == base.data_ptr()
    tolerance = 1e-5 if dtype == torch.float32 else 0.05
    torch.testing.assert_close(made, torch.relu(expected) if relu else expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("options", "side", "gains"),
    [
        ({}, 20, True),
        ({}, 16, False),
        ({"out_channels": 63}, 20, False),
        ({"in_channels": 63}, 20, False),
        ({"stride": 2}, 20, False),
        ({"padding": 0}, 20, False),
        ({"padding_mode": "zeros"}, 20, False),
        ({"kernel_size": 5}, 20, False),
        ({"dtype": torch.bfloat16}, 20, False),
    ],
    ids=str,
)
def test_tiles_are_for_wide_and_large_fp32_maps(options, side, gains):
    standard = {"in_channels": 64, "out_channels": 64, "kernel_size": 3, "padding": 1, "padding_mode": "reflect"}
    conv = FusedConv(nn.Conv2d(**{**standard, **options}))
    assert conv.gains_by_tiles(torch.empty(1, 64, side, side, device="meta")) is gains


@pytest.mark.parametrize(("side", "cout"), [(7, 3), (5, 1), (4, 8), (7, 1)])
def test_a_narrow_convolution_is_the_convolution(side, cout):
    torch.manual_seed(0)
    conv, x = nn.Conv2d(6, cout, side).requires_grad_(False), torch.randn(2, 6, 20, 13)
    assert NarrowConv.fits(conv)
    torch.testing.assert_close(NarrowConv(conv)(x), conv(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": (7, 5)},
        {"kernel_size": 7, "stride": 2},
        {"kernel_size": 7, "padding": 1},
        {"kernel_size": 3},
        {"kernel_size": 7, "out_channels": 8},
    ],
    ids=str,
)
def test_others_are_not_narrow(options):
    assert not NarrowConv.fits(nn.Conv2d(**{"in_channels": 4, "out_channels": 3, **options}))


def test_kernels_that_are_missing_or_err_are_not_used(monkeypatch):
    class Missing:
        pass

    class Erring:
        def _reorder_convolution_weight(self, weight, *where):
            return weight

        @property
        def _convolution_pointwise_(self):
            return self

        def binary(self, onto, x, *rest):
            return onto + x

    for kernels in (Missing(), Erring()):
        has_post_operations.cache_clear()
        monkeypatch.setattr(models.convolution, "ONEDNN", kernels)
        assert not has_post_operations(torch.float32)
    has_post_operations.cache_clear()
