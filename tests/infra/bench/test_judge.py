import json
import math
from pathlib import Path

import numpy as np
import pytest

from tasks.judge.evidence import KINDS
from tasks.judge.expected import Model

BENCH = Path(__file__).parents[3] / "infra" / "bench"
OTHERS = ("patches", "block_matching(kept=2)", "none")


@pytest.fixture(autouse=True)
def bench_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))


def _holes(count: int, told: float, seed: int = 0) -> list[dict[str, object]]:
    """Holes whose error grows with depth, and whose candidates are as good as coherence says, or evidence (`told`)."""
    rng = np.random.default_rng(seed)
    names = ("ring_edges", "ring_spread", "seam", "coherence", "colour_shift", "sharpness", "grain")
    found = []
    for number in range(count):
        depth = rng.normal()
        clues = {"depth_px": depth, **{name: rng.normal() for name in names}}
        plain = math.exp(0.5 * depth)
        zero = dict.fromkeys(KINDS, 0.0)
        rows = [{"candidate": "seam", "clues": clues, "change": 0.0, "evidence": [zero], "feature": plain, "rmse": 0.1}]
        for label in OTHERS:
            gain = rng.normal(0, 0.2)
            says = dict.fromkeys(KINDS, told * gain)
            seen = {**clues, "coherence": clues["coherence"] - (1 - told) * gain}
            rows.append(
                {"candidate": label, "clues": seen, "change": 0.05, "evidence": [says]}
                | {"feature": plain * math.exp(gain), "rmse": 0.1}
            )
        found.append({"photo": number, "hole": 0, "area": 1000, "pass": "regions", "candidates": rows})
    return found


@pytest.mark.parametrize("told", [0.0, 1.0])
def test_what_the_clues_say_is_found_and_chosen_by(told: float) -> None:
    import judge

    models, figures = judge.report(_holes(60, told), margin=0.05)
    seen = figures["pseudo_holes" if told else "blind"]
    assert seen["holes"] == 30
    assert seen["rank_correlation"] > 0.8 and seen["tau"] > 0.7 and seen["closed"] > 0.8 and seen["worse"] == 0
    assert judge.kept(seen)
    if told:
        assert figures["blind"]["tau"] < 0.5
        assert not judge.kept(figures["blind"])
    json.dumps(models)


def test_where_nothing_can_be_known_the_plain_fill_stays() -> None:
    import judge

    holes = _holes(60, 0.5)
    rng = np.random.default_rng(3)
    for hole in holes:
        for row in hole["candidates"][1:]:
            row["feature"] = hole["candidates"][0]["feature"] * math.exp(rng.normal(0, 0.2))
    _, figures = judge.report(holes, margin=0.2)
    assert figures["pseudo_holes"]["worse"] <= 0.1
    assert not judge.kept(figures["pseudo_holes"])


def test_what_equals_the_plain_fill_is_no_candidate() -> None:
    import judge

    (hole,) = _holes(1, 0)
    hole["candidates"][2]["change"] = 0.0
    assert [label for label, *_ in judge.changes(hole, False)] == ["patches", "none"]


def test_a_ridge_without_penalty_finds_the_weights() -> None:
    import judge

    rng = np.random.default_rng(1)
    samples = [judge.Sample(0, {"a": a, "b": b}, 2 * a - b + 1) for a, b in rng.normal(size=(50, 2))]
    model = Model.of(judge.fitted(samples, 1e-9, True))
    assert model({"a": 1.0, "b": 0.0}) == pytest.approx(3, abs=1e-2)
    mean = model.terms["b"].mean
    assert model({"a": 1.0, "b": math.nan}) == pytest.approx(3 - mean, abs=1e-2)  # what is not told is as on average
