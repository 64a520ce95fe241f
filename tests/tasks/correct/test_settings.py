import pytest
from pydantic import ValidationError

from tasks.correct.settings import ColourTransferSettings, CorrectSettings


@pytest.mark.parametrize("steps", [("nonsense",), ("seam", "seam")])
def test_unknown_or_repeated_steps_are_refused_with_what_is_allowed(steps: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="seam"):
        CorrectSettings(steps=steps)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        CorrectSettings().steps = ("seam",)  # type: ignore[misc]


def test_weights_by_name_are_the_reports() -> None:
    plain = ColourTransferSettings()
    for name, weights in {
        "light": (0.01, 0.005, 0, 1),
        "even": (0.1, 0.1, 0.1, 0.1),
        "strict": (0.5, 0.5, 0.5, 100),
    }.items():
        found = plain.weighted(name)
        assert (found.fidelity, found.structure, found.variation, found.transport) == weights
        assert found.boundary == plain.boundary
    with pytest.raises(KeyError):
        plain.weighted("nonsense")
