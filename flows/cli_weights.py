"""`lacuna weights …`: generators that are here, those that can be had, and how they come in."""

from pathlib import Path
from typing import Annotated

import typer

from flows.outcome import BROKEN, OK, Json, emit, leave

app = typer.Typer(help="Generators: which are here, which can be had; bring one in.", no_args_is_help=True)


@app.command("list")
def weights_list(as_json: Json = False) -> None:
    """Generators that are here, and those that `get` can bring."""
    from flows.weights import list_weights, print_weights

    def run() -> int:
        emit({"weights": list_weights()}, as_json, lambda told: print_weights(told["weights"]))
        return OK

    leave(run, as_json)


@app.command("get")
def weights_get(
    name: Annotated[str, typer.Argument(help="A name that `list` shows.")],
    mirror: Annotated[
        str | None, typer.Option("--mirror", help="Folder or URL with the file, instead of its publisher's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Download a published generator, check it, and import it. Stop it anywhere; it goes on where it stopped."""
    from flows.weights import get_weights, print_arrival

    def run() -> int:
        emit(get_weights(name, mirror), as_json, print_arrival)
        return OK

    leave(run, as_json)


@app.command("import")
def weights_import(
    source: Annotated[Path, typer.Argument(help="Official folder or zip, checkpoint, TorchScript or safetensors.")],
    name: Annotated[str, typer.Option("--as", help="What to call it.")],
    replace: Annotated[bool, typer.Option("--replace", help="Even if the name is taken.")] = False,
    as_json: Json = False,
) -> None:
    """Bring a checkpoint in under a name. Nothing in the file is executed."""
    from flows.weights import import_weights, print_arrival

    def run() -> int:
        emit(import_weights(source, name, replace=replace), as_json, print_arrival)
        return OK

    leave(run, as_json)


@app.command("verify")
def weights_verify(
    name: Annotated[str | None, typer.Argument(help="Default: all that are here.")] = None, as_json: Json = False
) -> None:
    """Read generators again: names, shapes, every number. Exit code 1 when one is not sound."""
    from flows.weights import check_weights, print_checks

    def run() -> int:
        rows = check_weights(name)
        emit({"weights": rows}, as_json, lambda told: print_checks(told["weights"]))
        return OK if all(row["ok"] for row in rows) else BROKEN

    leave(run, as_json)
