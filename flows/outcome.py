"""How a command ends: exit codes, what it prints, what went wrong in one line.

Exit codes: 0 all done; 1 the run broke off (storage, workers); 2 wrong usage, nothing was written; 3 finished, but too many
items failed; 130 interrupted. After 1, 3 and 130 the same command goes on.
"""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any

import typer

from flows.server import ServerFailed
from tasks.errors import ItemError, PoolFailure, UsageError

OK, BROKEN, USAGE, FAILED_ITEMS, INTERRUPTED = 0, 1, 2, 3, 130

Json = Annotated[bool, typer.Option("--json", help="The last line of stdout is one JSON object.")]


def emit(result: dict[str, Any], as_json: bool, show: Callable[[dict[str, Any]], None]) -> None:
    """Print a command's result: one line of JSON, or what `show` prints."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        show(result)


def leave(run: Callable[[], int], as_json: bool, how_on: str = "the same command does the rest") -> None:
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


def interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C or SIGTERM is behind an error: compiled code turns what a signal handler raised into other errors."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "TerminationSignal":
            return True
        error = error.__cause__ or error.__context__
    return False


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
