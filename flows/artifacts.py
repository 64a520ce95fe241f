"""What a run shows in Prefect: a summary, how good the fills are, where the report lies. A few a run, never one an image."""

import base64
from pathlib import Path
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact

from tasks.publish.commit import RESULTS as COMMITTED
from tasks.publish.commit import read_all_holes, read_results
from tasks.publish.report.plots import plots
from tasks.store.filesystems import protocol_of
from tasks.store.objects import Store

INK = "#808080"  # readable on white and on black: Prefect's pages are light or dark
SHARDS = 200  # that the plots are made of, at most
RESULTS = ["shard_id", "commit_id", "status", "load_s", "fill_s", "save_s", "finished_at"]
HOLES = ["area", "predicted_error"]


def publish_restore(record: dict[str, Any], store: Store) -> None:
    """Artifacts `restore-summary`, `restore-quality` and `restore-report` of a finished run. record: of the flow."""
    about = f"Run {record['run_id']}"
    create_markdown_artifact(_summary(record), key="restore-summary", description=about)
    quality = _quality(store)
    if quality:
        create_markdown_artifact(quality, key="restore-quality", description=about)
    create_link_artifact(link_to(record["report"]), "Report", key="restore-report", description=about)


def publish_benchmark(run_id: str, table: str, picture: bytes | None) -> None:
    """Artifacts `benchmark-summary` and, where there is one, `benchmark-picture`. table: Markdown; picture: PNG."""
    about = f"Run {run_id}"
    create_markdown_artifact(table, key="benchmark-summary", description=about)
    if picture is not None:
        drawn = _embedded("image/png", picture, "Results")
        create_markdown_artifact(drawn, key="benchmark-picture", description=about)


def link_to(place: str) -> str:
    """A URL for a browser: of a local path, its file's."""
    return Path(place).as_uri() if protocol_of(place) == "file" and place.startswith("/") else place


def _summary(record: dict[str, Any]) -> str:
    rows = [(key, value) for key, value in record["totals"].items() if key != "errors"]
    rows += [(f"failed: {key}", value) for key, value in record["totals"]["errors"].items()]
    lines = ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows)]
    return f"# Restore {record['run_id']}\n\n" + "\n".join(lines) + f"\n\nReport: `{record['report']}`\n"


def _quality(store: Store) -> str:
    """Distributions over what is committed: expected error, time, size of holes. Of many shards an even sample."""
    shards = [name.removesuffix(".parquet") for name in store.names(COMMITTED) if name.endswith(".parquet")]
    taken = shards[:: -(-len(shards) // SHARDS) or 1]
    results = read_results(store, taken, RESULTS)
    drawn = plots(results, read_all_holes(store, results, HOLES))
    parts = [f"{caption}\n\n{_embedded('image/svg+xml', _inked(svg), caption)}" for caption, svg in drawn]
    if parts and len(taken) < len(shards):
        parts.insert(0, f"Of {len(taken):,} of {len(shards):,} shards.")
    return "\n\n".join(parts)


def _inked(svg: str) -> bytes:
    """A drawing that a page embeds takes its colours; one that stands alone needs its own."""
    return svg.replace("var(--mark, currentColor)", INK).replace("currentColor", INK).encode()


def _embedded(kind: str, data: bytes, caption: str) -> str:
    text = caption.replace("[", "(").replace("]", ")")
    return f"![{text}](data:{kind};base64,{base64.b64encode(data).decode()})"
