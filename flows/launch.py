"""Start the restore flow from a command: Ray and a Prefect API up, then the flow."""

import sys
from typing import Any

from flows.request import Request
from flows.server import prefect_api, wait_for_api


def launch_restore(request: Request) -> dict[str, Any]:
    """Run `flows.restore.restore` and return its record. Raises what the flow raises.

    The temporary Prefect server, where one is needed, starts while this process imports and starts Ray.
    """
    print("starting …", file=sys.stderr, flush=True)  # Ray and Prefect take a few seconds
    with prefect_api():
        from flows.restore import restore
        from tasks.run.cluster import cluster

        with cluster():
            wait_for_api()
            return restore(
                request.images,
                request.out,
                request.masks,
                request.recipe,
                request.settings,
                request.limit,
                request.retry,
            )
