from tasks.store.metadata.renewed import Renewed, Tally, together


def test_tally_says_what_happened() -> None:
    tally = Tally("XMP thumbnail")
    assert not tally.notes
    tally.count(True)
    tally.count(True)
    assert tally.notes == ("XMP thumbnail made anew",)
    tally.count(False)
    assert tally.notes == ("XMP thumbnail made anew", "XMP thumbnail dropped")


def test_together_keeps_each_note_once() -> None:
    assert together(("a", "b"), (), ("b", "c")) == ("a", "b", "c")
    assert Renewed(b"x").notes == ()
