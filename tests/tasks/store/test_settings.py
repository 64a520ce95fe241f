import pytest
from pydantic import ValidationError

from tasks.store.settings import OutputSettings


def test_by_default_nothing_is_lost() -> None:
    settings = OutputSettings()
    assert settings.jpeg_splice
    assert settings.webp_quality is None
    assert settings.on_change == "refuse"


@pytest.mark.parametrize("wrong", [{"webp_quality": 0}, {"webp_quality": 101}, {"on_change": "mix"}, {"quality": 3}])
def test_what_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OutputSettings.model_validate(wrong)
