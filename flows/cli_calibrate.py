"""`lacuna calibrate`: the subcommand, no logic."""

from typing import Annotated

import typer

from flows.outcome import OK, Json, emit, leave


def calibrate(
    images: Annotated[str, typer.Argument(help="Folder, glob, file or manifest, as of restore.")],
    masks: Annotated[str | None, typer.Argument(help="Likewise.")] = None,
    out: Annotated[str, typer.Option("--out", help="The recipe to write: a local .yaml file.")] = "recipe.yaml",
    recipe: Annotated[str, typer.Option("--recipe", help="What it starts from: a name, or a YAML file.")] = "best",
    model: Annotated[str | None, typer.Option("--model", help="A named generator, or the path of one.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key.sub=value. Repeatable.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Look at so many items, spread evenly.")] = 24,
    as_json: Json = False,
) -> None:
    """Best recipe for this archive, from its own known pixels; `restore --recipe FILE` takes it."""
    from flows.calibrating import launch_calibrate, print_calibrated
    from flows.settings import compose

    def run() -> int:
        emit(launch_calibrate(images, out, masks, compose(recipe, set_, model), limit), as_json, print_calibrated)
        return OK

    leave(run, as_json)
