from __future__ import annotations

import pytest

from models.training import clock
from models.training.clock import Clock


@pytest.fixture
def now(monkeypatch):
    time = [100.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: time[0])
    return time


def test_pauses_do_not_count(now):
    watch = Clock(10)
    now[0] += 5
    assert watch.tick() == 15
    now[0] += 3600  # the lid was closed
    assert watch.tick() == 75
    now[0] += 1
    assert watch.tick() == watch.spent_s == 76


def test_what_remains_is_told_by_how_fast_it_went():
    watch = Clock(60)
    assert watch.remaining(0.5) == "50% done, 60 s left"
    assert watch.remaining(0.1) == "10% done, 9 min left"
    assert watch.remaining(0.004) == "0% done, 4.2 h left"
    assert watch.remaining(0) == "0% done" and watch.remaining(1.2) == "100% done"
