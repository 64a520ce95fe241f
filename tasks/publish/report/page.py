"""SINK/report/index.html: what happened, failures first, then every item, the worst first."""

import json
import shlex
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.errors import UsageError
from tasks.publish.commit import read_all_holes, read_results
from tasks.publish.report.advice import WHAT_TO_DO
from tasks.publish.report.items import HOLES, RESULTS, choices, common_prefix, listed, write_data
from tasks.publish.report.pictures import FOLDER
from tasks.publish.report.plots import plots
from tasks.publish.run_record import read_runs
from tasks.publish.totals import totals
from tasks.store.objects import Store

HERE = Path(__file__).parent
PAGE = "report/index.html"
# What a person may want to change for an item that is to be done again; each is an override of one item.
PRESETS = (
    ("more surroundings", '{"fill.context": 4}'),
    ("a wider mask", '{"mask.dilate_px": 6, "mask.feather_px": 3}'),
    ("no corrections", '{"correct.steps": []}'),
)


def write_report(store: Store) -> str:
    """(Re)build the report from what is committed; returns where it lies. Raises UsageError where no run has been."""
    runs = list(read_runs(store))
    if not runs:
        raise UsageError(f"{store.root}: no run has been here")
    results = read_results(store, columns=[*RESULTS, "shard_id", "commit_id", "finished_at"])
    holes = read_all_holes(store, results, HOLES)
    pictures = {name.removesuffix(".hole.jpg") for name in store.names(FOLDER) if name.endswith(".hole.jpg")}
    prefixes = _root(runs[-1], results, "image"), _root(runs[-1], results, "mask")
    rows = listed(results, holes, pictures, prefixes)
    counted = totals(results)
    about = {
        "items": len(rows),
        "pages": write_data(store, rows),
        "sink": store.root,
        "image_prefix": prefixes[0],
    }
    page = _template().render(
        totals=counted,
        errors=_errors(results, counted["errors"]),
        plots=[(caption, Markup(svg)) for caption, svg in plots(results, holes)],
        choices=choices(rows),
        presets=PRESETS,
        command=_command(store, runs[-1], prefixes),
        runs=[_run(record) for record in reversed(runs)],
        # In a script element only `<` could end it, or begin a comment.
        about=Markup(json.dumps(about).replace("<", "\\u003c")),
        style=Markup((HERE / "page.css").read_text("utf-8")),
        script=Markup((HERE / "page.js").read_text("utf-8")),
    )
    store.put(PAGE, page.encode("utf-8", "replace"))
    return store.url(PAGE)


def _errors(results: pa.Table, counted: dict[str, int]) -> list[tuple[str, int, str, str]]:
    """Type, items, what to do, and one message."""
    found = []
    for kind, count in counted.items():
        at = pc.index(results["error"], kind).as_py()
        found.append((kind, count, WHAT_TO_DO.get(kind, ""), results["message"][at].as_py() or ""))
    return found


def _command(store: Store, record: dict[str, Any], roots: tuple[str, str]) -> str:
    """What does the exported decisions: under the same roots the manifest's items keep their ids and find their masks."""
    recipe, model = record.get("recipe") or "balanced", record.get("generator")
    words = ["lacuna", "restore", "decisions.csv", *filter(None, roots[1:]), "--out", store.root, "--recipe", recipe]
    words += ["--model", model] if model else []
    words += ["--set", f"source.root={roots[0]}", "--set", "output.on_change=redo"]
    return shlex.join(words)


def _root(record: dict[str, Any], results: pa.Table, column: str) -> str:
    """What the list leaves out of URLs: the root of the last run, where all of them lie in it."""
    root: str = record.get(f"{column}_root") or ""
    inside = root and pc.all(pc.starts_with(results[column].drop_null(), root)).as_py() is not False
    return root if inside else common_prefix(results, column)


def _run(record: dict[str, Any]) -> dict[str, Any]:
    keys = ("run_id", "state", "started_at", "seconds", "recipe", "generator", "to_do")
    return {key: record.get(key) for key in keys}


def _template() -> Any:
    loader = FileSystemLoader(HERE)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page.html.jinja")
