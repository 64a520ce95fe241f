"""Learn the best recipe for one archive from its own known pixels: catalog → sample → pseudo-holes → a recipe file."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.settings import Settings
from tasks.catalog.catalog import build_catalog
from tasks.errors import UsageError
from tasks.judge.calibration import Standing, Tried, standings, worth_trying
from tasks.run.calibrating import Calibrated, calibrated
from tasks.run.cluster import cluster
from tasks.run.job import ItemSpec

SAMPLE = 24
_TICKS = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.85, 1, 1.2, 1.5, 2, 3, 10, 30, 100)


@task(name="pseudo-holes", cache_policy=NO_CACHE)
def _try(specs: Sequence[ItemSpec], settings: Settings) -> list[Calibrated]:
    return calibrated(specs, settings.of_items(), settings.limits, settings.runtime)


@flow(name="calibrate", retries=0)
def calibrate(
    images: str, out: str, masks: str | None = None, settings: Settings | None = None, limit: int = SAMPLE
) -> dict[str, Any]:
    """Try the judge's candidates on pseudo-holes in at most `limit` items, spread evenly over the archive.

    Writes the recipe `out`, a YAML file for `--recipe`: the settings, with the candidates that are worth trying, or with
    the judge off where none is; beside it `<name>.evidence.csv`, every trial, and `<name>.evidence.png`, a plot. Returns
    the table. Raises UsageError (nothing was written), PoolFailure, StorageUnavailable.
    """
    settings = settings or Settings()
    path = Path(out)
    if path.suffix not in (".yaml", ".yml"):
        raise UsageError(f"--out {out}: a recipe's name ends in .yaml")
    catalog = build_catalog(images, masks, source=settings.source, mask_source=settings.mask.source)
    rows = [row for row in catalog.table.to_pylist() if row["error"] is None]
    if not rows:
        raise UsageError(f"{images}: no item with an image and a mask")
    picks = sorted({round(i) for i in np.linspace(0, len(rows) - 1, min(limit, len(rows)))})
    with cluster():
        found = _try([ItemSpec.from_row(rows[pick]) for pick in picks], settings)
    trials = [(each.item_id, trial) for each in found for trial in each.trials]
    if not trials:
        raise UsageError(_nothing(found))
    table, chosen = standings(trials), worth_trying(trials)
    evidence = _evidence(path, trials, table)
    path.write_text(_recipe(settings, chosen, table, found), "utf-8")
    return {
        "recipe": str(path),
        "evidence": evidence,
        "items": len(found),
        "failed": {each.item_id: each.error for each in found if each.error},
        "pseudo_holes": len({(item, trial.hole, trial.pseudo) for item, trial in trials}),
        "candidates": chosen,
        "table": [asdict(each) for each in table],
    }


def _nothing(found: Sequence[Calibrated]) -> str:
    errors = sorted({each.error for each in found if each.error})
    return "no pseudo-hole could be laid: " + (
        "; ".join(errors) or "holes are too small, or nothing known is near them"
    )


def _recipe(settings: Settings, chosen: list[str], table: Sequence[Standing], found: Sequence[Calibrated]) -> str:
    """Only what differs from the defaults, and what was found as comments."""
    tree = settings.model_dump(mode="json", exclude_defaults=True, exclude={"source", "runtime", "limits", "output"})
    judge = tree.get("judge", {})
    if chosen:
        mode = "pseudo_holes" if settings.judge.mode == "off" else settings.judge.mode
        tree["judge"] = {**judge, "mode": mode, "candidates": chosen, "max_candidates": 1 + len(chosen)}
    else:
        tree["judge"] = {**judge, "mode": "off"}
    lines = [
        "# Made by `lacuna calibrate`: error on pseudo-holes over the plain fill's, geometric means.",
        f"# {sum(each.error is None for each in found)} items.",
        *(f"# {s.ratio:6.3f}  on {s.holes:4d}, best on {s.best:4d}  {s.candidate}" for s in table),
    ]
    return "\n".join(lines) + "\n" + yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)


def _evidence(path: Path, trials: Sequence[tuple[str, Tried]], table: Sequence[Standing]) -> list[str]:
    from matplotlib.figure import Figure  # half a second
    from matplotlib.ticker import NullLocator

    text = io.StringIO()
    writer = csv.DictWriter(text, ["item_id", *trials[0][1].columns()], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"item_id": item, **trial.columns()} for item, trial in trials)
    sheet, plot = (path.with_suffix(f".evidence{suffix}") for suffix in (".csv", ".png"))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.write_text(text.getvalue(), "utf-8")
    figure = Figure(figsize=(9, 1.2 + 0.45 * len(table)), layout="constrained")
    axes = figure.subplots()
    names = [each.candidate for each in table]
    for place, name in enumerate(names):
        values = [trial.ratio for _, trial in trials if trial.candidate == name]
        axes.plot(np.exp(values), [place] * len(values), "|", color="tab:grey", alpha=0.6, markersize=10)
    axes.plot([each.ratio for each in table], range(len(table)), "o", color="tab:red", label="geometric mean")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in _TICKS if low <= tick <= high], minor=False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("error over the plain fill's, on pseudo-holes; left of 1 is better")
    axes.legend(loc="lower left")
    figure.savefig(plot, dpi=110)
    return [str(sheet), str(plot)]
