from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from flows.partial import PartialSettings, changes, partial
from flows.settings import Settings, compose, recipe_names


def leaves(model: type[BaseModel], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Paths of all keys that are no rooms."""
    found = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        inner = isinstance(kind, type) and issubclass(kind, BaseModel)
        found += leaves(kind, (*path, name)) if inner else [(*path, name)]  # type: ignore[arg-type]
    return found


def at(tree: dict[str, Any], path: tuple[str, ...]) -> Any:
    for part in path:
        tree = tree[part]
    return tree


def test_it_has_the_keys_of_the_tree_and_says_nothing_by_itself() -> None:
    assert leaves(PartialSettings) == leaves(Settings)
    assert all(at(PartialSettings().model_dump(), path) is None for path in leaves(Settings))
    for recipe in recipe_names():
        assert compose(recipe, changes=changes(PartialSettings())) == compose(recipe)


@given(st.sampled_from(leaves(Settings)), st.sampled_from(recipe_names()))
def test_a_key_that_is_said_wins_over_the_recipe_and_others_stay(path: tuple[str, ...], recipe: str) -> None:
    value = at(Settings().model_dump(mode="json"), path)
    said: Any = value
    for part in reversed(path):
        said = {part: said}
    expected = compose(recipe).model_dump(mode="json")
    if value is not None:  # null is a key left empty
        at(expected, path[:-1])[path[-1]] = value
    assert compose(recipe, changes=changes(PartialSettings.model_validate(said))).model_dump(mode="json") == expected


@pytest.mark.parametrize(
    "wrong", [{"fill": {"contexts": 2}}, {"fills": {}}, {"fill": {"context": 0.5}}, {"limits": {"max_mp": "much"}}]
)
def test_unknown_keys_and_impossible_values_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PartialSettings.model_validate(wrong)


def test_the_schema_says_what_a_key_means_and_may_be() -> None:
    schema = PartialSettings.model_json_schema()
    for path in leaves(Settings):
        where = schema
        for part in path[:-1]:
            where = schema["$defs"][where["properties"][part]["$ref"].rpartition("/")[2]]
        key = where["properties"][path[-1]]
        assert key["description"], path
        assert {"type": "null"} in key["anyOf"], path
        assert where["additionalProperties"] is False
    mp = schema["$defs"][schema["properties"]["limits"]["$ref"].rpartition("/")[2]]["properties"]["max_mp"]
    assert mp["anyOf"][0]["exclusiveMinimum"] == 0


def test_any_tree_of_models_has_a_part() -> None:
    class Room(BaseModel):
        width: int = 3

    class House(BaseModel):
        room: Room = Room()
        name: str | None = None

    assert changes(partial(House).model_validate({"room": {"width": None}, "name": "a"})) == {"room": {}, "name": "a"}
