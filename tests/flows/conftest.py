from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def live(s3_server: object) -> Iterator[None]:
    """A Prefect server and a Ray cluster for flows that are called in this process."""
    from flows.server import prefect_api, wait_for_api
    from tasks.run.cluster import cluster

    with prefect_api(), cluster():
        wait_for_api()
        yield
