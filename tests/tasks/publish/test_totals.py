import pytest

from tasks.publish.schema import RESULTS_SCHEMA, to_table
from tasks.publish.totals import STATUSES, failed_fraction, totals


def test_nothing_is_counted_as_nothing() -> None:
    counted = totals(RESULTS_SCHEMA.empty_table())
    assert counted == {"items": 0, **dict.fromkeys(STATUSES, 0), "errors": {}, "megapixels": 0, "holes": 0}
    assert failed_fraction(counted) == 0


def test_every_row_is_counted_once() -> None:
    rows = [{"status": "ok", "width": 1000, "height": 500, "holes": 3}, {"status": "unchanged", "holes": 0}]
    rows += [{"status": "failed", "error": e} for e in ("Timeout", "ImageEmpty", "ImageEmpty")]
    # One more pixel than 32 bits can count, several times over.
    rows += [{"status": "skipped", "width": 70_000, "height": 70_000}] * 2
    counted = totals(to_table(rows, RESULTS_SCHEMA))
    assert counted["items"] == sum(counted[status] for status in STATUSES) == 7
    assert counted["errors"] == {"ImageEmpty": 2, "Timeout": 1}
    assert list(counted["errors"]) == ["ImageEmpty", "Timeout"]  # the most frequent first
    assert (counted["holes"], counted["megapixels"]) == (3, 9800.5)
    assert failed_fraction(counted) == pytest.approx(3 / 7)
