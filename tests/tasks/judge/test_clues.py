import math

import cv2
import numpy as np
import pytest

from tasks.judge.candidate import parsed
from tasks.judge.clues import EVIDENCE, of_change, of_fill, of_level
from tasks.judge.evidence import KINDS

PLAIN = parsed("seam")


def test_what_is_equal_has_no_differences(whole) -> None:
    found = of_fill(whole)
    same = of_change(PLAIN, PLAIN, found, found)
    assert {name for name, value in same.items() if not math.isnan(value) and value != 0} == set()


def test_a_blur_shows_as_less_sharpness_and_the_other_way_round_as_more(whole, changed) -> None:
    before, after = of_fill(whole), of_fill(changed(lambda seen: cv2.GaussianBlur(seen, (0, 0), 3)))
    other = parsed("block_matching")
    found, back = of_change(PLAIN, other, before, after), of_change(other, PLAIN, after, before)
    assert found["sharpness"] < -0.1
    assert found["|sharpness|"] == pytest.approx(abs(after["sharpness"]) - abs(before["sharpness"]))
    numbers = {name for name, value in found.items() if not math.isnan(value)}
    assert [back[name] for name in numbers] == pytest.approx([-found[name] for name in numbers])
    level = of_level(after)
    assert level["|grain|"] == abs(after["grain"]) and level["depth_px"] == before["depth_px"]


def test_it_says_what_is_done_and_what_is_not(whole) -> None:
    fill = of_fill(whole)
    found = of_change(PLAIN, parsed("patches + block_matching(block_px=12)"), fill, fill)
    ours = {name: value for name, value in found.items() if name[0] == "+" and "*" not in name}
    assert ours == {"+patches": 1, "+block_matching": 1, "+block_matching(block_px=12)": 1, "+seam": -1}
    assert found["+patches*depth_px"] == -found["+seam*depth_px"] != 0


def test_evidence_is_the_mean_over_pseudo_holes_and_nothing_without(whole) -> None:
    fill = of_fill(whole)
    told = [(dict.fromkeys(KINDS, -1.0), dict.fromkeys(KINDS, c)) for c in (-1.2, -0.6)]
    found = of_change(PLAIN, parsed("none"), fill, fill, told)
    assert [found[f"{EVIDENCE} {kind}"] for kind in KINDS] == pytest.approx([0.1] * len(KINDS))
    level = of_level(fill, [plain for plain, _ in told])
    assert [level[f"{EVIDENCE} {kind}"] for kind in KINDS] == [-1] * len(KINDS)
    without = of_change(PLAIN, parsed("none"), fill, fill)
    assert np.isnan([without[f"{EVIDENCE} {kind}"] for kind in KINDS]).all()
