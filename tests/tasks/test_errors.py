import pickle

import pytest

from tasks import errors
from tasks.errors import ERROR_TYPES, ItemError, UsageError

# The column `error` is scripted against: these names are fixed.
NAMED = """DuplicateItem, ImageUnreadable, ImageTruncated, ImageTooLarge, ImageEmpty, ImageUnsupported, MaskMissing,
MaskUnreadable, MaskSizeMismatch, MaskAmbiguous, MaskCoversAll, PairAmbiguous, StorageDenied, StorageUnavailable, OutOfMemory,
WorkerDied, Timeout, UnexpectedError"""


def test_the_types_of_failed_items() -> None:
    assert sorted(name.strip() for name in NAMED.split(",")) == list(ERROR_TYPES)


@pytest.mark.parametrize("name", ERROR_TYPES)
def test_each_is_an_item_error_that_says_what_it_is_and_travels(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, ItemError)
    assert kind.__doc__
    back = pickle.loads(pickle.dumps(kind("why")))
    assert (type(back), str(back)) == (kind, "why")


def test_wrong_usage_is_no_failed_item() -> None:
    assert not issubclass(UsageError, ItemError)
    assert not issubclass(ItemError, UsageError)


def test_every_type_has_an_advice_in_the_report() -> None:
    from tasks.publish.report.advice import WHAT_TO_DO

    assert set(WHAT_TO_DO) == set(ERROR_TYPES)
