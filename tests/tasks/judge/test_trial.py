import numpy as np

from tasks.correct.corrections import chosen
from tasks.correct.settings import CorrectSettings
from tasks.fill.correction import corrected
from tasks.fill.passes import PASSES
from tasks.judge.candidate import parsed


def test_a_candidate_is_what_the_filling_makes_of_its_pass_and_corrections(damaged) -> None:
    trial = damaged.trial()
    fill, names = trial(parsed("whole + seam"))
    mine = [damaged.hole]
    made = PASSES["whole"].run(damaged.picture, damaged.mask, mine, trial.generator, trial.fill)
    steps = chosen(CorrectSettings(steps=("seam",)))
    ((theirs, _),) = corrected(damaged.picture, damaged.mask, mine, made, steps)
    assert names == ("seam",)
    np.testing.assert_array_equal(fill.values, theirs.values)


def test_each_part_is_made_once(damaged, monkeypatch) -> None:
    trial, runs = damaged.trial(), []
    fill = trial.generator.fill
    monkeypatch.setattr(trial.generator, "fill", lambda crops, masks: runs.append(len(crops)) or fill(crops, masks))
    for text in ("none", "seam", "seam + block_matching", "regions", "none"):
        trial(parsed(text))
    assert runs == [1]
    assert trial(parsed("seam")) is trial(parsed("regions + seam"))


def test_a_pass_suits_as_it_says_and_the_holes_own_always(damaged) -> None:
    trial = damaged.trial("patches")
    assert all(trial.suits(parsed(text)) for text in ("none", "seam", "patches", "regions"))
    narrow = damaged.trial("regions")
    narrow.fill = narrow.fill.model_copy(update={"patch_min_px": 4096})
    assert not narrow.suits(parsed("patches")) and narrow.suits(parsed("seam"))
