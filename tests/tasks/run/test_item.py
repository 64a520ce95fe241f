import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from models.engine import DeviceOutOfMemory, EngineInfo
from tasks.errors import ERROR_TYPES, StorageDenied, StorageUnavailable, WorkerDied
from tasks.fill.mask import dilate
from tasks.fill.settings import MaskSettings
from tasks.publish.commit import commit_shard
from tasks.publish.schema import RESULTS_SCHEMA, VOLATILE, to_table
from tasks.run import item as module
from tasks.run.item import Bench, restore_item
from tasks.run.job import ItemSpec, Job, Outcome
from tasks.run.settings import ItemSettings, LimitSettings, RuntimeSettings
from tasks.run.watch import Watch
from tasks.store.objects import Store
from tests.support import decoded, encoded, photo, read_sink, spots

SIZE = (48, 64)
HOLE = spots(*SIZE, 3)
Fill = Callable[[NDArray[np.float32], NDArray[np.bool_]], NDArray[np.float32]]


class FakeGenerator:
    """Fills with one minus the mean of what is known; or does what it is told."""

    info = EngineInfo("fake", "f" * 64, "cpu", "fp32")
    threads = 1

    def __init__(self, fill: Fill | None = None) -> None:
        self._fill = fill or (lambda crop, mask: np.full_like(crop, 1 - crop[~mask].mean()))
        self.items: list[str] = []

    def for_item(self, item_id: str) -> "FakeGenerator":
        self.items.append(item_id)
        return self

    def fill(
        self, crops: Sequence[NDArray[np.float32]], masks: Sequence[NDArray[np.bool_]]
    ) -> list[NDArray[np.float32]]:
        return [self._fill(crop, mask) for crop, mask in zip(crops, masks, strict=True)]


@dataclass
class Place:
    """A folder with the files of one item, and its sink."""

    root: Path

    def put(self, name: str, data: bytes) -> str:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return str(path)

    def spec(self, image: bytes, *masks: bytes, name: str = "a.png", **changes: Any) -> ItemSpec:
        urls = tuple(self.put(f"masks/{n}.png", mask) for n, mask in enumerate(masks))
        spec = ItemSpec("id-a", self.put(f"images/{name}", image), urls, None, f"sub/{name}", None, "v1", "m1")
        return replace(spec, **changes)

    def bench(
        self, generator: FakeGenerator | None = None, override: dict[str, Any] | None = None, **limits: Any
    ) -> Bench:
        items = ItemSettings().overridden(json.dumps(override)) if override else ItemSettings()
        job = Job("run-1", str(self.root / "sink"), "fast", items, LimitSettings(**limits), RuntimeSettings(), "code-1")
        return Bench(job, generator or FakeGenerator())

    def restore(
        self, *args: Any, generator: FakeGenerator | None = None, bench: Bench | None = None, **changes: Any
    ) -> Outcome:
        outcome = restore_item(self.spec(*args, **changes), bench or self.bench(generator))
        known(outcome)
        return outcome

    def output(self, outcome: Outcome) -> bytes:
        return (self.root / "sink/images" / outcome.row["output"]).read_bytes()

    @property
    def sink(self) -> dict[str, bytes]:
        return read_sink(str(self.root / "sink")) if (self.root / "sink").exists() else {}


def known(outcome: Outcome) -> None:
    """Every outcome can be committed, and says when it was done and how often it was tried."""
    assert to_table([outcome.row], RESULTS_SCHEMA).num_rows == 1
    row = outcome.row
    assert row["finished_at"].tzinfo is not None
    assert (row["run_id"], row["item_id"], row["recipe"], row["code_version"]) == ("run-1", "id-a", "fast", "code-1")
    assert row["status"] in ("ok", "unchanged", "skipped", "failed")
    if row["status"] == "failed":
        assert row["error"] in ERROR_TYPES
        assert row["message"]
        assert row["output"] is row["output_sha256"] is None
        assert outcome.holes == ()
    else:
        assert row.get("error") is None


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


PICTURE = photo(*SIZE, 1)
PNG, MASK = encoded(PICTURE, ".png"), encoded(HOLE, ".png")


