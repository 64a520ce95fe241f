"""The settings tree: each room defines and documents its own branch, here they are composed and checked."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from tasks.catalog.settings import SourceSettings
from tasks.errors import UsageError
from tasks.run.settings import ItemSettings, LimitSettings, RuntimeSettings, lay_over

RECIPES = Path(__file__).with_name("recipes.yaml")


class Settings(ItemSettings):
    """All settings of a run, frozen. Unknown keys and impossible values are refused before anything is read."""

    source: SourceSettings = SourceSettings()
    runtime: RuntimeSettings = RuntimeSettings()
    limits: LimitSettings = LimitSettings()

    def of_items(self) -> ItemSettings:
        """The part that decides pixels."""
        return ItemSettings(**{name: getattr(self, name) for name in ItemSettings.model_fields})


def compose(
    recipe: str = "balanced",
    assignments: list[str] | None = None,
    model: str | None = None,
    changes: dict[str, Any] | None = None,
) -> Settings:
    """Defaults, then the recipe (a name or a YAML file), then `model`, then what wins over the recipe.

    That is `key.sub=value` assignments (values are YAML) from a command, `changes` (a tree of plain values) from elsewhere.
    Raises UsageError with the key's path and what is allowed.
    """
    tree = _recipe(recipe)
    if model is not None:
        lay_over(tree, {"model": {"name": model}})
    for assignment in assignments or []:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise UsageError(f"--set {assignment}: write key.sub=value")
        try:
            lay_over(tree, {key.strip(): yaml.safe_load(value)})
        except yaml.YAMLError as error:
            raise UsageError(f"--set {key}: the value is no YAML: {error}") from error
    lay_over(tree, changes or {})
    return validated(tree)


def validated(tree: dict[str, Any]) -> Settings:
    """A tree of plain values -> Settings. Raises UsageError."""
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise UsageError("\n".join(explain(error, Settings))) from error


def explain(error: ValidationError, root: type[BaseModel]) -> list[str]:
    """One line for each mistaken key: its path, what is wrong, what is allowed."""
    said: dict[str, list[str]] = {}
    given: dict[str, str] = {}
    for mistake in error.errors():
        path = [str(part) for part in mistake["loc"]]
        if mistake["type"] == "extra_forbidden":
            message = f"there is no such setting; allowed here: {', '.join(_keys(root, path[:-1]))}"
            said.setdefault(".".join(path), []).append(message)
            continue
        key = ".".join(_known(root, path)) or "settings"
        said.setdefault(key, []).append(mistake["msg"])
        if not isinstance(mistake["input"], dict | BaseModel):
            given[key] = f" (given: {mistake['input']!r})"
    return [f"{key}: {'; or: '.join(dict.fromkeys(messages))}{given.get(key, '')}" for key, messages in said.items()]


def recipe_names() -> list[str]:
    """The named recipes."""
    return list(yaml.safe_load(RECIPES.read_text("utf-8")))


def _recipe(recipe: str) -> dict[str, Any]:
    named = yaml.safe_load(RECIPES.read_text("utf-8"))
    if recipe in named:
        return dict(named[recipe])
    path = Path(recipe)
    if not path.is_file():
        raise UsageError(f"--recipe {recipe}: neither a recipe ({', '.join(named)}) nor a file")
    try:
        tree = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"--recipe {recipe}: no YAML: {error}") from error
    if not isinstance(tree or {}, dict):
        raise UsageError(f"--recipe {recipe}: not a mapping of settings")
    return dict(tree or {})


def _known(root: type[BaseModel], path: list[str]) -> list[str]:
    """The part of a mistake's place that is keys; pydantic appends which member of a union it tried."""
    known: list[str] = []
    while path and path[0] in _keys(root, known):
        known.append(path.pop(0))
    return known


def _keys(root: type[BaseModel], path: list[str]) -> list[str]:
    model: Any = root
    for part in path:
        field = model.model_fields.get(part)
        model = field.annotation if field is not None else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
    return list(model.model_fields)
