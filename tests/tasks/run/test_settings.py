import json

import pytest
from pydantic import ValidationError

from tasks.run.settings import ItemSettings, LimitSettings, RuntimeSettings, lay_over


def test_dotted_and_nested_overrides_are_the_same() -> None:
    base = ItemSettings()
    nested = base.overridden(json.dumps({"mask": {"dilate_px": 7}}))
    dotted = base.overridden(json.dumps({"mask.dilate_px": 7}))
    assert nested == dotted
    assert nested.mask.dilate_px == 7
    assert nested.fill == base.fill


def test_the_digest_follows_what_decides_pixels_and_nothing_else() -> None:
    base = ItemSettings()
    assert base.sha256() == ItemSettings().sha256()
    assert base.overridden(None) is base
    assert base.overridden('{"mask": {"dilate_px": 7}}').sha256() != base.sha256()


@pytest.mark.parametrize("override", ['{"mask": {"dilate": 7}}', '{"limits": {"max_mp": 7}}', '{"mask.dilate_px": -1}'])
def test_an_override_outside_the_item_settings_is_refused(override: str) -> None:
    with pytest.raises(ValidationError):
        ItemSettings().overridden(override)


def test_an_override_cannot_change_the_generator() -> None:
    with pytest.raises(ValueError, match="model"):
        ItemSettings().overridden('{"model.name": "big-lama"}')


def test_lay_over_merges_in_depth() -> None:
    tree = {"a": {"b": 1, "c": 2}}
    lay_over(tree, {"a.b": 3, "a": {"d": 4}, "e": 5})
    assert tree == {"a": {"b": 3, "c": 2, "d": 4}, "e": 5}


@pytest.mark.parametrize(
    "values", [{"threads": 0}, {"actors": "many"}, {"gpus_per_actor": 0}, {"min_actors": 5, "max_actors": 4}]
)
def test_impossible_widths_are_refused(values: dict) -> None:
    with pytest.raises(ValidationError):
        RuntimeSettings(**values)


def test_a_failed_fraction_is_a_fraction() -> None:
    with pytest.raises(ValidationError):
        LimitSettings(max_failed_fraction=2)
