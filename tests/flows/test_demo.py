from pathlib import Path

import cv2
import numpy as np

from flows.demo import make_demo


def read(path: Path) -> np.ndarray:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels


def test_the_same_files_each_time_with_a_mask_for_each(tmp_path: Path) -> None:
    first, again = make_demo(tmp_path / "one"), make_demo(tmp_path / "two")
    assert first == (tmp_path / "one/images", tmp_path / "one/masks")
    for folder, copy in zip(first, again, strict=True):
        names = sorted(p.name for p in folder.iterdir())
        assert names == sorted(p.name for p in copy.iterdir())
        assert all((folder / name).read_bytes() == (copy / name).read_bytes() for name in names)
    images, masks = first
    assert len(list(images.iterdir())) == len(list(masks.iterdir())) == 7
    assert {p.suffix for p in images.iterdir()} == {".jpg", ".png", ".tif", ".webp"}
    empty = []
    for image in images.iterdir():
        mask, pixels = read((masks / image.name).with_suffix(".png")), read(image)
        assert mask.shape == pixels.shape[:2]
        assert set(np.unique(mask)) <= {0, 255}
        assert (mask > 0).mean() < 0.4
        empty += [image.stem] if not mask.any() else []
    assert empty == ["nothing to do"]
    border = read(masks / "border.png")
    assert border[:, -1].any()
    assert make_demo(tmp_path / "one") == first  # again into the same folder
