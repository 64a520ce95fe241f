from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def row() -> Callable[..., dict[str, Any]]:
    """A row of the benchmark: photo number, method, what else differs."""

    def make(photo: int = 0, method: str = "telea", **changes: Any) -> dict[str, Any]:
        made: dict[str, Any] = {
            "photo": f"{photo}.png",
            "photo_sha256": f"{photo:064x}",
            "mask": "thin",
            "seed": 0,
            "method": method,
            "method_version": "1",
            "networks_sha256": "n",
            "code_version": "c",
            "status": "ok",
            "psnr": 20.0 + photo,
            "finished_at": START + timedelta(seconds=photo),
        }
        return made | changes

    return make
