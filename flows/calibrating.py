"""`lacuna calibrate`, around its flow: Ray and a Prefect API up, the outcome printed.

Prefect is imported after `prefect_api` has made it quiet.
"""

import sys
from typing import Any

from flows.settings import Settings


def launch_calibrate(images: str, out: str, masks: str | None, settings: Settings, limit: int) -> dict[str, Any]:
    """Run `flows.calibrate.calibrate` and return its record. Raises what the flow raises."""
    from flows.server import prefect_api, wait_for_api

    print("starting …", file=sys.stderr, flush=True)  # Ray and Prefect take a few seconds
    with prefect_api():
        from flows.calibrate import calibrate
        from tasks.run.cluster import cluster

        with cluster():
            wait_for_api()
            return calibrate(images, out, masks, settings, limit)


def print_calibrated(record: dict[str, Any]) -> None:
    """What a calibration found."""
    for each in record["table"]:
        print(f"{each['ratio']:6.3f} × the error, best on {each['best']} of {each['holes']}: {each['candidate']}")
    print(f"worth trying: {', '.join(record['candidates']) or 'none of them'}")
    for item, error in record["failed"].items():
        print(f"left out: {item}: {error}")
    print(record["recipe"], *record["evidence"], sep="\n")
