import numpy as np
import pytest

from tasks.correct.settings import CorrectSettings
from tasks.fill.fill import fill_image
from tasks.fill.settings import FillSettings, MaskSettings
from tasks.judge import choice as module
from tasks.judge.candidate import parsed
from tasks.judge.choice import Judge
from tasks.judge.expected import Models
from tasks.judge.settings import JudgeSettings
from tests.tasks.judge.conftest import MeanGenerator, blob, tiles

SEAM = CorrectSettings(steps=("seam",))
EXACT = MaskSettings(dilate_px=0, feather_px=0)


def _judge(mode: str = "pseudo_holes", **settings: object) -> Judge:
    given = {"candidates": ("block_matching(kept=2)", "patches"), **settings}
    return Judge(JudgeSettings.model_validate({"mode": mode, **given}), SEAM)


def _says(monkeypatch: pytest.MonkeyPatch, **ratios: float) -> None:
    """The expectation is given, by what a candidate's label begins with; others are as the plain fill."""

    def change(clues: dict[str, float]) -> float:
        return sum(np.log(ratio) for name, ratio in ratios.items() if f"+{name}" in clues)

    monkeypatch.setattr(module, "expected", lambda evidence: Models(lambda clues: np.log(2), change))


def _filled(damaged, judge: Judge | None, corrections=None):
    image = damaged.picture.pixels
    return fill_image(
        image, damaged.mask, MeanGenerator(), EXACT, FillSettings(), None, False, corrections, False, judge
    )


def test_the_least_expected_error_is_chosen_and_said(damaged, monkeypatch) -> None:
    _says(monkeypatch, block_matching=0.8, patches=0.6)
    done = _filled(damaged, _judge())
    (hole,) = done.holes
    assert (hole.fill_pass, hole.corrections, hole.candidates) == ("patches", (), 3)
    assert (hole.score, hole.score_plain) == pytest.approx((1.2, 2))
    fill, _ = damaged.trial()(parsed("patches"))
    off = done.pixels[damaged.mask] / 255 - fill.values[fill.own(damaged.hole)]
    assert np.abs(off).max() <= 0.5 / 255 + 1e-6
    assert (done.pixels[~damaged.mask] == damaged.truth[~damaged.mask]).all()


@pytest.mark.parametrize("ratio", [0.96, 1.0, 1.7])
def test_without_the_margin_the_plain_fill_stays_bit_for_bit(damaged, monkeypatch, ratio) -> None:
    _says(monkeypatch, block_matching=ratio, patches=ratio)
    judge = _judge(margin=0.05)
    done = _filled(damaged, judge)
    plain = _filled(damaged, None, judge.plain("regions").corrections(SEAM))
    assert (done.pixels == plain.pixels).all()
    (hole,) = done.holes
    assert (hole.fill_pass, hole.corrections) == ("regions", ("seam",))
    assert hole.score == hole.score_plain == pytest.approx(2)


def test_the_fitted_models_take_texture_from_the_picture_where_it_is_all_around(damaged) -> None:
    judge = _judge()
    found = judge.expectations(damaged.trial())
    assert list(found) == [parsed(text) for text in ("regions + seam", "regions + block_matching(kept=2)", "patches")]
    assert min(found, key=found.get) != parsed("regions + seam")
    blind = _judge("blind").expectations(damaged.trial())
    assert set(blind) == set(found) and blind != found


def test_a_small_hole_keeps_its_plain_fill(damaged, monkeypatch) -> None:
    _says(monkeypatch, block_matching=0.1)
    (hole,) = _filled(damaged, _judge(min_px=damaged.hole.area + 1)).holes
    assert (hole.corrections, hole.candidates, hole.score) == (("seam",), 1, None)
    (hole,) = _filled(damaged, _judge(min_px=damaged.hole.area)).holes
    assert hole.corrections == ("block_matching(kept=2)",)


def test_what_is_the_plain_fill_is_no_candidate_and_the_budget_holds(damaged) -> None:
    trial = damaged.trial()
    many = ("seam", "regions + seam", "none", "patches", "block_matching")
    labels = ["regions", "patches", "regions + block_matching"]
    assert [c.label for c in _judge(candidates=many).candidates(trial)] == labels
    assert [c.label for c in _judge(candidates=many, max_candidates=2).candidates(trial)] == labels[:1]
    assert _judge(candidates=many, max_candidates=1).candidates(trial) == []
    assert _judge(candidates=many, max_s=1e-6).candidates(trial) == []


def test_a_choice_does_not_depend_on_other_holes_or_on_how_often_it_is_made() -> None:
    truth = tiles(120, 300)
    one = blob((120, 300), 55, 60, 18)
    both = one | blob((120, 300), 60, 250, 15)
    judge = _judge()
    fills = [
        fill_image(truth, mask, MeanGenerator(), EXACT, FillSettings(), None, False, None, False, judge)
        for mask in (one, both, both)
    ]
    assert (fills[1].pixels == fills[2].pixels).all()
    first = [next(hole for hole in fill.holes if hole.hole.x < 100) for fill in fills]
    assert first[0].score == first[1].score
    assert (fills[0].pixels[one] == fills[1].pixels[one]).all()
