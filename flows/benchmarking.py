"""`lacuna benchmark`, around its flow: what is asked, checked; Ray and a Prefect API up; the tables printed.

Prefect is imported after `prefect_api` has made it quiet.
"""

import sys
from dataclasses import dataclass, field, replace
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from flows.server import prefect_api, wait_for_api
from flows.settings import Settings, compose
from tasks.errors import UsageError
from tasks.judge.networks import NetworkFiles, Networks, files_in
from tasks.run.settings import ItemSettings

# The hole is exactly the mask: what is known is compared with itself.
EXACT = ("mask.dilate_px=0", "mask.feather_px=0")

WIDEST = 1000  # characters


@dataclass(frozen=True)
class Comparison:
    """What a person asks of `lacuna benchmark`. sets: `key.sub=value`, of passes, recipes, `runtime` and `limits`."""

    photos: str
    methods: tuple[str, ...]
    masks: tuple[str, ...]
    out: str
    seed: int = 0
    limit: int | None = None
    sets: tuple[str, ...] = ()
    networks: NetworkFiles = field(default_factory=NetworkFiles)

    def settings(self) -> Settings:
        """Those of the run itself. Raises UsageError."""
        return compose("fast", [*EXACT, *self.sets])

    def settings_of(self, kind: str, which: str, generator: str | None) -> ItemSettings:
        """Of `pass:WHICH` (no corrections) or `recipe:WHICH`; see `tasks.run.benchmark.methods`. Raises UsageError."""
        own = [f"fill.passes=[{which}]", "correct.steps=[]"] if kind == "pass" else []
        recipe = "fast" if kind == "pass" else which
        return compose(recipe, [*own, *EXACT, *self.sets], generator).of_items()


def checked(asked: Comparison) -> Comparison:
    """The same, its networks completed from LACUNA_HOME/networks and read once.

    Raises UsageError with what is allowed, before anything is written.
    """
    from models.weights import lacuna_home
    from tasks.run.benchmark.methods import methods_of
    from tasks.run.benchmark.photos import KINDS

    if not asked.out.strip():
        raise UsageError("--out is empty: name a folder or URL")
    unknown = [kind for kind in asked.masks if kind not in KINDS]
    if unknown or not asked.masks:
        raise UsageError(f"--masks {','.join(asked.masks)}: of {', '.join(KINDS)}")
    networks = files_in(lacuna_home() / "networks", asked.networks)
    try:
        Networks(networks).load()
    except (ValueError, KeyError, RuntimeError, ImportError, FileNotFoundError) as error:
        named = ", ".join(f"{name} {path}" for name, path in networks.given().items())
        raise UsageError(f"a measuring network cannot be read ({named}): {type(error).__name__}: {error}") from error
    asked.settings()
    methods_of(asked.methods, asked.settings_of)
    return replace(asked, masks=tuple(dict.fromkeys(asked.masks)), networks=networks)


def launch_benchmark(asked: Comparison) -> dict[str, Any]:
    """Run `flows.benchmark.benchmark` and return its record. Raises what the flow raises."""
    checked(asked)
    print("starting …", file=sys.stderr, flush=True)  # Ray and Prefect take a few seconds
    with prefect_api():
        from flows.benchmark import benchmark
        from tasks.run.cluster import cluster

        with cluster():
            wait_for_api()
            return benchmark(
                asked.photos,
                asked.methods,
                asked.out,
                asked.masks,
                asked.seed,
                asked.limit,
                asked.sets,
                asked.networks,
            )


def print_benchmark(record: dict[str, Any]) -> None:
    """A table for each kind of mask, and where the rest lies."""
    plain: dict[str, Any] = {"highlight": False, "soft_wrap": True, "markup": False, "emoji": False}
    console = Console(**plain)
    for kind, (titles, rows) in record["tables"].items():
        table = Table(title=f"{kind} masks, {record['photos']} photos", title_justify="left", box=SIMPLE)
        for number, title in enumerate(titles):
            table.add_column(title, justify="right" if number else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(cell.replace("**", "") for cell in row))
        wide = Console(width=WIDEST, **plain).measure(table).maximum
        console.width = max(console.width, wide)  # a number is not cut
        console.print(table)
    for line in record["notes"]:
        console.print(line)
    for what, where in record["written"].items():
        console.print(f"{what + ':':10}{where}")
