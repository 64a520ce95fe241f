"""Settings of the judge, which chooses among fills of a hole."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class JudgeSettings(BaseModel):
    """Which other fills are made of a hole, and when one of them takes the place of the plain one.

    The plain fill is what `fill.passes` and `correct.steps` make.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    mode: Literal["off", "blind", "pseudo_holes"] = "off"
    """`off`: plain fills; `blind`: by measures without truth; `pseudo_holes`: also by how the candidates do where the hole's
    shape is laid over known pixels nearby."""
    candidates: tuple[str, ...] = (
        "patches",
        "regions + seam + block_matching(kept=2)",
        "regions + block_matching(block_px=12, kept=2)",
        "regions + block_matching(block_px=48, kept=2)",
        "regions + block_matching(kept=2)",
        "regions + seam + colour_transfer",
        "patches + grain",
    )
    """Tried in this order: `[pass +] correction[(key=value, …)] [+ …]`, the pass that of the plain fill where none is named;
    `none`: that pass without corrections. One whose pass does not suit a hole, or that is the plain fill, is left out."""
    max_candidates: int = Field(8, ge=1, le=256)
    """Fills of one hole, the plain one included."""
    max_s: float = Field(20, gt=0)
    """What the candidates of one hole may cost, in seconds of one core as `tasks/judge/cost.py` reckons them from the hole's
    size: never by the clock, so that the same hole always has the same candidates."""
    # 70 holes of 29 photographs, half of them fitted to, by turns: of 100 others 13 to 15 became worse by more than 5 % with
    # 0.05, 6 to 8 with 0.1, 3 with 0.12; the mean error was 0.89 and 0.85, 0.88 and 0.86, 0.88 and 0.86 of the plain fill's.
    margin: float = Field(0.12, ge=0, lt=1)
    """The expected error of a candidate must be lower by this share than the plain fill's."""
    pseudo_holes: int = Field(2, ge=1, le=16)
    """At most so many for each hole, in `mode: pseudo_holes`."""
    min_px: int = Field(400, ge=1)
    """A hole of fewer pixels keeps its plain fill: nobody sees a difference."""

    @field_validator("candidates")
    @classmethod
    def _known_candidates(cls, candidates: tuple[str, ...]) -> tuple[str, ...]:
        from tasks.judge.candidate import parsed

        if len({parsed(text) for text in candidates}) != len(candidates):
            raise ValueError("a list without repetition")
        return candidates
