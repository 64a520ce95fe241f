from __future__ import annotations

import csv
import json

import cv2
import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.training.photos import Photos


def same(one, two):
    return len(one) == len(two) > 0 and all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.fixture
def sources(photos, tmp_path):
    """The same three photos, in every form."""
    names = [f"{index}.png" for index in range(3)]
    encoded = [(photos / name).read_bytes() for name in names]
    pq.write_table(pa.table({"webp": encoded}), tmp_path / "encoded.parquet")
    pq.write_table(pa.table({"image": [f"photos/{name}" for name in names]}), tmp_path / "manifest.parquet")
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["image", "mask"])
        writer.writeheader()
        writer.writerows({"image": f"photos/{name}", "mask": ""} for name in names)
    lines = [json.dumps({"image": str(photos / name)}) for name in names]
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    found = {"folder": str(photos), "glob": str(photos / "*.png"), "deep": str(tmp_path / "ph*" / "[0-2].png")}
    for name in ("encoded.parquet", "manifest.parquet", "manifest.csv", "manifest.jsonl"):
        found[name] = str(tmp_path / name)
    return found


KINDS = ["folder", "glob", "deep", "encoded.parquet", "manifest.parquet", "manifest.csv", "manifest.jsonl"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_holds_the_same_photos(photos, sources, kind):
    folder = Photos(photos)
    assert folder[0].shape == (48, 64, 3) and folder[0].dtype == np.uint8
    assert same(Photos(sources[kind]), folder)
    assert same(Photos(f"file://{sources[kind]}"), folder)


@pytest.fixture
def remote(photos):
    """The photos in a file system that is none of this machine's."""
    system = fsspec.filesystem("memory")
    for path in photos.iterdir():
        system.pipe(f"/training/a/{path.name}", path.read_bytes())
    system.pipe("/training/list.csv", b"image\na/0.png\na/1.png\nmemory://training/a/2.png\n")
    yield
    system.rm("/training", recursive=True)


@pytest.mark.parametrize("source", ["training", "training/a/*.png", "training/list.csv"])
def test_a_url_holds_the_same_photos(photos, remote, source):
    assert same(Photos(f"memory://{source}"), Photos(photos))


def test_one_photo_is_enough(photos):
    assert len(Photos(photos / "1.png")) == 1


def test_colours_are_red_green_blue(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((4, 4, 3), (0, 0, 200), np.uint8))
    assert Photos(tmp_path)[0][0, 0].tolist() == [200, 0, 0]


def test_no_photos_and_no_picture_are_errors(tmp_path):
    for source in (tmp_path, tmp_path / "*.png"):
        with pytest.raises(FileNotFoundError):
            Photos(source)
    with pytest.raises(FileNotFoundError):
        Photos(tmp_path / "none.png")[0]
    for data in (b"", b"junk"):
        (tmp_path / "x.png").write_bytes(data)
        with pytest.raises(ValueError, match=r"x\.png cannot be decoded"):
            Photos(tmp_path)[0]


def test_a_manifest_without_its_column_is_an_error(tmp_path):
    pq.write_table(pa.table({"picture": ["a.png"]}), tmp_path / "m.parquet")
    (tmp_path / "m.csv").write_text("picture\na.png\n")
    for name in ("m.parquet", "m.csv"):
        with pytest.raises(ValueError, match="image"):
            Photos(tmp_path / name)
