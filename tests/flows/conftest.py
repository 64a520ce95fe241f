from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def live(prefect_server: None, ray_cluster: None) -> Iterator[None]:
    """A Prefect server and a Ray cluster for flows that are called in this process."""
    from flows.server import wait_for_api

    wait_for_api()
    yield
