"""Two hundred scenarios in one process: storage that fails in every way, workers and runs that die, sinks that were damaged.

A seed that fails is in the test's name: `pytest -k seed-017` plays it again, the same.
"""

from pathlib import Path

import pytest

from tests.chaos.play import Undisturbed, play
from tests.chaos.scenario import scenario

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

SEEDS = 260


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("seed", range(SEEDS), ids=lambda seed: f"seed-{seed:03d}")
def test_nothing_is_lost_nothing_is_done_twice_and_a_rerun_makes_it_whole(
    seed: int, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    what = scenario(seed)
    print(what)
    play(what, tmp_path, undisturbed)
