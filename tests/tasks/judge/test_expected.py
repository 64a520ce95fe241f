import json
import math

import pytest

from tasks.correct.corrections import CORRECTIONS
from tasks.fill.passes import PASSES
from tasks.judge.clues import EVIDENCE, of_fill, of_level
from tasks.judge.evidence import KINDS
from tasks.judge.expected import DATA, Model, expected

TREE = {"intercept": -1, "terms": {"a": [2, 4, 0.5], "b": [0, 1, -1]}}


def test_a_model_is_a_weighted_sum_of_what_is_told() -> None:
    model = Model.of(TREE)
    assert model({"a": 10, "b": 3, "unasked": 100}) == pytest.approx(-1 + 0.5 * 2 - 3)
    assert model({"a": 10, "b": math.nan}) == model({"a": 10}) == pytest.approx(0)


@pytest.mark.parametrize("evidence", [False, True])
def test_the_models_that_come_with_the_program_know_only_clues_that_there_are(whole, evidence: bool) -> None:
    found = expected(evidence)
    told = [dict.fromkeys(KINDS, -1.0)] if evidence else []
    level = of_level(of_fill(whole), told)
    assert set(found.level.terms) <= set(level)
    assert 0 < math.exp(found.level(level)) < 20
    assert found.change.intercept == 0 == found.change({})
    assert any(name.startswith(EVIDENCE) for name in found.change.terms) == evidence
    done = {name[1:].partition("(")[0].partition("*")[0] for name in found.change.terms if name[0] == "+"}
    assert done <= {*CORRECTIONS, *PASSES}


def test_evidence_against_a_candidate_raises_what_is_expected_of_it() -> None:
    change = expected(True).change
    kinds = [name for name in change.terms if name.startswith(EVIDENCE)]
    assert change(dict.fromkeys(kinds, 1.0)) > 0


def test_how_they_were_fitted_is_told() -> None:
    how = json.loads(DATA.read_text("utf-8"))["how"]
    assert how["holes"] > 20 and {"blind", "pseudo_holes"} <= how["others"].keys()
