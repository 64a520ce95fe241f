import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from models.training.masks import stroke_masks
from tasks.catalog.settings import SourceSettings
from tasks.errors import ImageUnreadable, UsageError
from tasks.run.benchmark.photos import KINDS, decoded, hole_of, list_photos
from tests.support import encoded, photo

SOURCE = SourceSettings()


def test_photos_are_listed_by_name_and_known_by_their_bytes(photos: Path) -> None:
    found = list_photos(str(photos), SOURCE)
    assert [p.name for p in found] == ["a.png", "sub/b.png", "sub/c.png"]
    assert [p.stem for p in found] == ["a", "sub/b", "sub/c"]
    assert found[1].sha256 == hashlib.sha256((photos / "sub/b.png").read_bytes()).hexdigest()
    assert [p.name for p in list_photos(str(photos), SOURCE, limit=2)] == ["a.png", "sub/c.png"]
    assert [p.name for p in list_photos(str(photos / "sub/*.png"), SOURCE)] == ["b.png", "c.png"]
    (photos / "list.jsonl").write_text(json.dumps({"image": "sub/c.png"}) + "\n")
    assert [p.sha256 for p in list_photos(str(photos / "list.jsonl"), SOURCE)] == [found[2].sha256]


def test_the_same_bytes_are_one_photo(photos: Path) -> None:
    (photos / "copy.png").write_bytes((photos / "a.png").read_bytes())
    assert [p.name for p in list_photos(str(photos), SOURCE)] == ["a.png", "sub/b.png", "sub/c.png"]


def test_what_cannot_be_told_apart_is_refused(photos: Path, tmp_path: Path) -> None:
    (photos / "a.jpg").write_bytes(encoded(photo(72, 96, 8), ".jpg"))
    with pytest.raises(UsageError, match="two photos are called a"):
        list_photos(str(photos), SOURCE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no photos"):
        list_photos(str(tmp_path / "empty"), SOURCE)


def test_pixels_are_rgb_as_shown() -> None:
    pixels = photo(20, 30, 1)
    assert (decoded(encoded(pixels, ".png"), "x") == pixels[:, :, ::-1]).all()
    assert decoded(encoded(pixels[:, :, 0], ".png"), "x").shape == (20, 30, 3)
    for bad in (b"", b"no picture"):
        with pytest.raises(ImageUnreadable, match="x cannot"):
            decoded(bad, "x")


@pytest.mark.parametrize("kind", KINDS)
def test_a_hole_is_lamas_and_goes_by_the_photos_bytes(kind: str) -> None:
    one, two = ("1" * 64, "2" * 64)
    holes = [hole_of(sha, (300, 400), kind, seed) for sha in (one, two) for seed in (0, 1)]
    assert all(0 < hole.mean() <= 0.5 and hole.shape == (300, 400) for hole in holes)
    assert len({hole.tobytes() for hole in holes}) == 4
    assert (hole_of(one, (300, 400), kind, 0) == holes[0]).all()
    # the published parameters: over many, the same share is covered as by the generator itself
    rng = np.random.default_rng(0)
    drawn = [stroke_masks(kind, 128)((128, 128), rng).mean() for _ in range(150)]
    ours = [hole_of(f"{n:064x}", (128, 128), kind, 0).mean() for n in range(150)]
    assert abs(np.mean(drawn) - np.mean(ours)) < 0.04


def test_another_kind_is_refused() -> None:
    with pytest.raises(KeyError, match="fat"):
        hole_of("1" * 64, (100, 100), "fat", 0)
