import pytest

from tasks.fill.passes import PASSES
from tasks.fill.settings import FillSettings


def test_settings_know_the_registry() -> None:
    assert FillSettings(passes=tuple(PASSES)).passes == tuple(PASSES)


@pytest.mark.parametrize("passes", [(), ("nonsense",), ("whole", "whole")])
def test_unknown_empty_or_repeated_passes_are_refused_with_what_is_allowed(passes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="whole, regions"):
        FillSettings(passes=passes)
