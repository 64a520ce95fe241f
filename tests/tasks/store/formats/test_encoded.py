from dataclasses import FrozenInstanceError

import pytest

from tasks.store.formats.encoded import Encoded


def test_a_file_without_notes_is_as_it_was() -> None:
    encoded = Encoded(b"data")
    assert encoded.notes == ()
    with pytest.raises(FrozenInstanceError):
        encoded.data = b""  # type: ignore[misc]
