import pytest
from pydantic import ValidationError

from tasks.correct.settings import CorrectSettings


@pytest.mark.parametrize("steps", [("nonsense",), ("seam", "seam")])
def test_unknown_or_repeated_steps_are_refused_with_what_is_allowed(steps: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="seam"):
        CorrectSettings(steps=steps)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        CorrectSettings().steps = ("seam",)  # type: ignore[misc]
