"""Restore one item, from its bytes in storage to its bytes in storage. Whatever is wrong with it becomes its row."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks import errors
from tasks.correct.corrections import chosen
from tasks.errors import ItemError
from tasks.fill.colour import Colour, full_scale
from tasks.fill.fill import Filled, fill_image
from tasks.fill.passes import Generator
from tasks.fill.picture import Picture
from tasks.judge.blind import Blind, blind_holes, of_item
from tasks.judge.choice import Judge
from tasks.publish.report.pictures import write_pictures
from tasks.publish.schema import Row
from tasks.publish.sidecar import write_sidecar
from tasks.run.hole import find_hole
from tasks.run.job import ItemSpec, Job, Outcome
from tasks.run.settings import ItemSettings
from tasks.run.watch import MegapixelBudget, Watch
from tasks.store.colour import colour_of
from tasks.store.image import Header, decode, encode, icc, read_header
from tasks.store.objects import Store, read_url
from tasks.store.undo import undo_token

if TYPE_CHECKING:
    from models.engine import EngineInfo

log = logging.getLogger("lacuna.item")


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
    if outcome.row["status"] == "failed":
        kind, message = outcome.row["error"], outcome.row["message"]
        log.warning("%s: %s: %s", spec.image, kind, message, extra={"item_id": spec.item_id, "error": kind})
    return outcome


def _failed(row: Row, error: str, message: str) -> Outcome:
    return Outcome(
        {
            **row,
            "output": None,
            "output_sha256": None,
            "output_bytes": None,
            "status": "failed",
            "error": error,
            "message": message,
        }
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
        row |= {"input_sha256": _sha256(data), "input_bytes": len(data)}
        header = read_header(data, bench.job.limits.max_mp)
        row |= {"format": header.format, "width": header.width, "height": header.height}
        row |= {"channels": header.channels, "bit_depth": header.bit_depth}
    if missing:
        return _copied(spec, bench, row, data, header, "no mask (mask.on_missing=copy)")
    with bench.budget.hold(header.megapixels):
        with bench.watch.working(spec.item_id), _timed(row, "load_s"):
            pixels = decode(data, header)
            colour, note = colour_of(icc(data), header, pixels)
            read_mask = partial(bench.read_mask, shared=settings.mask.source == "shared")
            core = find_hole(spec, pixels, header, colour, settings.mask, read_mask, bench.job.limits.max_mp, row)
            if header.dtype.kind == "f":  # how floats are shown goes by the range of what is known
                colour, note = colour_of(icc(data), header, pixels, core)
            row["masked_fraction"] = float(core.mean())
        if not core.any():
            return _copied(
                spec, bench, row, data, header, "mask.ignore" if settings.mask.ignore else "the mask is empty"
            )
        started = time.perf_counter()
        filled = bench.in_turn(partial(_fill, spec, bench, row, pixels, header, colour, core, settings))
        del core
        row["correct_s"] = filled.correct_s
        row["fill_s"] = row.get("fill_s", time.perf_counter() - started) - filled.correct_s
        with bench.watch.working(spec.item_id), _timed(row, "measure_s"):
            found = _measured(filled, header, colour)
            row |= of_item(found)
        holes = _hole_rows(spec, filled, found)
        with bench.watch.working(spec.item_id), _timed(row, "save_s"):
            result = encode(filled.pixels, data, filled.mask, settings.output, colour)
            row |= {"output": spec.output, "output_sha256": _sha256(result.data), "output_bytes": len(result.data)}
            if settings.output.sidecar:  # first: no image is without its way back
                write_sidecar(bench.sink, row, holes, undo_token(data, result.data, filled.mask))
            bench.sink.put(f"images/{spec.output}", result.data)
            if settings.output.pictures:
                colours = filled.pixels[:, :, : header.channels - header.alpha]
                shown = replace(filled, pixels=colours)
                write_pictures(bench.sink, spec.item_id, shown, holes, colour, header.orientation)
    row |= {
        "status": "ok",
        "holes": len(filled.holes),
        "message": "; ".join(filter(None, (note, *result.notes))) or None,
    }
    return Outcome(row, holes, header.megapixels)


def _measured(filled: Filled, header: Header, colour: Colour) -> list[Blind]:
    picture = Picture(filled.pixels[:, :, : header.channels - header.alpha], colour)
    return blind_holes(picture, filled.mask, [done.hole for done in filled.holes])


def _hole_rows(spec: ItemSpec, filled: Filled, measured: list[Blind]) -> tuple[Row, ...]:
    return tuple(
        {
            "item_id": spec.item_id,
            "hole": number,
            **{key: getattr(done.hole, key) for key in ("x", "y", "w", "h", "area")},
            "fill_pass": done.fill_pass,
            "corrections": list(done.corrections),
            "candidates": done.candidates,
            "score": done.score,
            "score_plain": done.score_plain,
            **found.columns(),
        }
        for number, (done, found) in enumerate(zip(filled.holes, measured, strict=True))
    )


def _fill(
    spec: ItemSpec,
    bench: Bench,
    row: Row,
    pixels: NDArray[np.generic],
    header: Header,
    colour: Colour,
    core: NDArray[np.bool_],
    settings: ItemSettings,
) -> Filled:
    """The filling step proper, in place; alpha, where there is one, stays as it is unless it was the mask."""
    # What is quantised once more by its encoder gains nothing from dithering.
    dither = header.format != "jpeg" and not (header.format == "webp" and settings.output.webp_quality)
    with bench.watch.working(spec.item_id), _timed(row, "fill_s"):
        colours = pixels[:, :, :-1] if header.alpha else pixels
        generator = bench.generator.for_item(spec.item_id)
        corrections = chosen(settings.correct)
        judge = None if settings.judge.mode == "off" else Judge(settings.judge, settings.correct)
        filled = fill_image(
            colours, core, generator, settings.mask, settings.fill, colour, dither, corrections, True, judge
        )
        if header.alpha and settings.mask.source == "alpha":  # what was transparent is filled now, so it must show
            pixels[:, :, -1][filled.mask] = full_scale(pixels.dtype)
        return replace(filled, pixels=pixels)


def _copied(spec: ItemSpec, bench: Bench, row: Row, data: bytes, header: Header, why: str) -> Outcome:
    with bench.watch.working(spec.item_id), _timed(row, "save_s"):
        bench.sink.put(f"images/{spec.output}", data)
    done = {
        "output": spec.output,
        "output_sha256": row["input_sha256"],
        "output_bytes": len(data),
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
