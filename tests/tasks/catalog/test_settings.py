import pytest
from pydantic import ValidationError

from tasks.catalog.settings import SourceSettings


def test_one_template_is_a_list_of_one() -> None:
    assert SourceSettings.model_validate({"pair": "{stem}.png"}).pair == ("{stem}.png",)
    assert SourceSettings.model_validate({"pair": ["{stem}.png", "{stem}_m.png"]}).pair == (
        "{stem}.png",
        "{stem}_m.png",
    )


@pytest.mark.parametrize(
    "wrong", [{"pair": "{sten}.png"}, {"pair": []}, {"pair": 3}, {"allowed_protocols": []}, {"pairs": "{stem}.*"}]
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SourceSettings.model_validate(wrong)


def test_a_wrong_placeholder_is_told_what_is_allowed() -> None:
    with pytest.raises(ValidationError, match=r"\{stem\}"):
        SourceSettings(pair=("{image}.png",))


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        SourceSettings().root = "x"
