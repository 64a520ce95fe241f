import numpy as np
import pytest

from tasks.correct.settings import CorrectSettings
from tasks.fill.settings import FillSettings
from tasks.judge.calibration import Tried, standings, tried, worth_trying
from tasks.judge.choice import Judge
from tasks.judge.settings import JudgeSettings
from tests.tasks.judge.conftest import MeanGenerator


def _trials(ratios: dict[str, list[float]]) -> list[tuple[str, Tried]]:
    return [
        (f"item {number}", Tried(0, 0, 500, "regions", name, ratio))
        for name, values in ratios.items()
        for number, ratio in enumerate(values)
    ]


def test_standings_are_means_and_shares() -> None:
    trials = _trials({"a": [-0.2, -0.2, 0.1, 0.0], "b": [0.3, -0.4, 0.2, 0.1]})
    first, second = standings(trials)
    assert (first.candidate, first.holes, first.better, first.worse, first.best) == ("a", 4, 0.5, 0.25, 1)
    assert first.ratio == pytest.approx(np.exp(-0.075))
    assert first.deviation == pytest.approx(np.std([-0.2, -0.2, 0.1, 0.0], ddof=1) / 2)
    assert (second.candidate, second.best) == ("b", 1)
    assert standings(trials[::-1]) == [first, second]


def test_a_candidate_is_worth_trying_for_what_the_others_do_not_bring() -> None:
    wide = [-0.5, -0.5, -0.5, 0.0]
    found = worth_trying(_trials({"wide": wide, "like it": [-0.4, -0.4, -0.4, 0.2], "other": [0.9, 0.9, 0.9, -0.3]}))
    assert found == ["wide", "other"]


def test_of_two_that_are_as_good_the_simpler_is_tried() -> None:
    found = worth_trying(_trials({"patches + grain": [-0.5001, -0.3], "patches": [-0.5, -0.3]}))
    assert found == ["patches"]


def test_what_never_helps_is_not_worth_trying() -> None:
    assert worth_trying(_trials({"a": [0.1, 0.2], "b": [0.0, 0.5]})) == []
    assert worth_trying([]) == []


def test_where_the_texture_is_all_around_copies_of_it_are_found_to_be_worth_it(damaged) -> None:
    settings = JudgeSettings(mode="pseudo_holes", candidates=("none", "patches"), pseudo_holes=2)
    judge = Judge(settings, CorrectSettings(steps=("seam",)))
    found = tried(damaged.picture, damaged.mask, judge, MeanGenerator(), FillSettings(passes=("regions",)))
    assert {each.candidate for each in found} == {"regions", "patches"}
    assert worth_trying([("a", each) for each in found])[0] == "patches"
    small = Judge(settings.model_copy(update={"min_px": 10**6}), judge.correct)
    assert tried(damaged.picture, damaged.mask, small, MeanGenerator(), FillSettings()) == []
