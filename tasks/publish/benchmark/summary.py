"""The rows of a benchmark, summed up: means with bootstrap intervals, for each mask and method."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.judge.frechet import frechet_distance
from tasks.publish.benchmark.rows import COSTS, MEASURES

RESAMPLES = 2000
SEED = 1979  # of the resamples: B. Efron, "Bootstrap Methods: Another Look at the Jackknife", Ann. Statist. 7
LEVEL = 0.95

Double = NDArray[np.float64]


@dataclass(frozen=True)
class Mean:
    """A mean over photos and its bootstrap interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """One method on one kind of mask. photos: how many it filled; `means` has no entry for what was never measured.

    fid: of the filled photos as a set against the true ones; None where its network is not given.
    """

    mask: str
    method: str
    photos: int
    skipped: int = 0
    failed: int = 0
    means: dict[str, Mean] = field(default_factory=dict)
    fid: float | None = None
    message: str = ""  # why some are missing


def summarise(rows: pa.Table, kinds: Sequence[str], methods: Sequence[str]) -> list[Score]:
    """A score for each kind of mask and method, in these orders. rows: of `read_rows`."""
    return [
        _score(rows.filter(pc.and_(pc.equal(rows["mask"], kind), pc.equal(rows["method"], method))), kind, method)
        for kind in kinds
        for method in methods
    ]


def bootstrap(values: Double) -> Mean:
    """Mean of (N,) values, N above 0, and the 95 % percentile interval over resamples of the same N.

    Seeded, and by the number of values alone: methods that filled the same photos are resampled alike.
    """
    rng = np.random.default_rng([SEED, len(values)])
    means = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Mean(float(values.mean()), float(low), float(high))


def _score(rows: pa.Table, kind: str, method: str) -> Score:
    rows = rows.sort_by("photo_sha256")
    statuses = rows["status"].to_pylist()
    good = rows.filter(pc.equal(rows["status"], "ok"))
    means = {}
    for name in (*MEASURES, *COSTS):
        values = good[name].drop_null()
        if len(values):
            means[name] = bootstrap(np.asarray(values.to_numpy(), np.float64))
    messages = dict.fromkeys(row for row in rows["message"].to_pylist() if row)
    return Score(
        mask=kind,
        method=method,
        photos=good.num_rows,
        skipped=statuses.count("skipped"),
        failed=statuses.count("failed"),
        means=means,
        fid=_fid(good),
        message=next(iter(messages), ""),
    )


def _fid(rows: pa.Table) -> float | None:
    there = rows.filter(pc.and_(pc.is_valid(rows["pooled"]), pc.is_valid(rows["pooled_truth"])))
    if there.num_rows < 2:
        return None
    filled, truth = (_stacked(there[name]) for name in ("pooled", "pooled_truth"))
    return frechet_distance(filled, truth)


def _stacked(column: pa.ChunkedArray) -> Double:
    """Lists of one length -> (N, length)."""
    return np.asarray(column.combine_chunks().flatten().to_numpy(), np.float64).reshape(len(column), -1)
