from dataclasses import replace
from pathlib import Path

import pytest

from tasks.catalog.settings import SourceSettings
from tasks.publish.benchmark.crops import crop_path
from tasks.run.benchmark.photos import Photo, list_photos
from tasks.run.benchmark.plan import SHOWN, Plan
from tasks.run.benchmark.work import BenchmarkJob, Worker


def plan(photos: Path, job: BenchmarkJob, *methods, kinds=("thin", "thick")) -> Plan:
    return Plan(list_photos(str(photos), SourceSettings()), kinds, methods, job)


def test_all_is_left_at_first_and_nothing_when_done(photos: Path, job: BenchmarkJob, plain) -> None:
    wanted = plan(photos, job, plain("a"), plain("b"))
    assert wanted.rows == len(wanted.keys) == len(set(wanted.keys)) == 3 * 2 * 2
    todo = wanted.left()
    assert todo == wanted.units
    worker = Worker(job)
    for unit in todo[:4]:
        worker.do(unit)
    assert wanted.left() == todo[4:]
    for unit in wanted.left():
        worker.do(unit)
    assert wanted.left() == []
    more = plan(photos, job, plain("a"), plain("c"), plain("b"), kinds=("thin", "medium")).left()
    assert [(u.kind, [m.name for m in u.methods]) for u in more] == [("thin", ["c"]), ("medium", ["a", "c", "b"])] * 3


@pytest.mark.parametrize("change", [{"seed": 1}, {"code_version": "other"}, {"networks_sha256": "other"}])
def test_what_was_made_otherwise_is_to_be_done(photos: Path, job: BenchmarkJob, plain, change) -> None:
    for unit in plan(photos, job, plain("a")).left():
        Worker(job).do(unit)
    assert len(plan(photos, replace(job, **change), plain("a")).left()) == 6
    assert len(plan(photos, job, plain("a", 101)).left()) == 6  # another version of the method
    (photos / "a.png").write_bytes((photos / "a.png").read_bytes() + b"more")
    assert [u.photo.name for u in plan(photos, job, plain("a")).left()] == ["a.png", "a.png"]


def test_what_failed_or_was_skipped_is_tried_again(photos: Path, job: BenchmarkJob, plain) -> None:
    wanted = plan(photos, job, plain("faulty"), plain("good"), plain("missing"), kinds=("thin",))
    for unit in wanted.left():
        Worker(job).do(unit)
    assert [[m.name for m in u.methods] for u in wanted.left()] == [["faulty", "missing"]] * 3


def test_a_crop_that_is_gone_is_made_again(photos: Path, job: BenchmarkJob, plain) -> None:
    wanted = plan(photos, job, plain("a"), kinds=("thin",))
    for unit in wanted.left():
        Worker(job).do(unit)
    (Path(job.out) / crop_path(0, "thin", wanted.units[1].photo.sha256, "a")).unlink()
    assert wanted.left() == [wanted.units[1]]


def test_what_is_shown_goes_by_digest_not_by_order(job: BenchmarkJob, plain) -> None:
    photos = [Photo(f"{n}.png", f"/{n}.png", f"{n * 7919 % 101:064x}") for n in range(20)]
    shown = [Plan(some, ("thin",), [plain("a")], job).shown for some in (photos, photos[::-1])]
    assert shown[0] == shown[1] == sorted(p.sha256 for p in photos)[:SHOWN]
