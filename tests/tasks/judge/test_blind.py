import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.fill.holes import find_holes
from tasks.fill.picture import plain_picture
from tasks.judge.blind import BLIND, blind, blind_holes, of_item
from tasks.judge.scene import scene
from tasks.publish.schema import HOLES_SCHEMA, RESULTS_SCHEMA


class _Grey:
    def fill(self, crops, masks):
        return [np.full_like(crop, 0.5) for crop in crops]


def test_the_columns_are_those_of_the_rows(whole) -> None:
    found = blind(whole)
    assert set(found.columns()) == {*BLIND, "predicted_error"} <= set(HOLES_SCHEMA.names)
    assert set(of_item([found])) == {*BLIND, "needs_review"} <= set(RESULTS_SCHEMA.names)
    values = {k: v for k, v in found.columns().items() if k != "self_consistency"}
    assert all(isinstance(v, float) and v >= 0 and math.isfinite(v) for v in values.values())


def test_self_consistency_is_null_until_it_is_asked_for(whole) -> None:
    assert blind(whole).columns()["self_consistency"] is None
    asked = blind(whole, _Grey()).self_consistency
    assert asked == pytest.approx(float(np.abs(whole.seen[whole.own] - 0.5).mean()), abs=1e-6)


def test_an_item_is_the_mean_of_its_holes_and_as_urgent_as_its_worst() -> None:
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    mask = np.zeros((120, 160), dtype=bool)
    mask[20:60, 20:60] = True
    mask[88:98, 120:130] = True
    mask[5, 150] = True  # too small for most measures
    found = blind_holes(plain_picture(pixels, mask), mask, find_holes(mask, 4))
    item = of_item(found)
    assert item["needs_review"] == max(each.predicted_error for each in found)
    assert math.isnan(found[0].sharpness_ratio)
    areas = [each.area for each in found[1:]]
    expected = np.average([each.sharpness_ratio for each in found[1:]], weights=areas)
    assert item["sharpness_ratio"] == pytest.approx(expected)
    assert item["self_consistency"] is None


def test_without_holes_all_is_null() -> None:
    assert set(of_item([]).values()) == {None}


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 40), st.sampled_from(["uint8", "uint16", "float32"]))
@settings(deadline=None, max_examples=30)
def test_any_picture_has_measures_the_same_each_time(seed: int, height: int, width: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < rng.choice([0.02, 0.5, 0.98])
    mask.flat[0], mask.flat[-1] = True, height * width == 1
    values = rng.random((height, width, int(rng.choice([1, 3]))))
    pixels = values.astype(np.float32) if kind == "float32" else (values * np.iinfo(kind).max).astype(kind)
    holes = find_holes(mask, 3)
    once, again = (blind_holes(plain_picture(pixels, mask), mask, holes) for _ in range(2))
    for one, two in zip(once, again, strict=True):
        assert one.columns() == two.columns()
        assert all(v is None or (math.isfinite(v) and v >= 0) for v in one.columns().values())
    assert [b.columns() for b in blind_holes(plain_picture(pixels, mask), mask, holes[::-1])][::-1] == [
        b.columns() for b in once
    ]


def test_arrays_are_not_changed(whole) -> None:
    before = whole.seen.copy(), whole.own.copy(), whole.known.copy()
    blind(scene(*before))
    assert all(np.array_equal(a, b) for a, b in zip(before, (whole.seen, whole.own, whole.known), strict=True))
