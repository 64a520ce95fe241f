import pytest
from pydantic import ValidationError

from tasks.judge.candidate import parsed
from tasks.judge.settings import JudgeSettings


def test_it_is_off_unless_asked_for_and_its_candidates_are_real() -> None:
    settings = JudgeSettings()
    assert settings.mode == "off"
    assert [parsed(text).label for text in settings.candidates] == list(settings.candidates)


@pytest.mark.parametrize("candidates", [("nonsense",), ("seam", "seam"), ("seam + grain", "seam+grain")])
def test_unknown_and_repeated_candidates_are_refused(candidates: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match=r"neither|repetition"):
        JudgeSettings(candidates=candidates)


@pytest.mark.parametrize("wrong", [{"margin": 1}, {"max_candidates": 0}, {"max_s": 0}, {"mode": "on"}, {"other": 1}])
def test_impossible_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        JudgeSettings.model_validate(wrong)
