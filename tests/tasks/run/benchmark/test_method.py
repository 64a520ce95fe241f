from pathlib import Path

import pytest

from tasks.run.benchmark.folder import Folder
from tasks.run.benchmark.method import Damaged, Method, Unavailable


def test_a_method_is_given_what_it_needs_and_says_when_it_cannot(tmp_path: Path, damaged: Damaged) -> None:
    method: Method = Folder("folder:x", str(tmp_path))
    with pytest.raises(Unavailable, match="thin/sub/b"):
        method.load(1)(damaged)
    assert damaged.pixels.shape == (*damaged.mask.shape, 3)
