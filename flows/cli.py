"""The `lacuna` command: one subcommand per flow, no logic. How it ends: `flows.outcome`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli_benchmark import benchmark
from flows.cli_calibrate import calibrate
from flows.cli_weights import app as weights
from flows.outcome import BROKEN, FAILED_ITEMS, INTERRUPTED, OK, USAGE, Json, emit, leave
from tasks.errors import UsageError
from tasks.logs import start_logging

__all__ = ["BROKEN", "FAILED_ITEMS", "INTERRUPTED", "OK", "USAGE", "app", "main"]

app = typer.Typer(
    help="Fill the missing parts of images, for whole archives at a time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(weights, name="weights")

Images = Annotated[str, typer.Argument(help="Folder, glob, file or manifest (.parquet, .csv, .jsonl): path or URL.")]
Masks = Annotated[
    str | None, typer.Argument(help="Likewise; not needed when masks lie among the images or come from elsewhere.")
]
Out = Annotated[str, typer.Option("--out", help="Where results go: folder or URL.")]
Recipe = Annotated[str, typer.Option("--recipe", help="fast, balanced, best, or a YAML file.")]
Model = Annotated[str | None, typer.Option("--model", help="A named generator, or the path of one.")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="key.sub=value; wins over the recipe. Repeatable.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Do at most this many items now.")]
Retry = Annotated[str, typer.Option("--retry", help="Failure types to try again, comma-separated.")]


@app.command()
def restore(
    images: Images,
    masks: Masks = None,
    out: Out = ...,  # type: ignore[assignment] # typer's way to say: required
    recipe: Recipe = "balanced",
    model: Model = None,
    set_: Sets = None,
    limit: Limit = None,
    retry: Retry = "",
    as_json: Json = False,
) -> None:
    """Fill every image whose mask asks for it. Stop it anywhere; the same command goes on where it stopped."""
    from flows.launch import launch_restore
    from flows.request import Request
    from flows.settings import compose

    def run() -> int:
        settings = compose(recipe, set_, model)
        record = launch_restore(Request(images, masks, out, recipe, settings, limit, _types(retry)))
        return _finish(record, as_json)

    leave(run, as_json)


@app.command()
def plan(
    images: Images,
    masks: Masks = None,
    out: Out = ...,  # type: ignore[assignment]
    recipe: Recipe = "balanced",
    model: Model = None,
    set_: Sets = None,
    limit: Limit = None,
    retry: Retry = "",
    as_json: Json = False,
) -> None:
    """Say what `restore` with the same options would do, and what it would cost. Writes nothing."""
    from flows.plan import plan as make_plan
    from flows.request import Request
    from flows.settings import compose
    from flows.summary import print_plan

    def run() -> int:
        settings = compose(recipe, set_, model)
        planned = make_plan(Request(images, masks, out, recipe, settings, limit, _types(retry)))
        emit(planned, as_json, print_plan)
        return OK

    leave(run, as_json)


@app.command()
def status(sink: Annotated[str, typer.Argument(help="A sink.")], as_json: Json = False) -> None:
    """Progress of a run, from what is committed."""
    from flows.status import status as read_status
    from flows.summary import print_status

    def run() -> int:
        emit(read_status(sink), as_json, print_status)
        return OK

    leave(run, as_json)


@app.command()
def verify(sink: Annotated[str, typer.Argument(help="A sink.")], as_json: Json = False) -> None:
    """Check hashes, rows, and that nothing outside a mask changed. Exit code 3 when something is wrong."""
    from flows.verify import print_verified
    from flows.verify import verify as check

    def run() -> int:
        found = check(sink)
        emit(found, as_json, print_verified)
        return FAILED_ITEMS if found["findings"] else OK

    leave(run, as_json)


@app.command()
def revert(
    sink: Annotated[str, typer.Argument(help="A sink that was filled with output.sidecar=true.")],
    out: Annotated[str, typer.Option("--out", help="Where the images go: folder or URL.")],
    as_json: Json = False,
) -> None:
    """Originals' pixels back from a sink and its sidecars. Exit code 3 when some did not come back."""
    from flows.revert import print_reverted
    from flows.revert import revert as put_back

    def run() -> int:
        made = put_back(sink, out)
        emit(made, as_json, print_reverted)
        return FAILED_ITEMS if made["failures"] else OK

    leave(run, as_json)


@app.command()
def report(sink: Annotated[str, typer.Argument(help="A sink.")], as_json: Json = False) -> None:
    """(Re)build SINK/report/index.html."""
    from tasks.publish.report.page import write_report
    from tasks.store.objects import Store

    def run() -> int:
        emit({"report": write_report(Store(sink))}, as_json, lambda made: print(made["report"]))
        return OK

    leave(run, as_json)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to put it.")] = Path("demo"), as_json: Json = False
) -> None:
    """Photos and masks made from scikit-image's bundled pictures, restored and reported."""
    from flows.demo import make_demo
    from flows.launch import launch_restore
    from flows.request import Request
    from flows.settings import compose

    def run() -> int:
        images, masks = make_demo(folder)
        out = str(folder / "restored")
        record = launch_restore(Request(str(images), str(masks), out, settings=compose("balanced")))
        return _finish(record, as_json)

    leave(run, as_json)


@app.command()
def train(
    config: Annotated[str, typer.Argument(help="YAML; models/training/lama.yaml and lama_small.yaml are examples.")],
    out: Annotated[str, typer.Option("--out", help="Folder for weights, metrics, curves, samples, checkpoint.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's checkpoint.")] = False,
    as_json: Json = False,
) -> None:
    """Train, distil or fine-tune a generator. Stop it anywhere; --resume goes on from the last checkpoint."""
    from flows.training import launch_train, print_training

    def run() -> int:
        emit(launch_train(config, out, resume), as_json, print_training)
        return OK

    leave(run, as_json, "the same command with --resume goes on")


app.command()(benchmark)
app.command()(calibrate)


def main() -> None:
    """Entry point of the console script."""
    try:
        start_logging()
    except UsageError as error:
        print(f"lacuna: {error}", file=sys.stderr)
        sys.exit(USAGE)
    app()


def _types(retry: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in retry.split(",") if part.strip())


def _finish(record: dict[str, Any], as_json: bool) -> int:
    """Print what a run did; the exit code says how it ended."""
    from flows.summary import print_restore

    kept = {key: value for key, value in record.items() if key not in ("settings", "environment")}
    emit(kept, as_json, print_restore)
    if record["state"] != "finished":
        return INTERRUPTED
    too_many = record["failed_fraction"] > record["settings"]["limits"]["max_failed_fraction"]
    return FAILED_ITEMS if too_many else OK


if __name__ == "__main__":
    main()
