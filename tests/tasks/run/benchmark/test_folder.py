from pathlib import Path

import numpy as np
import pytest

from tasks.run.benchmark.folder import Folder
from tasks.run.benchmark.method import Damaged, Unavailable
from tests.support import encoded, photo


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "thin/sub").mkdir(parents=True)
    (tmp_path / "thin/sub/b.webp").write_bytes(encoded(photo(72, 96, 1), ".webp"))
    return tmp_path


def test_results_are_found_by_name_whatever_their_suffix(results: Path, damaged: Damaged) -> None:
    folder = Folder(f"folder:{results}", str(results))
    fill = folder.load(1)
    found = fill(damaged)
    assert np.abs(found.astype(int) - photo(72, 96, 1)[:, :, ::-1]).mean() < 12
    before = folder.version("sub/b.png", "thin")
    (results / "thin/sub/b.png").write_bytes(encoded(photo(72, 96, 2), ".png"))  # the photo's own suffix comes first
    assert (fill(damaged) == photo(72, 96, 2)[:, :, ::-1]).all()
    assert folder.version("sub/b.png", "thin") != before


def test_a_result_that_is_not_there_is_skipped(results: Path, damaged: Damaged) -> None:
    folder = Folder(f"folder:{results}", str(results))
    with pytest.raises(Unavailable, match=r"no thick/sub/b\.\* in"):
        folder.load(1)(Damaged(damaged.name, "thick", damaged.pixels, damaged.mask))
    assert folder.version("sub/b.png", "thick") == "not there"


def test_a_result_of_another_size_is_refused(results: Path, damaged: Damaged) -> None:
    (results / "thin/sub/b.png").write_bytes(encoded(photo(36, 48, 2), ".png"))
    with pytest.raises(ValueError, match="48 × 36 px, the photo 96 × 72 px"):
        Folder("folder:x", str(results)).load(1)(damaged)
