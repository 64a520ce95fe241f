from pathlib import Path

import pytest

from tasks.publish.provenance import ROOT, code_version
from tasks.run.benchmark import version
from tasks.run.benchmark.version import benchmark_version


def test_it_covers_what_damages_and_measures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert benchmark_version().startswith(code_version() + ".")
    assert all(any(ROOT.glob(pattern)) for pattern in version.MEASURES)
    house = tmp_path / "house"
    (house / "models/training").mkdir(parents=True)
    file = house / "models/training/masks.py"
    monkeypatch.setattr(version, "ROOT", house)
    found = set()
    for text in ("one", "two", "two"):
        file.write_text(text)
        found.add(benchmark_version.__wrapped__())
    (house / "models/training/loop.py").write_text("training decides nothing here")
    found.add(benchmark_version.__wrapped__())
    assert len(found) == 2
