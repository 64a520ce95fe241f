import pytest

from tasks.correct.block_matching import BlockMatching
from tasks.correct.colour_transfer import ColourTransfer
from tasks.correct.corrections import CORRECTIONS
from tasks.correct.settings import CorrectSettings
from tasks.fill.passes import PASSES
from tasks.judge.candidate import Candidate, Step, parsed

NAMES = [*CORRECTIONS, *PASSES, *(f"{name} + {step}" for name in PASSES for step in CORRECTIONS)]


@pytest.mark.parametrize("text", ["none", *NAMES, "patches + block_matching(block_px=12, kept=2.0) + seam"])
def test_what_is_written_is_read(text: str) -> None:
    assert parsed(text).label == text


def test_it_says_which_pass_and_which_corrections_in_their_order() -> None:
    made = parsed(" whole+ seam +block_matching( block_px=12 )")
    assert made == Candidate("whole", (Step("seam"), Step("block_matching", (("block_px", 12),))))
    assert made.parts == ("seam", "block_matching", "block_matching(block_px=12)")
    assert list(made.corrections(CorrectSettings())) == ["seam", "block_matching(block_px=12)"]


def test_ways_to_run_the_generator_are_of_one_kind_and_a_pass_may_be_left_open() -> None:
    assert parsed("regions").parts == parsed("none").parts == ()
    assert parsed("patches + seam").parts == ("patches", "seam")
    assert parsed("seam").by("whole") == parsed("whole + seam")
    assert parsed("patches + seam").by("whole") == parsed("patches + seam")


@pytest.mark.parametrize(
    "text",
    [
        *("", "nonsense", "seam + patches", "patches + whole", "patches(px=2)", "seam + seam", "seam +", "none + seam"),
        *("block_matching(12)", "block_matching(sides=12)", "block_matching(block_px=1)", "block_matching(=2)"),
        *("seam(strength=2)", "colour_transfer(weights=nonsense)", "block_matching(block_px=12"),
    ],
)
def test_what_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parsed(text)


def test_options_change_only_what_they_name() -> None:
    base = CorrectSettings.model_validate({"block_matching": {"candidates": 3}})
    (made,) = parsed("block_matching(block_px=12)").corrections(base).values()
    assert isinstance(made, BlockMatching)
    assert (made.settings.block_px, made.settings.candidates) == (12, 3)
    (plain,) = parsed("block_matching").corrections(base).values()
    assert isinstance(plain, BlockMatching) and plain.settings == base.block_matching


def test_weights_go_by_name_and_other_options_beside_them() -> None:
    (made,) = parsed("colour_transfer(weights=strict, seed=4)").corrections(CorrectSettings()).values()
    assert isinstance(made, ColourTransfer)
    assert made.settings == CorrectSettings().colour_transfer.weighted("strict").model_copy(update={"seed": 4})
