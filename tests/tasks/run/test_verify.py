from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.errors import StorageUnavailable
from tasks.publish.schema import Row
from tasks.publish.sidecar import sidecar_path
from tasks.run.item import restore_item
from tasks.run.job import ItemSpec
from tasks.run.settings import ItemSettings
from tasks.run.verify import PROBLEMS, Finding, verify_item
from tasks.store.objects import Store, read_url
from tests.support import decoded, encoded
from tests.tasks.run.test_item import MASK, PICTURE, PNG, SIZE, Place

DEFAULTS = ItemSettings()


class Done:
    """An item that was restored, with its row as it was committed."""

    def __init__(self, root: Path, image: bytes = PNG, mask: bytes = MASK) -> None:
        self.place = Place(root)
        self.spec: ItemSpec = self.place.spec(image, mask)
        outcome = restore_item(self.spec, self.place.bench())
        self.row: Row = {"output": None, "mask_sha256": None, **outcome.row, "shard_id": "s"}
        self.sink = Store(str(root / "sink"))

    @property
    def output(self) -> Path:
        return Path(self.sink.url(f"images/{self.spec.output}"))

    def verified(self, settings: ItemSettings | None = DEFAULTS, read: Callable[[str], bytes] = read_url) -> str:
        found = verify_item(self.row, self.spec, settings, self.sink, read, 10)
        if found is None:
            return "sound"
        assert isinstance(found, Finding)
        assert found.problem in PROBLEMS
        assert (found.item_id, found.shard_id, found.output) == ("id-a", "s", self.spec.output)
        return found.problem

    def written(self, data: bytes) -> None:
        """As if a faulty program had written this and said so in the row."""
        import hashlib

        self.output.write_bytes(data)
        self.row["output_sha256"] = hashlib.sha256(data).hexdigest()


@pytest.fixture
def done(tmp_path: Path) -> Done:
    return Done(tmp_path)


def test_what_was_restored_is_sound(tmp_path: Path) -> None:
    assert Done(tmp_path / "a").verified() == "sound"
    assert Done(tmp_path / "b", encoded(PICTURE, ".jpg")).verified() == "sound"
    assert Done(tmp_path / "c", mask=encoded(np.zeros(SIZE, np.uint8), ".png")).verified() == "sound"
    assert Done(tmp_path / "d", image=b"no picture").verified() == "sound"


def test_outputs_that_are_gone_or_changed(done: Done) -> None:
    data = done.output.read_bytes()
    done.output.write_bytes(data + b"\0")
    assert done.verified() == "OutputChanged"
    done.output.unlink()
    assert done.verified() == "OutputMissing"


def test_a_sidecar_that_is_gone_damaged_or_of_other_bytes(tmp_path: Path) -> None:
    place = Place(tmp_path)
    spec = place.spec(PNG, MASK, override='{"output": {"sidecar": true}}')
    row = {**restore_item(spec, place.bench()).row, "shard_id": "s"}
    sink = Store(str(tmp_path / "sink"))
    path = sidecar_path(row["output"])
    data = sink.read(path)
    assert verify_item(row, spec, DEFAULTS, sink, read_url, 10) is None
    for other in (data.replace(row["output_sha256"].encode(), b"0" * 64), data[:-9], None):
        if other is None:
            Path(sink.url(path)).unlink()
        else:
            sink.put(path, other)
        found = verify_item(row, spec, DEFAULTS, sink, read_url, 10)
        assert found and found.problem == "SidecarMissing"


def test_an_output_of_an_item_that_failed_since(done: Done) -> None:
    done.row |= {"status": "failed", "output": None, "output_sha256": None}
    assert done.verified() == "OutputStale"


def test_originals_and_masks_that_are_gone_or_changed(done: Done) -> None:
    Path(done.spec.masks[0]).write_bytes(encoded(np.full(SIZE, 0, np.uint8), ".png"))
    assert done.verified() == "MaskChanged"
    Path(done.spec.masks[0]).unlink()
    assert done.verified() == "NotChecked"
    Path(done.spec.image).write_bytes(PNG + b"\0")
    assert done.verified() == "OriginalChanged"
    Path(done.spec.image).unlink()
    assert done.verified() == "OriginalMissing"


def test_a_single_pixel_outside_the_mask_is_seen(done: Done) -> None:
    pixels = decoded(done.output.read_bytes()).copy()
    known = np.argwhere((pixels == PICTURE).all(axis=2))
    for y, x in known[:: len(known) // 5]:
        other = pixels.copy()
        other[y, x] ^= 1
        done.written(encoded(other, ".png"))
        assert done.verified() == "OutsideChanged"
    done.written(encoded(pixels, ".png"))
    assert done.verified() == "sound"
    done.written(encoded(pixels[:-1], ".png"))
    assert done.verified() == "OutsideChanged"


def test_a_copy_that_is_none(tmp_path: Path) -> None:
    done = Done(tmp_path, mask=encoded(np.zeros(SIZE, np.uint8), ".png"))
    done.written(encoded(255 - PICTURE, ".png"))
    assert done.verified() == "OutsideChanged"


def test_what_cannot_be_checked_is_said(done: Done) -> None:
    assert done.verified(None) == "NotChecked"
    narrower = ItemSettings().overridden('{"mask.dilate_px": 0, "mask.feather_px": 0}')
    assert done.verified(narrower) == "OutsideChanged"

    def unavailable(url: str) -> bytes:
        raise StorageUnavailable(url)

    with pytest.raises(StorageUnavailable):
        done.verified(read=unavailable)
