"""What a command prints when it is done."""

from typing import Any

from rich.console import Console
from rich.table import Table


def print_restore(record: dict[str, Any]) -> None:
    """Totals of the sink, failures by type, where things lie and what to do next."""
    console = _console()
    console.print(_totals(record["totals"]))
    if record["totals"]["errors"]:
        console.print(_failures(record["totals"]["errors"]))
    done = sum(v for k, v in record["this_run"].items() if k in ("ok", "unchanged", "skipped", "failed"))
    console.print(f"this run: {done} items in {record['seconds']:.1f} s, {record['state']}")
    console.print(f"report:   {record['report']}")
    if record["state"] != "finished":
        console.print("next:     the same command does what is left")
    elif record["totals"]["errors"]:
        console.print(
            f"next:     mend what the report names, then the same command with --retry {','.join(record['totals']['errors'])}"
        )


def print_plan(planned: dict[str, Any]) -> None:
    """What a restore would do."""
    table = Table("would do", "", show_header=False, box=None)
    for key in ("images", "masks", "out", "recipe", "generator"):
        table.add_row(key, str(planned[key]))
    for key, value in planned["to_do"].items():
        table.add_row(f"to do: {key}", str(value))
    for key, value in planned["refused"].items():
        table.add_row(f"refused already: {key}", str(value))
    for key, value in planned["cost"].items():
        table.add_row(f"cost: {key}", str(value))
    _console().print(table)


def print_status(state: dict[str, Any]) -> None:
    """How far a sink is."""
    console = _console()
    console.print(_totals(state["totals"]))
    if state["totals"]["errors"]:
        console.print(_failures(state["totals"]["errors"]))
    console.print(
        f"planned: {state['planned']}   left: {state['left']}   shards: {state['shards_done']}/{state['shards']}"
    )
    if state["last_run"]:
        run = state["last_run"]
        console.print(f"last run: {run['run_id']}, {run['state']}, started {run['started_at']}")


def _console() -> Console:
    """Names of files are printed as they are: `[old]` and `:key:` in them are no markup."""
    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def _totals(counted: dict[str, Any]) -> Table:
    table = Table(*[k for k in counted if k != "errors"])
    table.add_row(*[f"{v:,}" for k, v in counted.items() if k != "errors"])
    return table


def _failures(errors: dict[str, int]) -> Table:
    table = Table("failed", "items")
    for kind, count in errors.items():
        table.add_row(kind, f"{count:,}")
    return table
