"""Restore one item, from its bytes in storage to its bytes in storage. Whatever is wrong with it becomes its row."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks import errors
from tasks.errors import ItemError
from tasks.fill.fill import Filled, fill_image
from tasks.fill.mask import hole_from_alpha, hole_from_boxes, hole_from_colour, hole_from_luminance
from tasks.fill.passes import Generator
from tasks.publish.schema import Row
from tasks.run.job import ItemSpec, Job, Outcome
from tasks.run.settings import ItemSettings
from tasks.run.watch import MegapixelBudget, Watch
from tasks.store.image import Header, decode, decode_mask, encode, read_header
from tasks.store.objects import Store, read_url

if TYPE_CHECKING:
    from models.engine import EngineInfo

log = logging.getLogger("lacuna.item")
Pixels = NDArray[np.unsignedinteger]


class Generating(Protocol):
    """A generator with the facts that a row records."""

    info: "EngineInfo"
    threads: int

    def for_item(self, item_id: str) -> Generator:
        """The generator, speaking for one item."""


class Bench:
    """What the items of one process share: the sink, the generator, its turn, the budget, the watch."""

    def __init__(
        self,
        job: Job,
        generator: Generating,
        in_turn: Callable[[Callable[[], Filled]], Filled] = lambda work: work(),
        watch: Watch | None = None,
    ) -> None:
        self.job, self.generator, self.in_turn = job, generator, in_turn
        self.sink = Store(job.sink)
        self.watch = watch or Watch()
        self.budget = MegapixelBudget(job.runtime.inflight_mp)
        self._shared: tuple[str, bytes] | None = None

    def read_mask(self, url: str, shared: bool) -> bytes:
        """The bytes of a mask file; one that all items share is fetched once."""
        held = self._shared
        if shared and held is not None and held[0] == url:
            return held[1]
        try:
            data = read_url(url)
        except FileNotFoundError as error:
            raise errors.MaskMissing(f"gone since it was listed: {url}") from error
        if shared:
            self._shared = (url, data)
        return data


def restore_item(spec: ItemSpec, bench: Bench) -> Outcome:
    """Load, fill and save one item; never raises for what is wrong with the item, its storage or its decoding."""
    row: Row = {
        "run_id": bench.job.run_id,
        "item_id": spec.item_id,
        "image": spec.image,
        "mask": "\n".join(spec.masks) or None,
        "image_version": spec.image_version,
        "mask_version": spec.mask_version,
        "attempts": spec.attempts + 1,
        "recipe": bench.job.recipe,
        "code_version": bench.job.code_version,
    }
    try:
        outcome = _restore(spec, bench, row)
    except ItemError as error:
        outcome = _failed(row, type(error).__name__, str(error))
    except MemoryError as error:
        outcome = _failed(row, errors.OutOfMemory.__name__, str(error) or "out of memory")
    except Exception as error:  # one item's accident must not cost the others; it has a name and a row
        log.exception("item %s", spec.image)
        outcome = _failed(row, errors.UnexpectedError.__name__, f"{type(error).__name__}: {error}")
    outcome.row["finished_at"] = datetime.now(UTC)
    return outcome


def _failed(row: Row, error: str, message: str) -> Outcome:
    return Outcome(
        {**row, "output": None, "output_sha256": None, "status": "failed", "error": error, "message": message}
    )


def _restore(spec: ItemSpec, bench: Bench, row: Row) -> Outcome:
    settings = bench.job.items.overridden(spec.override)
    info = bench.generator.info
    row |= {"settings_sha256": settings.sha256(), "generator": info.name, "weights_sha256": info.weights_sha256}
    row |= {"device": info.device, "threads": bench.generator.threads}
    missing = spec.error == errors.MaskMissing.__name__
    if spec.error is not None and not (missing and settings.mask.on_missing != "fail"):
        return _failed(row, spec.error, spec.message or "")
    if missing and settings.mask.on_missing == "skip":
        return Outcome({**row, "status": "skipped", "message": "no mask (mask.on_missing=skip)"})

    with bench.watch.working(spec.item_id), _timed(row, "load_s"):
        data = _read_image(spec)
        row["input_sha256"] = _sha256(data)
        header = read_header(data, bench.job.limits.max_mp)
        row |= {"format": header.format, "width": header.width, "height": header.height}
        row |= {"channels": header.channels, "bit_depth": header.bit_depth}
    if missing:
        return _copied(spec, bench, row, data, header, "no mask (mask.on_missing=copy)")
    with bench.budget.hold(header.megapixels):
        with bench.watch.working(spec.item_id), _timed(row, "load_s"):
            pixels = decode(data, header)
            core = _hole(spec, bench, row, pixels, settings)
            row["masked_fraction"] = float(core.mean())
        if not core.any():
            return _copied(spec, bench, row, data, header, "the mask is empty")
        started = time.perf_counter()
        filled = bench.in_turn(partial(_fill, spec, bench, row, pixels, core, settings))
        row["fill_s"] = row.get("fill_s", time.perf_counter() - started)
        with bench.watch.working(spec.item_id), _timed(row, "save_s"):
            result = encode(filled.pixels, data)
            bench.sink.put(f"images/{spec.output}", result)
    row |= {"output": spec.output, "output_sha256": _sha256(result), "status": "ok", "holes": len(filled.holes)}
    holes = tuple(
        {
            "item_id": spec.item_id,
            "hole": number,
            **{key: getattr(done.hole, key) for key in ("x", "y", "w", "h", "area")},
            "fill_pass": done.fill_pass,
            "corrections": [],
            "candidates": 1,
        }
        for number, done in enumerate(filled.holes)
    )
    return Outcome(row, holes, header.megapixels)


def _fill(
    spec: ItemSpec, bench: Bench, row: Row, pixels: Pixels, core: NDArray[np.bool_], settings: ItemSettings
) -> Filled:
    """The filling step proper; alpha, where there is one, is carried along untouched unless it was the mask."""
    with bench.watch.working(spec.item_id), _timed(row, "fill_s"):
        has_alpha = pixels.shape[2] in (2, 4)
        colour, alpha = (pixels[:, :, :-1], pixels[:, :, -1:]) if has_alpha else (pixels, None)
        filled = fill_image(colour, core, bench.generator.for_item(spec.item_id), settings.mask, settings.fill)
        if alpha is None:
            return filled
        if settings.mask.source == "alpha":  # what was transparent is filled now, so it must show
            alpha = np.where(filled.mask[:, :, None], np.iinfo(alpha.dtype).max, alpha).astype(alpha.dtype)
        return Filled(np.concatenate([filled.pixels, alpha], axis=2), filled.mask, filled.holes)


def _hole(spec: ItemSpec, bench: Bench, row: Row, pixels: Pixels, settings: ItemSettings) -> NDArray[np.bool_]:
    """The hole (H, W) bool before dilation, by the mask's source; several masks are united."""
    policy = settings.mask
    height, width, channels = pixels.shape
    if policy.source == "alpha":
        if channels not in (2, 4):
            raise errors.MaskMissing("mask.source is alpha, but the image has no alpha channel")
        return hole_from_alpha(pixels[:, :, -1], policy)
    if policy.source == "colour":
        return hole_from_colour(pixels[:, :, :3] if channels >= 3 else pixels[:, :, :1], policy)
    core = np.zeros((height, width), dtype=bool)
    if spec.boxes is not None:
        core |= hole_from_boxes(json.loads(spec.boxes), (height, width))
    digests = []
    for url in spec.masks:
        data = bench.read_mask(url, shared=policy.source == "shared")
        digests.append(_sha256(data))
        mask = decode_mask(data, bench.job.limits.max_mp)
        if mask.shape != core.shape:
            raise errors.MaskSizeMismatch(
                f"the mask is {mask.shape[1]}×{mask.shape[0]}, the image {width}×{height}: {url}"
            )
        core |= hole_from_luminance(mask, policy)
    row["mask_sha256"] = "\n".join(digests) or None
    return core


def _copied(spec: ItemSpec, bench: Bench, row: Row, data: bytes, header: Header, why: str) -> Outcome:
    with bench.watch.working(spec.item_id), _timed(row, "save_s"):
        bench.sink.put(f"images/{spec.output}", data)
    done = {
        "output": spec.output,
        "output_sha256": row["input_sha256"],
        "status": "unchanged",
        "holes": 0,
        "message": why,
    }
    return Outcome({**row, **done}, (), header.megapixels)


def _read_image(spec: ItemSpec) -> bytes:
    try:
        return read_url(spec.image)
    except FileNotFoundError as error:
        raise errors.ImageUnreadable(f"gone since it was listed: {spec.image}") from error


@contextmanager
def _timed(row: Row, column: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        row[column] = row.get(column, 0.0) + time.perf_counter() - started


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
