import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

BENCH = Path(__file__).parents[3] / "infra" / "bench"


@pytest.fixture(autouse=True)
def bench_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))


def test_the_scan_and_its_mask_are_the_same_each_time() -> None:
    import huge

    scan = huge.make_scan(300, 360)
    assert scan.shape == (300, 360, 3)
    assert scan.dtype == np.uint16
    assert (scan == huge.make_scan(300, 360)).all()
    assert (scan[:, :, 0] != scan[:, :, 1]).mean() > 0.9  # colours
    low = cv2.blur(scan.astype(np.float32), (25, 25))
    assert 100 < (scan - low).std() < low.std()  # noise on larger shades
    mask = huge.make_mask(1000, 1200)
    assert (mask == huge.make_mask(1000, 1200)).all()
    assert set(np.unique(mask)) == {0, 255}
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    widths = np.sort(stats[1:, cv2.CC_STAT_WIDTH])
    assert widths[-1] == 1200  # the scratch
    assert 500 < widths[-2] < 1200  # the tear
    assert len(stats) > 500


@pytest.mark.parametrize("kind", ["tiled", "striped", "jpeg", "png"])
def test_the_kinds_are_what_they_are_called(kind: str, tmp_path: Path) -> None:
    import huge

    from tasks.store.image import decode, read_header

    scan = huge.make_scan(300, 360)
    path = tmp_path / f"scan{huge.KINDS[kind]}"
    huge.write_scan(scan, kind, path)
    data = path.read_bytes()
    header = read_header(data, 1)
    assert header.format == {".tif": "tiff", ".jpg": "jpeg", ".png": "png"}[huge.KINDS[kind]]
    pixels = decode(data, header)
    if kind in ("tiled", "striped"):
        from tasks.store.formats import tiff_directory as td

        found = td.first(data)
        assert (td.TILE_OFFSETS in found.entries) == (kind == "tiled")
        assert len(found.array(td.TILE_OFFSETS if kind == "tiled" else td.STRIP_OFFSETS)) > 1
        assert (pixels == scan).all()
    elif kind == "png":
        assert (pixels == scan >> 8).all()


def test_a_pixel_that_changed_outside_the_mask_is_noticed(tmp_path: Path) -> None:
    import huge

    scan = huge.make_scan(300, 360)
    mask = np.zeros((300, 360), bool)
    mask[40:50, 60:80] = True
    paths = [tmp_path / f"{name}.tif" for name in ("before", "inside", "outside")]
    huge.write_scan(scan, "tiled", paths[0])
    scan[mask] ^= 1
    huge.write_scan(scan, "tiled", paths[1])
    scan[299, 359, 2] ^= 1
    huge.write_scan(scan, "tiled", paths[2])
    share = 200 / mask.size
    assert huge.changed(paths[0], paths[1], mask) == (pytest.approx(share), True)
    assert huge.changed(paths[0], paths[2], mask) == (pytest.approx(share + 1 / mask.size), False)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_command_is_measured_and_a_missed_target_is_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    import huge

    monkeypatch.setattr(huge, "SPECKS", 20)
    monkeypatch.setattr(sys, "argv", ["huge.py", "--kinds", "tiled", "--mp", "0.5", "--max-gib", "0.01"])
    with pytest.raises(SystemExit) as ended:
        huge.main()
    assert ended.value.code == 1
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert not found["ok"]
    assert found["tiled"]["known_pixels_kept"]
    assert found["tiled"]["restorer_gib"] > 0.1
    assert found["tiled"]["changed"] > 0.5 * found["tiled"]["masked"] > 0