def test_a_filled_item(place: Place) -> None:
    generator = FakeGenerator()
    outcome = place.restore(PNG, MASK, generator=generator)
    row, result = outcome.row, decoded(place.output(outcome))
    assert row["status"] == "ok"
    assert (row["format"], row["width"], row["height"], row["channels"], row["bit_depth"]) == ("png", 64, 48, 3, 8)
    assert row["masked_fraction"] == pytest.approx((HOLE > 127).mean())
    assert (row["generator"], row["weights_sha256"], row["device"], row["threads"]) == ("fake", "f" * 64, "cpu", 1)
    assert row["settings_sha256"] == ItemSettings().sha256()
    assert (row["attempts"], row["output"], row["holes"]) == (1, "sub/a.png", len(outcome.holes))
    assert all(row[f"{name}_s"] >= 0 for name in ("load", "fill", "save"))
    grown = dilate(HOLE > 127, MaskSettings().dilate_px)
    assert (result[~grown] == PICTURE[~grown]).all()
    assert (result[HOLE > 127] != PICTURE[HOLE > 127]).any()
    assert sum(hole["area"] for hole in outcome.holes) == grown.sum()
    assert outcome.megapixels == pytest.approx(48 * 64 / 1e6)
    assert generator.items == ["id-a"]


def test_what_was_judged_and_expected_is_in_the_rows_and_the_same_again(place: Place) -> None:
    big = encoded(np.pad(np.full((26, 30), 255, np.uint8), ((10, 12), (15, 19))), ".png")
    judge = {"mode": "pseudo_holes", "candidates": ["none", "block_matching(kept=2)"]}
    override = json.dumps({"correct": {"steps": ["seam"]}, "judge": judge})
    one, two = (place.restore(PNG, big, override=override) for _ in range(2))
    (hole,) = one.holes
    assert hole["candidates"] == 3
    assert 0 < hole["score"] <= hole["score_plain"]
    assert two.holes == one.holes and two.row["output_sha256"] == one.row["output_sha256"]
    (small,) = {hole["score"] for hole in place.restore(PNG, MASK, override=override).holes}
    assert small is None  # too small to be worth it


def test_the_digests_are_those_of_the_files(place: Place) -> None:
    import hashlib

    second = encoded(spots(*SIZE, 9), ".png")
    outcome = place.restore(PNG, MASK, second)
    sums = [hashlib.sha256(data).hexdigest() for data in (PNG, MASK, second, place.output(outcome))]
    assert outcome.row["input_sha256"] == sums[0]
    assert outcome.row["mask_sha256"] == "\n".join(sums[1:3])
    assert outcome.row["mask"].count("\n") == 1
    assert outcome.row["output_sha256"] == sums[3]


def test_what_it_makes_can_be_committed(place: Place) -> None:
    outcome = place.restore(PNG, MASK)
    store = Store(str(place.root / "sink"))
    commit_shard(store, "s", [outcome.row], list(outcome.holes))
    (row,) = pq.read_table(io.BytesIO(place.sink["results/s.parquet"])).to_pylist()
    nulls = ("error", "message", "self_consistency", "psnr", "lpips")
    assert {k: row[k] for k in nulls} == dict.fromkeys(nulls)
    (hole, *others) = pq.read_table(io.BytesIO(place.sink["holes/s.parquet"])).to_pylist()
    assert (hole["fill_pass"], hole["corrections"], hole["candidates"]) == ("regions", [], 1)
    assert row["measure_s"] > 0
    assert row["needs_review"] == max(h["predicted_error"] for h in (hole, *others))
    assert row["seam"] > 0 and 0 < row["coherence"] < 1 and row["colour_shift"] >= 0


def test_twice_the_same(place: Place) -> None:
    one = place.restore(PNG, MASK)
    first = place.output(one)
    two = place.restore(PNG, MASK)
    assert place.output(two) == first
    assert [{k: v for k, v in o.row.items() if k not in VOLATILE} for o in (one, two)] == [
        {k: v for k, v in one.row.items() if k not in VOLATILE}
    ] * 2
    assert one.holes == two.holes


@pytest.mark.parametrize("name", ["a.jpg", "a.tif", "a.webp", "a.png"])
def test_the_format_is_that_of_the_content(place: Place, name: str) -> None:
    outcome = place.restore(encoded(PICTURE, Path(name).suffix), MASK, name=name)
    assert outcome.row["status"] == "ok"
    assert outcome.row["format"] == {"a.jpg": "jpeg", "a.tif": "tiff"}.get(name, name[2:])
    misnamed = place.restore(encoded(PICTURE, ".jpg"), MASK, name=name)
    assert misnamed.row["format"] == "jpeg"
    assert place.output(misnamed)[:2] == b"\xff\xd8"


def test_an_empty_mask_copies_the_original(place: Place) -> None:
    jpeg = encoded(PICTURE, ".jpg")
    outcome = place.restore(jpeg, encoded(np.zeros(SIZE, np.uint8), ".png"))
    assert (outcome.row["status"], outcome.row["message"]) == ("unchanged", "the mask is empty")
    assert place.output(outcome) == jpeg
    assert outcome.row["output_sha256"] == outcome.row["input_sha256"]
    assert outcome.row["masked_fraction"] == outcome.row["holes"] == 0


