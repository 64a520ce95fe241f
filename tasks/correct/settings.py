"""Settings of the corrections."""

from pydantic import BaseModel, ConfigDict, field_validator


class CorrectSettings(BaseModel):
    """Which corrections are made to a fill."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    steps: tuple[str, ...] = ()
    """Made to every fill, in this order; none by default."""

    @field_validator("steps")
    @classmethod
    def _known_steps(cls, steps: tuple[str, ...]) -> tuple[str, ...]:
        from tasks.correct.corrections import CORRECTIONS

        if any(name not in CORRECTIONS for name in steps) or len(set(steps)) != len(steps):
            raise ValueError(f"a list, without repetition, of: {', '.join(CORRECTIONS)}")
        return steps
