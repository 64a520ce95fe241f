"""Start the restore flow from a command: settings checked, Ray and a Prefect API up, then the flow."""

import sys
from typing import Any

from flows.server import prefect_api, wait_for_api
from flows.settings import compose


def launch_restore(
    images: str,
    masks: str | None,
    out: str,
    recipe: str,
    model: str | None,
    assignments: list[str],
    limit: int | None,
    retry: tuple[str, ...],
) -> dict[str, Any]:
    """Run `flows.restore.restore` and return its record. Raises what the flow raises.

    The temporary Prefect server, where one is needed, starts while this process imports and starts Ray.
    """
    settings = compose(recipe, assignments, model)
    print("starting …", file=sys.stderr, flush=True)  # Ray and Prefect take a few seconds
    with prefect_api():
        from flows.restore import restore
        from tasks.run.cluster import cluster

        with cluster():
            wait_for_api()
            return restore(images, out, masks, recipe, settings, limit, retry)
