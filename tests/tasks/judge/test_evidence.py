from tasks.judge.candidate import parsed
from tasks.judge.evidence import KINDS, evidence
from tasks.judge.pseudo_holes import pseudo_holes


def _says(damaged, *candidates: str) -> dict[str, dict[str, float]]:
    trial = damaged.trial()
    plain = parsed("seam")
    (pseudo,) = pseudo_holes(damaged.picture, damaged.mask, damaged.hole, trial(plain)[0], 1)
    tried = [parsed(text) for text in candidates]
    found = evidence(pseudo, "regions", plain, tried, trial.generator, trial.fill, trial.correct)
    return {each.label: told for each, told in found.items()}


def test_where_the_texture_is_all_around_copies_of_it_are_said_to_be_better(damaged) -> None:
    found = _says(damaged, "block_matching(kept=2)", "patches")
    assert list(found) == ["seam", "block_matching(kept=2)", "patches"]
    assert all(set(told) == set(KINDS) for told in found.values())
    assert found["patches"]["texture"] < found["seam"]["texture"] - 0.2
    assert found["block_matching(kept=2)"]["texture"] < found["seam"]["texture"] - 0.1


def test_the_same_is_said_again(damaged) -> None:
    assert _says(damaged, "patches", "none") == _says(damaged, "patches", "none")
