import numpy as np
import pytest

from tasks.judge.frechet import frechet_distance
from tasks.publish.benchmark.rows import SCHEMA
from tasks.publish.benchmark.summary import bootstrap, summarise
from tasks.publish.schema import to_table


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        found = bootstrap(rng.normal(3, 2, 40))
        assert found.low < found.mean < found.high
        hits += found.low <= 3 <= found.high
    assert 0.88 < hits / 200 < 0.99


def test_the_interval_is_seeded_and_narrows() -> None:
    values = np.random.default_rng(1).normal(size=400)
    assert bootstrap(values) == bootstrap(values)
    wide, narrow = bootstrap(values[:25]), bootstrap(values)
    assert narrow.high - narrow.low < 0.5 * (wide.high - wide.low)
    same = bootstrap(np.full(5, 2.5))
    assert (same.mean, same.low, same.high) == (2.5, 2.5, 2.5)
    shifted = bootstrap(values + 7)  # resampled alike: methods on the same photos compare
    assert shifted.high - shifted.low == pytest.approx(narrow.high - narrow.low)


def test_scores_count_what_is_there(row) -> None:
    rows = [row(n) for n in range(4)] + [row(9, status="failed", psnr=None, message="too large")]
    rows += [row(n, "patchmatch", status="skipped", psnr=None, message="not installed") for n in range(2)]
    telea, patchmatch, thick = summarise(to_table(rows, SCHEMA), ["thin"], ["telea", "patchmatch"]) + summarise(
        to_table(rows, SCHEMA), ["thick"], ["telea"]
    )
    assert (telea.photos, telea.failed, telea.skipped, telea.message) == (4, 1, 0, "too large")
    assert telea.means["psnr"].mean == pytest.approx(21.5)
    assert telea.means.keys() == {"psnr"}
    assert (patchmatch.photos, patchmatch.skipped, patchmatch.means) == (0, 2, {})
    assert (thick.photos, thick.fid) == (0, None)


def test_the_order_of_rows_does_not_matter(row) -> None:
    rows = [row(n, psnr=float(n * n % 7)) for n in range(9)]
    tables = [to_table(some, SCHEMA) for some in (rows, rows[::-1])]
    assert summarise(tables[0], ["thin"], ["telea"]) == summarise(tables[1], ["thin"], ["telea"])


def test_fid_is_of_the_set(row) -> None:
    rng = np.random.default_rng(2)
    filled, truth = rng.normal(size=(2, 12, 5)).astype(np.float32)
    rows = [row(n, pooled=filled[n].tolist(), pooled_truth=truth[n].tolist()) for n in range(12)]
    (score,) = summarise(to_table(rows, SCHEMA), ["thin"], ["telea"])
    assert score.fid == pytest.approx(frechet_distance(filled.astype(np.float64), truth.astype(np.float64)))
