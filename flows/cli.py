"""The `lacuna` command: one subcommand per flow, no logic.

Exit codes: 0 all done; 1 the run broke off (storage, workers); 2 wrong usage, nothing was written; 3 finished, but too many
items failed; 130 interrupted. After 1, 3 and 130 the same command goes on.
"""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from flows.server import ServerFailed
from tasks.errors import ItemError, PoolFailure, UsageError

OK, BROKEN, USAGE, FAILED_ITEMS, INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    help="Fill the missing parts of images, for whole archives at a time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

weights = typer.Typer(help="Generators: which are here, which can be had; bring one in.", no_args_is_help=True)
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
Json = Annotated[bool, typer.Option("--json", help="The last line of stdout is one JSON object.")]


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

    _exit(run, as_json)


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
        _emit(planned, as_json, print_plan)
        return OK

    _exit(run, as_json)


@app.command()
def status(sink: Annotated[str, typer.Argument(help="A sink.")], as_json: Json = False) -> None:
    """Progress of a run, from what is committed."""
    from flows.status import status as read_status
    from flows.summary import print_status

    def run() -> int:
        _emit(read_status(sink), as_json, print_status)
        return OK

    _exit(run, as_json)


@app.command()
def verify(sink: Annotated[str, typer.Argument(help="A sink.")], as_json: Json = False) -> None:
    """Check hashes, rows, and that nothing outside a mask changed. Exit code 3 when something is wrong."""
    from flows.verify import print_verified
    from flows.verify import verify as check

    def run() -> int:
        found = check(sink)
        _emit(found, as_json, print_verified)
        return FAILED_ITEMS if found["findings"] else OK

    _exit(run, as_json)


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
        _emit(made, as_json, print_reverted)
        return FAILED_ITEMS if made["failures"] else OK

    _exit(run, as_json)


@app.command()
def report(sink: Annotated[str, typer.Argument(help="A sink.")], as_json: Json = False) -> None:
    """(Re)build SINK/report/index.html."""
    from tasks.publish.report.page import write_report
    from tasks.store.objects import Store

    def run() -> int:
        _emit({"report": write_report(Store(sink))}, as_json, lambda made: print(made["report"]))
        return OK

    _exit(run, as_json)


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

    _exit(run, as_json)


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
        _emit(launch_train(config, out, resume), as_json, print_training)
        return OK

    _exit(run, as_json, "the same command with --resume goes on")


@weights.command("list")
def weights_list(as_json: Json = False) -> None:
    """Generators that are here, and those that `get` can bring."""
    from flows.weights import list_weights, print_weights

    def run() -> int:
        _emit({"weights": list_weights()}, as_json, lambda told: print_weights(told["weights"]))
        return OK

    _exit(run, as_json)


@weights.command("get")
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
        _emit(get_weights(name, mirror), as_json, print_arrival)
        return OK

    _exit(run, as_json)


@weights.command("import")
def weights_import(
    source: Annotated[Path, typer.Argument(help="Official folder or zip, checkpoint, TorchScript or safetensors.")],
    name: Annotated[str, typer.Option("--as", help="What to call it.")],
    replace: Annotated[bool, typer.Option("--replace", help="Even if the name is taken.")] = False,
    as_json: Json = False,
) -> None:
    """Bring a checkpoint in under a name. Nothing in the file is executed."""
    from flows.weights import import_weights, print_arrival

    def run() -> int:
        _emit(import_weights(source, name, replace=replace), as_json, print_arrival)
        return OK

    _exit(run, as_json)


@weights.command("verify")
def weights_verify(
    name: Annotated[str | None, typer.Argument(help="Default: all that are here.")] = None, as_json: Json = False
) -> None:
    """Read generators again: names, shapes, every number. Exit code 1 when one is not sound."""
    from flows.weights import check_weights, print_checks

    def run() -> int:
        rows = check_weights(name)
        _emit({"weights": rows}, as_json, lambda told: print_checks(told["weights"]))
        return OK if all(row["ok"] for row in rows) else BROKEN

    _exit(run, as_json)


def main() -> None:
    """Entry point of the console script."""
    app()


def interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C or SIGTERM is behind an error: compiled code turns what a signal handler raised into other errors."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "TerminationSignal":
            return True
        error = error.__cause__ or error.__context__
    return False


def _types(retry: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in retry.split(",") if part.strip())


def _finish(record: dict[str, Any], as_json: bool) -> int:
    """Print what a run did; the exit code says how it ended."""
    from flows.summary import print_restore

    kept = {key: value for key, value in record.items() if key not in ("settings", "environment")}
    _emit(kept, as_json, print_restore)
    if record["state"] != "finished":
        return INTERRUPTED
    too_many = record["failed_fraction"] > record["settings"]["limits"]["max_failed_fraction"]
    return FAILED_ITEMS if too_many else OK


def _emit(result: dict[str, Any], as_json: bool, show: Callable[[dict[str, Any]], None]) -> None:
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        show(result)


def _exit(run: Callable[[], int], as_json: bool, how_on: str = "the same command does the rest") -> None:
    """Run a command's body and leave with its exit code; what went wrong is one line on stderr."""
    code, message = OK, ""
    with _sigterm_interrupts():
        try:
            code = run()
        except UsageError as error:
            code, message = USAGE, str(error)
        except (PoolFailure, ServerFailed, ItemError, OSError) as error:
            code, message = BROKEN, f"{type(error).__name__}: {error}"
        except BaseException as error:
            if not interrupted(error):
                raise
            code, message = INTERRUPTED, f"interrupted; what is committed stays, {how_on}"
    if message:
        print(f"lacuna: {message}", file=sys.stderr)
        if as_json:
            print(json.dumps({"exit_code": code, "error": message}, ensure_ascii=False))
    sys.stdout.flush()
    raise typer.Exit(code)


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """SIGTERM is Ctrl-C from a machine: the same clean end, the same exit code."""

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    main()
