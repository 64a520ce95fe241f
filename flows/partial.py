"""The settings tree as a form asks for it: every key may be left empty, which means what the recipe says."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from flows.settings import Settings


def partial(model: type[BaseModel]) -> type[BaseModel]:
    """A model with the same keys, limits and descriptions, at every depth; each may be left out, or be null."""
    fields: dict[str, Any] = {name: _optional(field) for name, field in model.model_fields.items()}
    config = ConfigDict(frozen=True, extra="forbid", title=model.__name__)
    return create_model(f"Partial{model.__name__}", __config__=config, __doc__=model.__doc__, **fields)


def changes(part: BaseModel) -> dict[str, Any]:
    """What a partial model says, as plain values for `flows.settings.compose`: keys that are null or left out are not in it."""
    return part.model_dump(mode="json", exclude_none=True)


def _optional(field: FieldInfo) -> tuple[Any, Any]:
    """The type and default of a key that may be left out; a room stays a room, with nothing said in it."""
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        room = partial(kind)
        return room, Field(default_factory=room, description=field.description or kind.__doc__)
    if field.metadata:
        kind = Annotated[kind, *field.metadata]  # type: ignore[assignment] # a special form, which pydantic takes too
    usual = field.get_default(call_default_factory=True)
    said = f"{field.description or ''} Without a recipe: {usual!r}." if usual is not None else field.description
    return kind | None, Field(default=None, description=said)  # type: ignore[operator]


if TYPE_CHECKING:

    class PartialSettings(BaseModel):
        """What `partial(Settings)` makes, for type checkers."""

else:
    PartialSettings = partial(Settings)
