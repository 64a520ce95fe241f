"""The Ray cluster that a run uses: a private local one, or the one that `RAY_ADDRESS` names."""

import logging
import math
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import ray

from tasks.errors import UsageError
from tasks.run import reaper
from tasks.run.settings import RuntimeSettings

# Crops and rows pass through the object store, images never do.
OBJECT_STORE_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Width:
    """How many actors of each kind a run uses, resolved from settings and what the cluster has."""

    restorers: int
    generators: int  # 0: every restorer runs the generator itself
    threads: int
    cpus: float = 1.0  # that Ray sets aside for a restorer


def resource(name: str) -> float:
    """How much of a resource (`CPU`, `GPU`) the connected cluster has."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call] # Ray's decorators hide its types
    return resources.get(name, 0.0)


def nodes() -> list[dict[str, float]]:
    """The resources of each node of the connected cluster."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


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
    with _reaped() if local else nullcontext():
        before = reaper.rays_below(os.getpid())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Ray's own deprecations are not for the user of this command
                _connect(address, local)
            if main:
                signal.signal(signal.SIGTERM, handler)
            yield
        finally:
            rays = reaper.rays_below(os.getpid()) if local else {}
            ray.shutdown()
            reaper.reap({pid: since for pid, since in rays.items() if pid not in before})
            if main:
                signal.signal(signal.SIGTERM, handler)


def _connect(address: str, local: dict[str, Any]) -> None:
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, configure_logging=False, **local)
    except ConnectionError as error:
        if local:
            raise
        raise UsageError(
            f"RAY_ADDRESS={address}: no Ray cluster answers there. If it wants a token: RAY_AUTH_MODE=token, and the token in "
            "RAY_AUTH_TOKEN or ~/.ray/auth_token"
        ) from error


@contextmanager
def _reaped() -> Iterator[None]:
    """Should this process be killed in the body, the reaper ends what Ray started below it."""
    command = [sys.executable, "-I", reaper.__file__, str(os.getpid())]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        process.communicate(b"ended well")


def fitted(wide: Width, shards: int) -> Width:
    """No more actors than there is work for: a few images do not take a cluster's GPUs."""
    restorers = max(1, min(wide.restorers, shards))
    return replace(wide, restorers=restorers, generators=min(wide.generators, restorers))


def width(runtime: RuntimeSettings) -> Width:
    """Resolve `auto` against the connected cluster's CPUs and GPUs.

    Without a GPU one restorer per thread: measured on 2 cores, two restorers of one thread do more than one of two
    (`infra/bench/run.py width`). With GPUs as many generators as fit, and four restorers for each, as far as CPUs go. Who asks
    for more restorers or threads than there are CPUs gets them: Ray must not wait for CPUs that never come.

    Raises UsageError for more generators than GPUs can hold.
    """
    there = nodes()
    cpus = int(sum(node.get("CPU", 0) for node in there))
    threads = 1 if runtime.threads == "auto" else runtime.threads
    fit = sum(_generators_on(node.get("GPU", 0), runtime.gpus_per_actor) for node in there)
    generators = fit if runtime.generators == "auto" else runtime.generators
    if generators > fit and any(node.get("GPU", 0) for node in there):
        raise UsageError(
            f"runtime.generators: the cluster's GPUs hold at most {fit} with runtime.gpus_per_actor={runtime.gpus_per_actor:g}"
        )
    if runtime.actors != "auto":
        restorers = runtime.actors
    elif generators:
        restorers = max(1, min(cpus - generators, 4 * generators))
    else:
        restorers = max(1, cpus // threads)
    share = min(1 if generators else threads, max((n.get("CPU", 0) for n in there), default=0), cpus / restorers)
    return Width(restorers, generators, threads, math.floor(share) if share >= 1 else math.floor(share * 1000) / 1000)


def _generators_on(gpus: float, each: float) -> int:
    """How many generators of `each` GPUs a node holds: none is spread over parts of two."""
    return int(gpus // each) if each >= 1 else int(gpus) * int(1 / each + 1e-9)
