from pathlib import Path

import pytest

from tasks.publish import provenance


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files that decide pixels, and one that does not."""
    for pattern in (*provenance.DECIDES_PIXELS, "flows/*.py"):
        for path in provenance.ROOT.glob(pattern):
            copy = tmp_path / path.relative_to(provenance.ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    return tmp_path


def version() -> str:
    return provenance.code_version.__wrapped__()


def test_it_is_the_same_wherever_the_house_stands(house: Path) -> None:
    assert version() == provenance.code_version()
    number, _, digest = version().partition("+")
    assert number in {"0.1.0", "unknown"}
    assert len(digest) == 12


def test_it_follows_what_decides_pixels(house: Path) -> None:
    before = version()
    for name in ("models/lama.py", "tasks/fill/mask.py", "tasks/store/formats/png.py", "tasks/run/item.py"):
        path = house / name
        kept = path.read_bytes()
        path.write_bytes(kept + b"\n")
        assert version() != before, name
        path.write_bytes(kept)
    (house / "tasks/fill/patches.py").write_text("")
    assert version() != before


def test_it_follows_nothing_else(house: Path) -> None:
    before = version()
    (house / "flows/cli.py").write_text("other")
    (house / "tasks/store/retry.py").write_text("other")
    assert version() == before


def test_it_follows_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    before = version()
    found = provenance.library_versions()
    assert set(found) == set(provenance.LIBRARIES)
    assert found["numpy"] != "unknown"
    monkeypatch.setattr(provenance, "library_versions", lambda: {**found, "torch": "99"})
    assert version() != before


@pytest.mark.parametrize("name", ["image", "colour", "formats/jpeg_splice", "formats/tiff", "metadata/exif"])
def test_every_codec_is_among_the_files(name: str) -> None:
    files = {
        path.relative_to(provenance.ROOT).as_posix()
        for p in provenance.DECIDES_PIXELS
        for path in provenance.ROOT.glob(p)
    }
    assert f"tasks/store/{name}.py" in files
    assert "tasks/store/retry.py" not in files
