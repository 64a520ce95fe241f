"""The flow, called in this process: a real Prefect server, a real Ray cluster, the embedded generator."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from prefect.settings import PREFECT_API_URL

from flows.benchmark import benchmark
from tasks.errors import UsageError
from tasks.publish.benchmark.rows import VOLATILE
from tests.support import encoded, photo, write

pytestmark = [pytest.mark.usefixtures("live"), pytest.mark.timeout(300), pytest.mark.slow]

METHODS = ("telea", "lama-small", "pass:regions")
ONE = ("runtime.actors=1",)  # most of a small run's time is starting processes


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number, name in enumerate(("a.png", "b/c.png", "b/d.png")):
        write(str(folder / name), encoded(photo(64, 80, number), ".png"))
    return folder


@pytest.fixture(scope="module")
def clean(photos: Path, tmp_path_factory: pytest.TempPathFactory, live: None) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("out")
    return out, benchmark(str(photos), METHODS, str(out), ("thin", "thick"), sets=ONE)


def rows(out: Path) -> list[dict[str, Any]]:
    found = [row for path in (out / "rows").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    kept = [{key: value for key, value in row.items() if key not in VOLATILE} for row in found]
    return sorted(kept, key=lambda row: (row["photo"], row["mask"], row["method"]))


def means(record: dict[str, Any]) -> list[Any]:
    """The scores but for times."""
    return [
        {**s, "means": {k: v for k, v in s["means"].items() if not k.startswith("seconds")}} for s in record["scores"]
    ]


def test_every_photo_mask_and_method_has_a_row(clean: tuple[Path, dict[str, Any]]) -> None:
    out, record = clean
    assert record["totals"] == {"rows": 18, "ok": 18, "skipped": 0, "failed": 0}
    assert (record["state"], record["photos"], record["done_now"]) == ("finished", 3, 18)
    found = rows(out)
    assert len({(row["photo"], row["mask"], row["method"]) for row in found}) == len(found) == 18
    thin, thick = (
        np.mean([row["masked_fraction"] for row in found if row["mask"] == kind]) for kind in ("thin", "thick")
    )
    assert 0 < thin < 0.5 and 0 < thick < 0.5
    (score,) = [s for s in record["scores"] if (s["mask"], s["method"]) == ("thin", "telea")]
    psnr = [row["psnr"] for row in found if (row["mask"], row["method"]) == ("thin", "telea")]
    assert score["means"]["psnr"][0] == pytest.approx(np.mean(psnr))


def test_what_it_leaves_to_look_at(clean: tuple[Path, dict[str, Any]]) -> None:
    out, record = clean
    table = (out / "benchmark.md").read_text("utf-8")
    assert "### thin masks" in table and "| pass:regions | 3 |" in table
    assert "Not measured" in table and "lpips, fid" in table
    for name in ("benchmark.png", "sheet.jpg"):
        assert cv2.imread(str(out / name)) is not None
    assert cv2.imread(str(out / "sheet.jpg")).shape[0] > 6 * 256  # three photos, two masks
    (written,) = (out / "runs").glob("*.json")
    assert json.loads(written.read_text())["scores"] == json.loads(json.dumps(record["scores"]))
    with urllib.request.urlopen(f"{PREFECT_API_URL.value()}/artifacts/benchmark-summary/latest", timeout=30) as answer:
        assert "| lama-small |" in json.load(answer)["data"]


def test_the_same_command_does_nothing_and_another_place_gives_the_same_numbers(
    clean: tuple[Path, dict[str, Any]], photos: Path, tmp_path: Path
) -> None:
    out, record = clean
    parts = {path.name: path.read_bytes() for path in (out / "rows").iterdir()}
    again = benchmark(str(photos), METHODS, str(out), ("thin", "thick"), sets=ONE)
    assert again["done_now"] == 0
    assert {path.name: path.read_bytes() for path in (out / "rows").iterdir()} == parts
    assert again["scores"] == record["scores"]
    # elsewhere, in another order, with more workers
    other = benchmark(str(photos), METHODS[::-1], str(tmp_path), ("thick", "thin"), sets=("runtime.actors=2",))
    assert rows(tmp_path) == rows(out)
    assert sorted(means(other), key=str) == sorted(means(record), key=str)
    assert (tmp_path / "sheet.jpg").stat().st_size > 10_000


def test_what_is_missing_is_done_and_no_more(clean: tuple[Path, dict[str, Any]], photos: Path, tmp_path: Path) -> None:
    out, _ = clean
    part = benchmark(str(photos), METHODS[:2], str(tmp_path), ("thin",), limit=2, sets=ONE)
    assert part["done_now"] == 4
    lost = sorted((tmp_path / "rows").iterdir())[0]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "rows").iterdir() if path != lost}
    lost.unlink()  # as if it had been stopped before
    rest = benchmark(str(photos), METHODS, str(tmp_path), ("thin",), sets=ONE)
    assert rest["done_now"] == 2 + 2 + 3  # what was lost, a third method, a third photo
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert rows(tmp_path) == [row for row in rows(out) if row["mask"] == "thin"]


def test_results_of_another_program_are_compared(
    clean: tuple[Path, dict[str, Any]], photos: Path, tmp_path: Path
) -> None:
    """They are made from the masks that a first run has left, and lie under the photos' names."""
    out, _ = clean
    for mask in sorted((out / "masks/0").rglob("*.png")):
        place = mask.relative_to(out / "masks/0")
        hole = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
        damaged = cv2.imread(str(photos / place.relative_to(place.parts[0])))[:, :, ::-1].copy()
        damaged[hole > 0] = 0
        made = cv2.inpaint(damaged, hole, 3, cv2.INPAINT_TELEA)
        made[hole == 0] = 255 - made[hole == 0]  # what another program does to known pixels is not its fill
        write(str(tmp_path / "theirs" / place), encoded(made[:, :, ::-1], ".png"))
    theirs = f"folder:{tmp_path / 'theirs'}"
    compared = benchmark(str(photos), ("telea", theirs), str(tmp_path / "out"), ("thin", "thick"), sets=ONE)
    assert compared["totals"]["ok"] == 12
    by_method = {
        name: [
            {k: v[0] for k, v in s["means"].items() if "seconds" not in k}
            for s in compared["scores"]
            if s["method"] == name
        ]
        for name in ("telea", theirs)
    }
    for ours, others in zip(*by_method.values(), strict=True):
        assert ours == others
    assert all("seconds" not in s["means"] for s in compared["scores"] if s["method"] == theirs)


def test_usage_errors_write_nothing(photos: Path, tmp_path: Path) -> None:
    for source, methods, masks in (
        (str(tmp_path / "nowhere"), ("telea",), ("thin",)),
        (str(photos), ("nosuch",), ("thin",)),
        (str(photos), ("telea",), ("fat",)),
    ):
        with pytest.raises(UsageError):
            benchmark(source, methods, str(tmp_path / "out"), masks)
    assert not (tmp_path / "out").exists()
