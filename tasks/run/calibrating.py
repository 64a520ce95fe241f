"""Candidates are tried on a sample of an archive, in parallel: each actor holds a generator and does one item at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import ray

from tasks.errors import ItemError, PoolFailure
from tasks.fill.mask import dilate
from tasks.fill.picture import Picture
from tasks.judge.calibration import Tried, tried
from tasks.judge.choice import Judge
from tasks.run.cluster import width
from tasks.run.generating import LocalGenerator
from tasks.run.hole import find_hole
from tasks.run.job import ItemSpec
from tasks.run.settings import ItemSettings, LimitSettings, RuntimeSettings
from tasks.store.colour import colour_of
from tasks.store.formats.vips import set_threads
from tasks.store.image import decode, icc, read_header
from tasks.store.objects import read_url

POLL_S = 1.0


@dataclass(frozen=True)
class Calibrated:
    """What came of one item; `error`: why nothing did."""

    item_id: str
    trials: tuple[Tried, ...] = ()
    error: str | None = None


class Calibrator:
    """Tries candidates on items. generator: as a restorer has it."""

    def __init__(self, settings: ItemSettings, limits: LimitSettings, generator: Any) -> None:
        self._settings, self._limits, self._generator = settings, limits, generator

    def calibrate(self, spec: ItemSpec) -> Calibrated:
        """Never raises for what is wrong with the item or its storage."""
        try:
            return Calibrated(spec.item_id, tuple(self._tried(spec)))
        except (ItemError, OSError, ValueError, MemoryError) as error:
            return Calibrated(spec.item_id, error=f"{type(error).__name__}: {error}")

    def _tried(self, spec: ItemSpec) -> list[Tried]:
        settings = self._settings.overridden(spec.override)
        data = read_url(spec.image)
        header = read_header(data, self._limits.max_mp)
        pixels = decode(data, header)
        colour, _ = colour_of(icc(data), header, pixels)
        core = find_hole(spec, pixels, header, colour, settings.mask, read_url, self._limits.max_mp, {})
        if header.dtype.kind == "f":  # how floats are shown goes by the range of what is known
            colour, _ = colour_of(icc(data), header, pixels, core)
        mask = dilate(core, settings.mask.dilate_px)
        if not mask.any() or mask.all():
            return []
        picture = Picture(pixels[:, :, : header.channels - header.alpha], colour)
        judge = Judge(settings.judge, settings.correct)
        return tried(picture, mask, judge, self._generator.for_item(spec.item_id), settings.fill)


class CalibratorShell(Calibrator):
    """A calibrator in its process."""

    def __init__(self, settings: ItemSettings, limits: LimitSettings, threads: int) -> None:
        cv2.setNumThreads(1)
        set_threads(1)
        super().__init__(settings, limits, LocalGenerator(settings.model, threads))


CalibratorActor = ray.remote(max_restarts=0)(CalibratorShell)


def calibrated(
    specs: Sequence[ItemSpec],
    settings: ItemSettings,
    limits: LimitSettings,
    runtime: RuntimeSettings,
    on_done: Callable[[Calibrated], None] = lambda done: None,
) -> list[Calibrated]:
    """What came of each item, in the order of `specs`, whoever did it, on the connected cluster.

    Raises PoolFailure when a worker dies, UsageError for more GPUs than there are.
    """
    wide = width(runtime)
    share = {"num_cpus": wide.cpus, "num_gpus": runtime.gpus_per_actor if wide.generators else 0}
    count = max(1, min(wide.generators or wide.restorers, len(specs)))
    actors: list[Any] = [CalibratorActor.options(**share).remote(settings, limits, wide.threads) for _ in range(count)]
    found: dict[int, Calibrated] = {}
    try:
        waiting = iter(enumerate(specs))
        hands: dict[Any, tuple[int, Any]] = {}
        for actor, (number, spec) in zip(actors, waiting, strict=False):
            hands[actor.calibrate.remote(spec)] = number, actor
        while hands:
            done, _ = ray.wait(list(hands), num_returns=1, timeout=POLL_S)
            for reference in done:
                number, actor = hands.pop(reference)
                found[number] = ray.get(reference)
                on_done(found[number])
                after = next(waiting, None)
                if after is not None:
                    hands[actor.calibrate.remote(after[1])] = after[0], actor
    except ray.exceptions.RayActorError as error:
        raise PoolFailure(f"a worker died: {error}") from error
    finally:
        for actor in actors:
            ray.kill(actor)
    return [found[number] for number in range(len(specs))]
