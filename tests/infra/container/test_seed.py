import runpy
from pathlib import Path

import pytest

from tests.support import read_sink

SEED = Path(__file__).resolve().parents[3] / "infra/container/seed.py"


def test_photos_and_masks_are_put_where_the_deployments_look_and_again_the_same(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LACUNA_IMAGES", f"{root}/scans")
    monkeypatch.setenv("LACUNA_MASKS", f"{root}/masks")
    main = runpy.run_path(str(SEED))["main"]
    main()
    first = read_sink(root)
    assert len([path for path in first if path.startswith("scans/")]) == 7
    stems = {Path(path).stem for path in first if path.startswith("scans/")}
    assert {Path(path).stem for path in first if path.startswith("masks/")} == stems
    main()
    assert read_sink(root) == first
