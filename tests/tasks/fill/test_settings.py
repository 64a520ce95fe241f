import pytest
from pydantic import ValidationError

from tasks.fill.settings import FillSettings, MaskSettings


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (MaskSettings, {"threshold": 256}),
        (MaskSettings, {"polarity": "grey"}),
        (MaskSettings, {"colour": "red"}),
        (MaskSettings, {"sorce": "file"}),
        (FillSettings, {"context": 0.5}),
        (FillSettings, {"min_region_px": 1}),
    ],
)
def test_impossible_values_and_unknown_keys_are_refused(model: type, values: dict) -> None:
    with pytest.raises(ValidationError, match=next(iter(values))):
        model(**values)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        MaskSettings().threshold = 3  # type: ignore[misc]
