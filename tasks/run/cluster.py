"""The Ray cluster that a run uses: a private local one, or the one that `RAY_ADDRESS` names."""

import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray

from tasks.run.settings import RuntimeSettings

# Crops and rows pass through the object store, images never do.
OBJECT_STORE_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Width:
    """How many actors of each kind a run uses, resolved from settings and what the cluster has."""

    restorers: int
    generators: int  # 0: every restorer runs the generator itself
    threads: int


def resource(name: str) -> float:
    """How much of a resource (`CPU`, `GPU`) the connected cluster has."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call] # Ray's decorators hide its types
    return resources.get(name, 0.0)


@contextmanager
def cluster() -> Iterator[None]:
    """Connect to Ray while the body runs; nested, or where Ray is up already, it changes nothing.

    A bare `ray.init()` would join whatever cluster was left behind in Ray's temporary folder: without `RAY_ADDRESS` a private
    one is started. Ray replaces the SIGTERM handler; it is put back, so that a flow inside can still be stopped cleanly.
    """
    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS") or "local"
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)  # Ray warns that its token authentication is on, as it should be
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    local: dict[str, Any] = {}
    if address == "local":
        local = {"object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
        # When this process is killed its cluster goes too, but Ray's agents wait a minute for a head that cannot come back.
        local["_system_config"] = {"gcs_rpc_server_reconnect_timeout_s": 10}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own deprecations are not for the user of this command
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, configure_logging=False, **local)
    if main:
        signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        ray.shutdown()
        if main:
            signal.signal(signal.SIGTERM, handler)


def fitted(wide: Width, shards: int) -> Width:
    """No more actors than there is work for: a few images do not take a cluster's GPUs."""
    restorers = max(1, min(wide.restorers, shards))
    return Width(restorers, min(wide.generators, restorers), wide.threads)


def width(runtime: RuntimeSettings) -> Width:
    """Resolve `auto` against the connected cluster's CPUs and GPUs.

    Without a GPU one restorer per thread: measured on 2 cores, two restorers of one thread do more than one of two
    (`infra/bench/width.py`). With GPUs as many generators as fit, and four restorers for each, as far as CPUs go.
    """
    cpus, gpus = int(resource("CPU")), resource("GPU")
    threads = 1 if runtime.threads == "auto" else runtime.threads
    generators = int(gpus / runtime.gpus_per_actor) if runtime.generators == "auto" else runtime.generators
    if runtime.actors != "auto":
        restorers = runtime.actors
    elif generators:
        restorers = max(1, min(cpus - generators, 4 * generators))
    else:
        restorers = max(1, cpus // threads)
    return Width(restorers, generators, threads)