@pytest.mark.parametrize(
    ("policy", "status", "copied"), [("fail", "failed", False), ("skip", "skipped", False), ("copy", "unchanged", True)]
)
def test_no_mask(place: Place, policy: str, status: str, copied: bool) -> None:
    bench = place.bench(override={"mask.on_missing": policy})
    outcome = place.restore(PNG, bench=bench, error="MaskMissing", message="none found")
    assert outcome.row["status"] == status
    assert place.sink == ({"images/sub/a.png": PNG} if copied else {})


def test_a_copy_without_a_mask_must_be_an_image(place: Place) -> None:
    bench = place.bench(override={"mask.on_missing": "copy"})
    assert place.restore(b"text", bench=bench, error="MaskMissing", message="").row["error"] == "ImageUnreadable"
    assert place.restore(b"text", error="PairAmbiguous", message="x", bench=bench).row["error"] == "PairAmbiguous"


def cut(suffix: str) -> bytes:
    data = encoded(photo(200, 200, 1), suffix)
    return data[: len(data) // 2]


BAD = {
    "ImageEmpty": (b"", MASK),
    "ImageUnreadable": (b"no picture, however long it is", MASK),
    "ImageTruncated": (cut(".png"), MASK),
    "ImageTruncated jpeg": (cut(".jpg"), MASK),
    "ImageTruncated tiff": (cut(".tif"), MASK),
    "ImageUnsupported": (b"GIF89a" + bytes(64), MASK),
    "ImageTooLarge": (encoded(photo(400, 400, 1), ".png"), MASK),
    "MaskUnreadable": (PNG, b"no picture"),
    "MaskUnreadable empty": (PNG, b""),
    "MaskUnreadable cut": (PNG, cut(".png")),
    "MaskUnreadable large": (PNG, encoded(np.zeros((400, 400), np.uint8), ".png")),
    "MaskSizeMismatch": (PNG, encoded(spots(64, 48, 1), ".png")),
    "MaskCoversAll": (PNG, encoded(np.full(SIZE, 255, np.uint8), ".png")),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_bytes_are_a_row_that_says_why(place: Place, case: str) -> None:
    image, mask = BAD[case]
    bench = place.bench(max_mp=0.1)
    outcome = place.restore(image, mask, bench=bench)
    assert outcome.row["error"] == case.split(maxsplit=1)[0]
    assert place.sink == {}
    # What is wrong with one leaves the next alone.
    assert place.restore(PNG, MASK, bench=bench).row["status"] == "ok"
    assert bench.watch.busy() == {}


def test_gone_since_it_was_listed(place: Place) -> None:
    bench, spec = place.bench(), place.spec(PNG, MASK)
    no_mask = restore_item(replace(spec, masks=(str(place.root / "gone.png"),)), bench)
    no_image = restore_item(replace(spec, image=str(place.root / "gone.png")), bench)
    assert (no_mask.row["error"], no_image.row["error"]) == ("MaskMissing", "ImageUnreadable")
    assert "gone since" in no_image.row["message"]


def test_what_was_refused_before_is_not_read(place: Place) -> None:
    for error in ("DuplicateItem", "WorkerDied", "Timeout"):
        outcome = place.restore(PNG, MASK, error=error, message="so it was", attempts=2)
        assert (outcome.row["error"], outcome.row["message"], outcome.row["attempts"]) == (error, "so it was", 3)
        assert "load_s" not in outcome.row
        assert "input_sha256" not in outcome.row


@pytest.mark.parametrize(
    ("raised", "error", "message"),
    [
        (DeviceOutOfMemory("512x512 does not fit"), "OutOfMemory", "512x512 does not fit"),
        (MemoryError(), "OutOfMemory", "out of memory"),
        (WorkerDied("the generator died 3 times"), "WorkerDied", "3 times"),
        (ZeroDivisionError("a bug"), "UnexpectedError", "ZeroDivisionError: a bug"),
        (ValueError(), "UnexpectedError", "ValueError: "),
    ],
)
def test_what_a_generator_raises_is_the_row_of_its_item(
    place: Place, raised: Exception, error: str, message: str
) -> None:
    def fails(*_: object) -> NDArray[np.float32]:
        raise raised

    outcome = place.restore(PNG, MASK, generator=FakeGenerator(fails))
    assert outcome.row["error"] == error
    assert message in outcome.row["message"]
    assert outcome.row["input_sha256"]  # what was known by then is told
    assert place.sink == {}


def test_an_interruption_is_no_row(place: Place) -> None:
    def stops(*_: object) -> NDArray[np.float32]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.restore(PNG, MASK, generator=FakeGenerator(stops))


@pytest.mark.parametrize("error", [StorageDenied, StorageUnavailable])
def test_storage_that_fails_is_the_row_of_its_item(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fails(*_: object) -> bytes:
        raise error("403 or 503")

    with monkeypatch.context() as patch:
        patch.setattr(module, "read_url", fails)
        assert place.restore(PNG, MASK).row["error"] == error.__name__
    monkeypatch.setattr(Store, "put", fails)
    for mask in (MASK, encoded(np.zeros(SIZE, np.uint8), ".png")):
        row = place.restore(PNG, mask).row
        assert (row["error"], row["output"]) == (error.__name__, None)


def alpha_picture(channels: int, dtype: type = np.uint8) -> NDArray[Any]:
    full = np.iinfo(dtype).max
    colour = (photo(*SIZE, 2, channels - 1).astype(np.uint32) * (full // 255)).astype(dtype)
    ramp = np.tile(np.linspace(0, full, SIZE[1]).astype(dtype), (SIZE[0], 1))
    return np.dstack([colour, ramp])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_is_carried_along_untouched(place: Place, dtype: type) -> None:
    picture = alpha_picture(4, dtype)
    outcome = place.restore(encoded(picture, ".png"), MASK)
    result = decoded(place.output(outcome))
    assert (outcome.row["status"], result.dtype, result.shape) == ("ok", picture.dtype, picture.shape)
    assert (result[:, :, 3] == picture[:, :, 3]).all()
    assert (result[:, :, :3] != picture[:, :, :3]).any()


def test_an_alpha_that_was_the_mask_shows_what_was_filled(place: Place) -> None:
    picture = alpha_picture(4)
    outcome = place.restore(encoded(picture, ".png"), bench=place.bench(override={"mask.source": "alpha"}))
    assert outcome.row["status"] == "ok"
    result = decoded(place.output(outcome))
    grown = dilate(picture[:, :, 3] < 128 / 255 * 255, MaskSettings().dilate_px)
    assert (result[grown][:, 3] == 255).all()
    assert (result[~grown] == picture[~grown]).all()
    assert outcome.row.get("mask_sha256") is None


def test_masks_of_other_sources(place: Place) -> None:
    no_alpha = place.restore(PNG, bench=place.bench(override={"mask.source": "alpha"}))
    assert (no_alpha.row["error"], "no alpha" in no_alpha.row["message"]) == ("MaskMissing", True)
    keyed = PICTURE.copy()
    keyed[HOLE > 0] = (255, 0, 255)
    colour = place.restore(encoded(keyed, ".png"), bench=place.bench(override={"mask.source": "colour"}))
    assert colour.row["masked_fraction"] == pytest.approx((HOLE > 0).mean())
    boxes = place.restore(
        PNG, bench=place.bench(override={"mask.source": "boxes"}), boxes="[[4, 5, 6, 7], [60, 40, 99, 99]]"
    )
    assert boxes.row["masked_fraction"] == pytest.approx((6 * 7 + 4 * 8) / (48 * 64))
    grey = encoded(photo(*SIZE, 1, 1), ".png")
    assert place.restore(grey, MASK).row["channels"] == 1
    assert place.restore(grey, bench=place.bench(override={"mask.source": "colour"})).row["status"] == "unchanged"


def test_several_masks_are_united(place: Place) -> None:
    other = spots(*SIZE, 8)
    outcome = place.restore(PNG, MASK, encoded(other, ".png"))
    assert outcome.row["masked_fraction"] == pytest.approx(((HOLE > 0) | (other > 0)).mean())


def test_an_override_is_of_its_item_only(place: Place) -> None:
    bench = place.bench()
    mine = place.restore(PNG, MASK, bench=bench, override='{"mask": {"polarity": "black"}}')
    plain = place.restore(PNG, MASK, bench=bench)
    assert mine.row["masked_fraction"] == pytest.approx(1 - plain.row["masked_fraction"])
    assert mine.row["settings_sha256"] != plain.row["settings_sha256"]


def test_only_work_is_watched_and_filling_happens_in_turn(place: Place) -> None:
    watch, seen = Watch(), []

    def in_turn(work: Callable[[], Any]) -> Any:
        seen.append(("waiting", [*watch.busy()]))
        return work()

    def fill(crop: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        seen.append(("filling", [*watch.busy()]))
        return crop

    bench = place.bench()
    place.restore(PNG, MASK, bench=Bench(bench.job, FakeGenerator(fill), in_turn, watch))
    assert seen[:2] == [("waiting", []), ("filling", ["id-a"])]
