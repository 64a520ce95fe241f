import hashlib
import itertools
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tasks.catalog.settings import SourceSettings
from tasks.judge.networks import NetworkFiles
from tasks.judge.truth import against_truth
from tasks.publish.benchmark.crops import TRUTH, crop_path
from tasks.publish.benchmark.rows import VOLATILE, key_of, read_rows
from tasks.run.benchmark.photos import decoded, hole_of, list_photos
from tasks.run.benchmark.work import BenchmarkJob, Unit, Worker, mask_path
from tasks.store.objects import Store
from tests.models.backbones.reference import reference


def unit_of(photos: Path, *methods, kind: str = "medium", number: int = 1, shown: bool = False) -> Unit:
    return Unit(list_photos(str(photos), SourceSettings())[number], kind, methods, shown)


def rows(job: BenchmarkJob, unit: Unit) -> list[dict]:
    return read_rows(Store(job.out), [key_of(unit.row(m, job)) for m in unit.methods]).to_pylist()


def test_a_row_has_the_measures_of_the_composite(photos: Path, job: BenchmarkJob, plain) -> None:
    unit = unit_of(photos, plain("grey"), plain("light", 200))
    ticks = itertools.count(0.0, 0.5)
    done = Worker(job, clock=lambda: next(ticks)).do(unit)
    assert (done.rows, done.failed, done.megapixels) == (2, 0, 2 * 72 * 96 / 1e6)
    truth = decoded((photos / "sub/b.png").read_bytes(), "b")
    mask = hole_of(unit.photo.sha256, (72, 96), "medium", 0)
    for row, grey in zip(rows(job, unit), (100, 200), strict=True):
        filled = np.where(mask[:, :, None], np.uint8(grey), truth)
        expected = against_truth(filled.astype(np.float32) / 255, truth.astype(np.float32) / 255, mask)
        for name in ("psnr", "ssim", "l1", "mse", "dice", "psnr_image", "dice_image"):
            assert row[name] == pytest.approx(getattr(expected, name), rel=1e-6), name
        assert (row["status"], row["photo"], row["width"], row["height"]) == ("ok", "sub/b.png", 96, 72)
        assert row["masked_fraction"] == pytest.approx(mask.mean())
        assert (row["seconds"], row["seconds_per_mp"]) == (0.5, pytest.approx(0.5 / (mask.sum() / 1e6)))
        assert row["lpips"] is row["feature_distance"] is row["pooled"] is None


def test_the_mask_is_there_for_other_programs(photos: Path, job: BenchmarkJob, plain) -> None:
    unit = unit_of(photos, plain("grey"))
    Worker(job).do(unit)
    assert mask_path(unit.photo, "medium", 0) == "masks/0/medium/sub/b.png"
    there = cv2.imread(str(Path(job.out) / "masks/0/medium/sub/b.png"), cv2.IMREAD_UNCHANGED)
    mask = hole_of(unit.photo.sha256, (72, 96), "medium", 0)
    assert (there == mask * 255).all()
    (row,) = rows(job, unit)
    assert row["mask_sha256"] == hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()


def test_one_method_that_fails_costs_its_own_row(photos: Path, job: BenchmarkJob, plain) -> None:
    unit = unit_of(photos, plain("faulty"), plain("grey"), plain("missing"))
    done = Worker(job).do(unit)
    assert (done.rows, done.failed) == (3, 1)
    faulty, grey, missing = rows(job, unit)
    assert (faulty["status"], faulty["error"]) == ("failed", "UnexpectedError")
    assert "ZeroDivisionError: a bug" in faulty["message"]
    assert grey["status"] == "ok"
    assert (missing["status"], missing["message"]) == ("skipped", "not installed: pip install it")
    assert missing["psnr"] is None


def test_a_photo_that_is_bad_costs_its_rows(photos: Path, job: BenchmarkJob, plain) -> None:
    (photos / "a.png").write_bytes(b"no picture")
    unit = unit_of(photos, plain("grey"), plain("light"), number=0)
    assert Worker(job).do(unit).failed == 2
    assert {(row["status"], row["error"]) for row in rows(job, unit)} == {("failed", "ImageUnreadable")}


def test_the_same_again_is_the_same_numbers(photos: Path, job: BenchmarkJob, plain, tmp_path: Path) -> None:
    unit = unit_of(photos, plain("grey"), plain("light", 200), shown=True)
    again = replace(job, out=str(tmp_path / "again"))
    Worker(job).do(unit)
    Worker(again).do(replace(unit, methods=unit.methods[::-1]))
    kept = [[{k: v for k, v in row.items() if k not in VOLATILE} for row in rows(j, unit)] for j in (job, again)]
    assert kept[0] == kept[1]


def test_crops_are_kept_of_what_is_shown(photos: Path, job: BenchmarkJob, plain) -> None:
    for shown, kind in ((True, "medium"), (False, "thin")):
        unit = unit_of(photos, plain("grey"), kind=kind, shown=shown)
        Worker(job).do(unit)
        for name in ("grey", TRUTH):
            assert Store(job.out).exists(crop_path(0, kind, unit.photo.sha256, name)) is shown


def test_networks_measure_when_they_are_given(photos: Path, job: BenchmarkJob, plain, tmp_path: Path) -> None:
    torch.save(reference().state_dict(), tmp_path / "fid.pth")
    files = NetworkFiles(fid=tmp_path / "fid.pth")
    job = replace(job, networks=files, networks_sha256=files.sha256())
    unit = unit_of(photos, plain("grey"))
    Worker(job).do(unit)
    (row,) = rows(job, unit)
    assert len(row["pooled"]) == len(row["pooled_truth"]) > 4
    assert row["pooled"] != row["pooled_truth"]


def test_a_methods_seconds_may_be_none_of_its_own(photos: Path, job: BenchmarkJob, plain) -> None:
    unit = unit_of(photos, plain("grey", timed=False))
    Worker(job).do(unit)
    assert rows(job, unit)[0]["seconds"] is None


def test_split(photos: Path, plain) -> None:
    unit = unit_of(photos, plain("a"), plain("b"), shown=True)
    assert [(u.methods, u.kind, u.shown) for u in unit.split()] == [((m,), "medium", True) for m in unit.methods]
