"""What an encoder gives back."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Encoded:
    """An image file, and in `notes` whatever of the original it does not hold as it was: short, for a person."""

    data: bytes
    notes: tuple[str, ...] = ()
