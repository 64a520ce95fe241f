"""Long mixes of faults, by hand: `pytest -m nightly tests/chaos`. LACUNA_TEST_MIXES=from-to chooses other seeds."""

import os
from pathlib import Path

import pytest

from tests.chaos.play import Undisturbed, play
from tests.chaos.scenario import mixed

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.nightly]

FIRST, LAST = map(int, os.environ.get("LACUNA_TEST_MIXES", "10000-11999").split("-"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("seed", range(FIRST, LAST + 1), ids=lambda seed: f"seed-{seed}")
def test_long_mixes_end_well(seed: int, tmp_path: Path, undisturbed: Undisturbed) -> None:
    what = mixed(seed, most=6)
    print(what)
    play(what, tmp_path, undisturbed)
