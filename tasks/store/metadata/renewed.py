"""Metadata after its embedded pictures were made anew: what every function of this package gives back."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Renewed:
    """`data` has the length of what came in; `notes` are short sentences for the row, none when nothing was embedded."""

    data: bytes
    notes: tuple[str, ...] = ()


@dataclass
class Tally:
    """How many pictures of one kind (`what`: "EXIF thumbnail") were drawn again, and how many had to go."""

    what: str
    anew: int = 0
    dropped: int = 0

    def count(self, anew: bool) -> None:
        """One more, made anew or dropped."""
        self.anew += anew
        self.dropped += not anew

    @property
    def notes(self) -> tuple[str, ...]:
        """What the row says."""
        made = (f"{self.what} made anew",) if self.anew else ()
        return (*made, f"{self.what} dropped") if self.dropped else made


def together(*notes: Iterable[str]) -> tuple[str, ...]:
    """All notes in their order, each once."""
    return tuple(dict.fromkeys(note for some in notes for note in some))
