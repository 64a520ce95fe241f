"""Settings of the catalog: `source.*`."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from tasks.catalog.pairing import Template


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class SourceSettings(BaseModel):
    """Where images and masks may lie, and how they belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pair: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(
        default=("{dir}{stem}.*", "{dir}{stem}_mask{n}.*"),
        min_length=1,
        description="One template or several for the path of an image's mask, relative to MASKS (or to IMAGES when "
        "MASKS is not given). Placeholders: {dir} {stem} {name} {suffix} {n} and *.",
    )
    allowed_protocols: tuple[str, ...] = Field(
        default=("file", "s3", "gs", "gcs", "abfs", "az"),
        min_length=1,
        description="Protocols of IMAGES and MASKS. A plain path is `file`.",
    )
    root: str | None = Field(
        default=None,
        description="For a manifest: the folder that its paths are relative to and must lie in (default: its own).",
    )

    @field_validator("pair")
    @classmethod
    def _templates(cls, pair: tuple[str, ...]) -> tuple[str, ...]:
        for text in pair:
            Template(text)
        return pair
