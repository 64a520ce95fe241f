"""The work of a benchmark: units of one photo and one mask, and the worker that fills, measures and commits one."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256

import cv2
import numpy as np

from tasks.errors import ItemError, UnexpectedError
from tasks.judge.networks import NetworkFiles, Networks
from tasks.judge.truth import Truth, against_truth
from tasks.publish.benchmark.crops import write_crop
from tasks.publish.benchmark.rows import write_part
from tasks.publish.schema import Row
from tasks.run.benchmark.method import Bool, Damaged, Fill, Method, Pixels, Unavailable
from tasks.run.benchmark.photos import Photo, decoded, hole_of
from tasks.store.objects import Store, read_url

log = logging.getLogger("lacuna.benchmark")

MASKS = "masks"


@dataclass(frozen=True)
class BenchmarkJob:
    """What every worker is told. timeout_s: longest work on one photo by one method."""

    out: str
    seed: int
    networks: NetworkFiles
    networks_sha256: str
    code_version: str
    threads: int = 1
    timeout_s: float = 600.0


@dataclass(frozen=True)
class Unit:
    """One photo with one kind of mask, for these methods; `shown`: crops of it are kept for the sheet."""

    photo: Photo
    kind: str
    methods: tuple[Method, ...]
    shown: bool = False

    def split(self) -> "list[Unit]":
        """A unit for each method."""
        return [replace(self, methods=(method,)) for method in self.methods]

    def row(self, method: Method, job: BenchmarkJob) -> Row:
        """What the row of one method says before anything is done."""
        return {
            "photo": self.photo.name,
            "photo_sha256": self.photo.sha256,
            "mask": self.kind,
            "seed": job.seed,
            "method": method.name,
            "method_version": method.version(self.photo.name, self.kind),
            "networks_sha256": job.networks_sha256,
            "code_version": job.code_version,
        }


@dataclass(frozen=True)
class Done:
    """What a unit brought; `alive`: its worker can take another."""

    rows: int
    failed: int
    megapixels: float
    alive: bool = True


def failed(row: Row, error: str, message: str, status: str = "failed") -> Row:
    """A row without numbers."""
    return {**row, "status": status, "error": error, "message": message, "finished_at": datetime.now(UTC)}


@dataclass
class Worker:
    """One process's work: methods and networks are loaded once, when first needed. clock: of `seconds`."""

    job: BenchmarkJob
    clock: Callable[[], float] = time.perf_counter
    _loaded: dict[Method, Fill] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._networks = Networks(self.job.networks)
        self._store = Store(self.job.out)

    def do(self, unit: Unit) -> Done:
        """Fill, measure and commit a unit as one part. What is wrong with a photo or a method is its row.

        Raises StorageDenied, StorageUnavailable when the part cannot be written.
        """
        rows: list[Row] = []
        megapixels = 0.0
        try:
            truth = decoded(read_url(unit.photo.url), unit.photo.name)
            mask = hole_of(unit.photo.sha256, (truth.shape[0], truth.shape[1]), unit.kind, self.job.seed)
        except (ItemError, ValueError, FileNotFoundError) as error:
            rows = [failed(unit.row(method, self.job), type(error).__name__, str(error)) for method in unit.methods]
        else:
            megapixels = mask.size / 1e6
            self._store.put(mask_path(unit.photo, unit.kind, self.job.seed), _png(mask))
            rows = [self._row(unit, method, truth, mask) for method in unit.methods]
        write_part(self._store, rows)
        return Done(len(rows), sum(row["status"] == "failed" for row in rows), megapixels * len(rows))

    def _row(self, unit: Unit, method: Method, truth: Pixels, mask: Bool) -> Row:
        row = unit.row(method, self.job)
        row |= {"width": mask.shape[1], "height": mask.shape[0], "masked_fraction": float(mask.mean())}
        row |= {"mask_sha256": sha256(np.packbits(mask).tobytes()).hexdigest(), "threads": self.job.threads}
        blank = np.where(mask[:, :, None], np.uint8(0), truth)
        try:
            fill = self._fill(method)
            started = self.clock()
            made = fill(Damaged(unit.photo.name, unit.kind, blank, mask))
            seconds = self.clock() - started
        except Unavailable as error:
            return failed(row, "Unavailable", str(error), "skipped")
        except (ItemError, MemoryError, ValueError) as error:
            return failed(row, type(error).__name__, str(error))
        except Exception as error:  # a fault of one method must not cost the others their rows
            log.exception("%s on %s", method.name, unit.photo.name)
            return failed(row, UnexpectedError.__name__, f"{type(error).__name__}: {error}")
        filled = np.where(mask[:, :, None], made, truth)
        if unit.shown:
            write_crop(self._store, self.job.seed, unit.kind, unit.photo.sha256, method.name, filled, truth, mask)
        row |= self._measured(filled, truth, mask)
        if method.timed:
            row |= {"seconds": seconds, "seconds_per_mp": seconds / (float(mask.sum()) / 1e6)}
        row |= {"iterations": getattr(fill, "iterations", None)}
        return {**row, "status": "ok", "finished_at": datetime.now(UTC)}

    def _fill(self, method: Method) -> Fill:
        if method not in self._loaded:
            self._loaded[method] = method.load(self.job.threads)
        return self._loaded[method]

    def _measured(self, filled: Pixels, truth: Pixels, mask: Bool) -> Row:
        shown, true = (pixels.astype(np.float32) / np.float32(255) for pixels in (filled, truth))
        found: Truth = against_truth(shown, true, mask)
        pooled, pooled_truth = (self._networks.pooled(picture) for picture in (shown, true))
        numbers = {name: None if math.isnan(value) else value for name, value in asdict(found).items()}
        return {
            **numbers,
            **self._networks.distances(shown, true),
            "pooled": None if pooled is None else pooled.tolist(),
            "pooled_truth": None if pooled_truth is None else pooled_truth.tolist(),
        }


def mask_path(photo: Photo, kind: str, seed: int) -> str:
    """Where the mask lies that other programs need: white is hole."""
    return f"{MASKS}/{seed}/{kind}/{photo.stem}.png"


def _png(mask: Bool) -> bytes:
    _, data = cv2.imencode(".png", mask.astype(np.uint8) * np.uint8(255), [cv2.IMWRITE_PNG_BILEVEL, 1])
    return data.tobytes()
