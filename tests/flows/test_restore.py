"""The main job, called in this process: a real Prefect server, a real Ray cluster, the embedded generator."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prefect.settings import PREFECT_API_URL

from flows.restore import restore
from flows.settings import compose
from tasks.errors import UsageError
from tasks.fill.mask import dilate
from tasks.fill.settings import MaskSettings
from tests.support import archive, content, decoded, encoded, photo, read_sink, rows, spots, write

pytestmark = [pytest.mark.usefixtures("live"), pytest.mark.timeout(300)]


def run(images: str, out: str, masks: str | None = None, *sets: str, **options: Any) -> dict[str, Any]:
    # One restorer: most of a small run's time is starting processes.
    return restore(images, out, masks, settings=compose("balanced", ["runtime.actors=1", *sets]), **options)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, live: None) -> tuple[str, str, str]:
    """Twelve pictures restored from a local folder: images, masks, sink."""
    root = tmp_path_factory.mktemp("clean")
    made = archive(str(root), 12)
    run(made.images, str(root / "sink"), made.masks)
    return made.images, made.masks, str(root / "sink")


def test_every_item_has_one_row_and_lossless_outputs_keep_every_known_pixel(clean: tuple[str, str, str]) -> None:
    images, masks, sink = clean
    found = rows(sink)
    assert len({r["item_id"] for r in found}) == len(found) == 12
    assert [r["status"] for r in found if "006" in r["image"]] == ["unchanged"]
    assert {r["status"] for r in found if "006" not in r["image"]} == {"ok"}
    files, sources = read_sink(sink), read_sink(images)
    for row in found:
        before, after = decoded(sources[row["output"]]), decoded(files["images/" + row["output"]])
        assert before.shape == after.shape
        assert before.dtype == after.dtype
        mask = decoded(read_sink(masks)[str(Path(row["output"]).with_suffix(".png"))]) >= 128
        known = ~dilate(mask, MaskSettings().dilate_px)
        if row["format"] != "jpeg":
            assert (before[known] == after[known]).all(), row["output"]
        if mask.any():
            assert (before[mask] != after[mask]).any()


def test_on_s3_the_results_are_the_same(clean: tuple[str, str, str], s3: str) -> None:
    made = archive(s3, 12)
    sink = f"{s3}/sink"
    record = run(made.images, sink, made.masks)
    assert record["totals"]["ok"] == 11
    assert content(sink) == content(clean[2])


def test_a_second_run_touches_nothing(clean: tuple[str, str, str]) -> None:
    images, masks, sink = clean
    before = {p: d for p, d in read_sink(sink).items() if not p.startswith(("runs/", "report/"))}
    record = run(images, sink, masks)
    assert record["to_do"]["items"] == 0
    assert {p: d for p, d in read_sink(sink).items() if not p.startswith(("runs/", "report/"))} == before
    with urllib.request.urlopen(f"{PREFECT_API_URL.value()}/artifacts/restore-summary/latest", timeout=30) as answer:
        summary = json.load(answer)["data"]
    assert record["run_id"] in summary
    assert "| items | 12 |" in summary


def test_an_archive_that_grows_and_changes(tmp_path: Path, root: str) -> None:
    made, sink = archive(f"{root}/archive", 4), f"{root}/sink"
    run(made.images, sink, made.masks, limit=3)
    assert len(rows(sink)) == 3
    made.add(2, seed=20)
    run(made.images, sink, made.masks)
    first = {r["item_id"]: r for r in rows(sink)}
    assert len(first) == 6
    # one original and one mask change, one original goes
    changed = encoded(photo(96, 128, 99), ".png")
    made.put("box 0/picture 000.png", changed, None)
    write(f"{made.masks}/box 1/picture 001.png", encoded(spots(96, 128, 98), ".png"))
    record = run(made.images, sink, made.masks)
    assert record["to_do"]["changed"] == record["to_do"]["items"] == 2
    second = {r["item_id"]: r for r in rows(sink)}
    assert second.keys() == first.keys()
    differ = {r["output"] for i, r in second.items() if r["output_sha256"] != first[i]["output_sha256"]}
    assert differ == {"box 0/picture 000.png", "box 1/picture 001.jpg"}
    run(made.images, str(tmp_path / "fresh"), made.masks)
    assert content(str(tmp_path / "fresh")) == content(sink)


def test_other_settings_are_refused_unless_said_what_to_do(tmp_path: Path) -> None:
    made, sink = archive(str(tmp_path), 3), str(tmp_path / "sink")
    run(made.images, sink, made.masks)
    before = read_sink(sink)
    with pytest.raises(UsageError, match=r"settings.*on_change"):
        run(made.images, sink, made.masks, "mask.dilate_px=6")
    assert read_sink(sink) == before
    kept = run(made.images, sink, made.masks, "mask.dilate_px=6", "output.on_change=keep")
    assert kept["to_do"]["items"] == 0
    redone = run(made.images, sink, made.masks, "mask.dilate_px=6", "output.on_change=redo")
    assert redone["to_do"] == {"items": 3, "shards": 3, "redo": 3}
    run(made.images, str(tmp_path / "fresh"), made.masks, "mask.dilate_px=6")
    assert content(str(tmp_path / "fresh")) == content(sink)


def test_a_failed_pairing_is_mended_by_the_missing_mask(tmp_path: Path) -> None:
    made, sink = archive(str(tmp_path), 2), str(tmp_path / "sink")
    made.put("late.png", encoded(photo(64, 64, 1), ".png"), None)
    assert run(made.images, sink, made.masks)["totals"]["errors"] == {"MaskMissing": 1}
    write(f"{made.masks}/late.png", encoded(spots(64, 64, 3), ".png"))
    record = run(made.images, sink, made.masks)
    assert record["to_do"] == {"items": 1, "shards": 1, "changed": 1}
    assert record["totals"]["failed"] == 0


@pytest.mark.parametrize(
    ("policy", "status", "output"),
    [("fail", "failed", None), ("skip", "skipped", None), ("copy", "unchanged", "a.png")],
)
def test_what_becomes_of_an_image_without_a_mask(tmp_path: Path, policy: str, status: str, output: str | None) -> None:
    data = encoded(photo(40, 40, 0), ".png")
    write(str(tmp_path / "images/a.png"), data)
    (tmp_path / "masks").mkdir()
    run(str(tmp_path / "images"), str(tmp_path / "sink"), str(tmp_path / "masks"), f"mask.on_missing={policy}")
    (row,) = rows(str(tmp_path / "sink"))
    assert (row["status"], row["output"]) == (status, output)
    assert read_sink(str(tmp_path / "sink")).get("images/a.png") == (data if output else None)


def test_masks_of_every_source(tmp_path: Path) -> None:
    """The same hole said in five ways gives the same pixels."""
    picture, hole = photo(80, 90, 5), np.zeros((80, 90), np.uint8)
    hole[30:40, 20:50] = 255
    keyed = picture.copy()
    keyed[hole > 0] = (255, 0, 255)
    made = {
        "file": ({"file/in/a.png": encoded(keyed, ".png"), "file/masks/a.png": encoded(hole, ".png")}, "in", "masks"),
        "shared": (
            {"shared/in/a.png": encoded(keyed, ".png"), "shared/m/one.png": encoded(hole, ".png")},
            "in",
            "m/one.png",
        ),
        "colour": ({"colour/in/a.png": encoded(keyed, ".png")}, "in", None),
        "boxes": (
            {
                "boxes/in/a.png": encoded(keyed, ".png"),
                "boxes/in/list.jsonl": json.dumps({"image": "a.png", "boxes": [[20, 30, 30, 10]]}).encode(),
            },
            "in/list.jsonl",
            None,
        ),
        "alpha": ({"alpha/in/a.png": encoded(np.dstack([keyed, 255 - hole]), ".png")}, "in", None),
    }
    results = {}
    for source, (files, images, masks) in made.items():
        for path, data in files.items():
            write(str(tmp_path / path), data)
        sink = str(tmp_path / f"sink-{source}")
        where = str(tmp_path / source / masks) if masks else None
        run(str(tmp_path / source / images), sink, where, f"mask.source={source}")
        assert [r["status"] for r in rows(sink)] == ["ok"], rows(sink)
        results[source] = decoded(read_sink(sink)["images/a.png"])
    assert (results["alpha"][:, :, 3] == 255).all()
    for source, pixels in results.items():
        assert (pixels[:, :, :3] == results["file"]).all(), source


def test_overrides_and_names_of_a_manifest(tmp_path: Path) -> None:
    made = archive(str(tmp_path), 2)
    lines = [
        {"image": "images/box 0/picture 000.png", "mask": "masks/box 0/picture 000.png", "name": "renamed/one.png"},
        {
            "image": "images/box 1/picture 001.jpg",
            "mask": "masks/box 1/picture 001.png",
            "override": {"mask.dilate_px": 9},
        },
        {"image": "../outside.png", "mask": "masks/box 0/picture 000.png"},
    ]
    write(str(tmp_path / "list.jsonl"), "\n".join(json.dumps(line) for line in lines).encode())
    sink = str(tmp_path / "elsewhere" / "sink")
    with pytest.raises(UsageError, match="overlap"):
        run(str(tmp_path / "list.jsonl"), sink)
    (tmp_path / "archive").mkdir()
    for name in ("images", "masks", "list.jsonl"):
        (tmp_path / name).rename(tmp_path / "archive" / name)
    run(str(tmp_path / "archive/list.jsonl"), sink)
    found = {r["output"] or r["error"]: r for r in rows(sink)}
    assert found.keys() == {"renamed/one.png", "images/box 1/picture 001.jpg", "StorageDenied"}
    assert found["renamed/one.png"]["settings_sha256"] != found["images/box 1/picture 001.jpg"]["settings_sha256"]
    assert made.images


def test_usage_errors_write_nothing(tmp_path: Path) -> None:
    made, sink = archive(str(tmp_path / "archive"), 1), str(tmp_path / "sink")
    for images, out, sets in (
        (str(tmp_path / "nowhere"), sink, ()),
        (made.images, made.images + "/sink", ()),
        (made.images, str(tmp_path / "archive"), ()),
        (made.images, sink, ("model.name=unheard-of",)),
    ):
        with pytest.raises(UsageError):
            run(images, out, made.masks, *sets)
    with pytest.raises(UsageError, match="WorkerDeid"):
        run(made.images, sink, made.masks, retry=("WorkerDeid",))
    assert not (tmp_path / "sink").exists()


def test_shared_generators_fill_the_same_bytes(clean: tuple[str, str, str], tmp_path: Path) -> None:
    """Restorers that send crops to generator actors, as on a GPU machine."""
    images, masks, sink = clean
    record = run(images, str(tmp_path / "sink"), masks, "runtime.generators=1", "runtime.actors=2")
    assert record["totals"]["ok"] == 11
    assert content(str(tmp_path / "sink")) == content(sink)


def test_time_is_up(tmp_path: Path) -> None:
    made, sink = archive(str(tmp_path), 6), str(tmp_path / "sink")
    record = run(made.images, sink, made.masks, "limits.max_hours=0.0000001")
    assert record["state"] == "stopped at limits.max_hours"
    record = run(made.images, sink, made.masks)
    assert record["state"] == "finished"
    assert record["totals"]["items"] == 6
