from pathlib import Path

import cv2
import numpy as np
import pytest

BENCH = Path(__file__).parents[3] / "infra" / "bench"


@pytest.fixture(autouse=True)
def bench_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))


def photo(path: Path, height: int, width: int) -> Path:
    y, x = np.mgrid[:height, :width]
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.stack([x % 256, y % 256, (x + y) % 256], axis=2).astype(np.uint8))
    return path


def test_photos_are_large_enough_and_spread_over_the_folder(tmp_path: Path) -> None:
    from large_cases import large_photos

    for number in range(9):
        photo(tmp_path / f"sub{number % 2}" / f"{number}.jpg", 100 + 50 * (number > 3), 200)
    found = large_photos(tmp_path, 3, 0.025)
    assert [path.stem for path in found] == ["4", "8", "7"]  # of sub0/4, 6, 8, sub1/5, 7
    assert [path.stem for path in large_photos(tmp_path, 9, 0.025, "sub1/")] == ["5", "7"]
    assert len(large_photos(tmp_path, 99, 0.025)) == 5


@pytest.mark.parametrize("kind", ["medium", "thick"])
def test_a_case_is_a_window_at_native_resolution_with_a_mask_in_proportion(tmp_path: Path, kind: str) -> None:
    from large_cases import MASKED, make_case

    path = photo(tmp_path / "a.png", 700, 900)
    case = make_case(path, "a.png", kind, 640, 0)
    again = make_case(path, "a.png", kind, 640, 0)
    assert case.truth.shape == (640, 640, 3)
    assert case.mask.shape == (640, 640)
    assert (case.truth == again.truth).all()
    assert (case.mask == again.mask).all()
    assert MASKED[0] - 0.02 < case.mask.mean() < MASKED[1] + 0.02
    assert (np.diff(case.truth[0, :, 2].astype(int)) % 256 == 1).all()  # blue goes with x in the file: RGB, not scaled
    assert (make_case(path, "a.png", kind, 640, 1).mask != case.mask).any()
    assert case.name.endswith(kind)


def test_what_is_no_picture_is_said(tmp_path: Path) -> None:
    from large_cases import make_case

    (tmp_path / "a.jpg").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read"):
        make_case(tmp_path / "a.jpg", "a.jpg", "thick", 640, 0)
