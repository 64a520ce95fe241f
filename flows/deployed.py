"""The flows that deployments run: the same work as the command's, its settings filled in as a form.

A form leaves keys empty, and empty means what the recipe says. How a run ended is its state: Failed where the command leaves
with 1, 2 or 3, and Cancelled, with the sink's record `interrupted`, where a person stopped it.
"""

import logging
import time
from collections.abc import Callable
from typing import Annotated, Any

from prefect import flow, get_client
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed
from pydantic import Field

from flows.calibrate import SAMPLE
from flows.calibrate import calibrate as calibrate_flow
from flows.notification import notify
from flows.outcome import interrupted
from flows.partial import PartialSettings, changes
from flows.restore import restore as restore_flow
from flows.settings import compose
from tasks.errors import StorageUnavailable

log = logging.getLogger("lacuna.deployed")

# Requests are retried for a while where they are made; storage that is away for longer is waited for here. Nothing else is
# tried again: what a run did not do the next one does, and wrong settings stay wrong.
PAUSES_S = (60.0, 600.0)

Filled = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]


@flow(name="restore", retries=0, log_prints=True, on_failure=[notify], on_crashed=[notify])
def restore(
    images: Filled,
    out: Filled,
    masks: str | None = None,
    recipe: Filled = "balanced",
    settings: PartialSettings | None = None,
    limit: Count | None = None,
    retry: list[str] = [],  # noqa: B006 # the form shows it
) -> State[Any]:
    """Fill the images where masks say so; what is done already is left as it is. The same as `lacuna restore`.

    Args:
        images: Folder, glob, file or manifest (.parquet, .csv, .jsonl): path or URL.
        out: Where results go: folder or URL.
        masks: Where the masks are, said as for images; empty when they lie among these or come from elsewhere.
        recipe: fast, balanced, best, or the path of a YAML file.
        settings: What wins over the recipe. An empty key is as the recipe says.
        limit: Do at most so many items now.
        retry: Failure types to try again.
    """
    try:
        composed = compose(recipe, changes=changes(settings) if settings else None)
        return outcome(_patient(lambda: restore_flow.fn(images, out, masks, recipe, composed, limit, tuple(retry))))
    except BaseException as error:
        if not _cancelled(error):
            raise
        return Cancelled(message="What is committed stays; the next run goes on.")


@flow(name="calibrate", retries=0, log_prints=True, on_failure=[notify], on_crashed=[notify])
def calibrate(
    images: Filled,
    out: Filled,
    masks: str | None = None,
    recipe: Filled = "best",
    settings: PartialSettings | None = None,
    limit: Count = SAMPLE,
) -> State[Any]:
    """Learn the best recipe for one archive from its own known pixels. The same as `lacuna calibrate`.

    Args:
        images: Folder, glob, file or manifest (.parquet, .csv, .jsonl): path or URL.
        out: The recipe to write: a path of the worker's machine that ends in .yaml.
        masks: Where the masks are, said as for images; empty when they lie among these or come from elsewhere.
        recipe: What it starts from: fast, balanced, best, or the path of a YAML file.
        settings: What wins over the recipe. An empty key is as the recipe says.
        limit: Look at so many items, spread evenly over the archive.
    """
    try:
        composed = compose(recipe, changes=changes(settings) if settings else None)
        record = calibrate_flow.fn(images, out, masks, composed, limit)
    except BaseException as error:
        if not _cancelled(error):
            raise
        return Cancelled(message="No recipe was written.")
    return Completed(
        message=f"{record['recipe']}: {', '.join(record['candidates']) or 'no candidate helps'}", data=record
    )


def outcome(record: dict[str, Any]) -> State[Any]:
    """The state of a run that came to its end, from its record: Failed with more failures than limits.max_failed_fraction."""
    done = ", ".join(f"{count} {what}" for what, count in record["this_run"].items() if count) or "nothing to do"
    said = f"{record['state']}: {done}. Report: {record['report']}"
    if record["failed_fraction"] <= record["settings"]["limits"]["max_failed_fraction"]:
        return Completed(message=said, data=record)
    errors = ", ".join(f"{count} {error}" for error, count in record["totals"]["errors"].items())
    return Failed(message=f"{record['totals']['failed']} items failed ({errors}). {said}")


def storage_is_away(error: BaseException | None) -> bool:
    """Whether StorageUnavailable is behind an error."""
    while error is not None:
        if isinstance(error, StorageUnavailable):
            return True
        error = error.__cause__ or error.__context__
    return False


def _patient(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    for pause in PAUSES_S:
        try:
            return run()
        except Exception as error:
            if not storage_is_away(error):
                raise
            log.warning("storage is away, tried again in %.0f s: %s", pause, error)
        time.sleep(pause)
    return run()


def _cancelled(error: BaseException) -> bool:
    """Whether a person's cancellation is behind an error.

    Prefect says so to the handler of SIGTERM that is its own, and no other; while actors work the run has one that waits for
    a good moment. So the server is asked: it knows a cancelled run from one whose machine goes down.
    """
    if not interrupted(error) or flow_run.id is None:
        return False
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(flow_run.id).state
    return state is not None and state.is_cancelling()
