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
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tasks.errors import UsageError
from tasks.run import reaper
from tasks.run.settings import RuntimeSettings

# Crops and rows pass through the object store, images never do.
OBJECT_STORE_BYTES = 512 * 2**20
METRICS_PORT = "LACUNA_METRICS_PORT"  # where a private cluster exports metrics; a shared one's nodes say it themselves


@dataclass(frozen=True)
class Width:
    """How many actors of each kind a run uses, resolved from settings and what the cluster has."""

    restorers: int  # that there is room for, or as many as are asked for by number
    generators: int  # 0: every restorer runs the generator itself
    threads: int
    cpus: float = 1.0  # that Ray sets aside for a restorer
    gpus: float = field(default=0.0, compare=False)  # that Ray sets aside for a generator
    most: int = field(default=0, compare=False)  # restorers that a run may come to ask for: what shards are cut for
    shards: int | None = field(default=None, compare=False)  # of the run; None: unknown, its width is fixed


def resource(name: str) -> float:
    """How much of a resource (`CPU`, `GPU`) the connected cluster has."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call] # Ray's decorators hide its types
    return resources.get(name, 0.0)


def nodes() -> list[dict[str, float]]:
    """The resources of each node of the connected cluster."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def alive() -> frozenset[str]:
    """The ids of the nodes that the connected cluster has now."""
    return frozenset(node["NodeID"] for node in ray.nodes() if node["Alive"])  # type: ignore[no-untyped-call]


def beside_driver() -> dict[str, Any]:
    """Options of an actor that lives on the driver's node: it is lost with the driver, and with no other node."""
    here = ray.get_runtime_context().get_node_id()
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False)}


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
        if port := os.environ.get(METRICS_PORT):
            if not port.isdecimal():
                raise UsageError(f"{METRICS_PORT}={port}: a port is a number")
            local["_metrics_export_port"] = int(port)
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
    except (ConnectionError, ValueError) as error:  # ValueError: an address of another form
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
    restorers, most = (max(1, min(count, shards)) for count in (wide.restorers, max(wide.restorers, wide.most)))
    return replace(wide, restorers=restorers, most=most, generators=min(wide.generators, most), shards=shards)


def width(runtime: RuntimeSettings) -> Width:
    """Resolve `auto` against the connected cluster's CPUs and GPUs.

    Without a GPU one restorer per thread: measured on 2 cores, two restorers of one thread do more than one of two
    (`infra/bench/run.py width`). With GPUs as many generators as fit, and four restorers for each, as far as CPUs go. Who asks
    for more restorers or threads than there are CPUs gets them: Ray must not wait for CPUs that never come.

    Raises UsageError for more generators than GPUs can hold, unless they are to wait for GPUs.
    """
    there = nodes()
    fit = _fit(there, runtime)
    gpus = runtime.wait_for_gpus or any(node.get("GPU", 0) for node in there)
    if runtime.generators == "auto":
        generators = max(fit, int(runtime.wait_for_gpus))
    else:
        generators = runtime.generators
        if generators > fit and gpus and not runtime.wait_for_gpus:
            raise UsageError(
                f"runtime.generators: the cluster's GPUs hold at most {fit} with "
                f"runtime.gpus_per_actor={runtime.gpus_per_actor:g}"
            )
    return _width(there, runtime, generators, runtime.gpus_per_actor if gpus and generators else 0.0)


def width_now(runtime: RuntimeSettings, began: Width) -> Width:
    """The same in mid-run, when nodes have come and gone: a run that began with GPUs keeps to them, and waits for the next.

    Other devices make other last bits, so a run that began without GPUs does not take up those that come.
    """
    there = nodes()
    generators = began.generators
    if generators and began.gpus and runtime.generators == "auto":
        generators = max(1, _fit(there, runtime))
    return _width(there, runtime, generators, began.gpus)


def _width(there: list[dict[str, float]], runtime: RuntimeSettings, generators: int, gpus: float) -> Width:
    cpus = int(sum(node.get("CPU", 0) for node in there))
    threads = 1 if runtime.threads == "auto" else runtime.threads
    each = 1 if generators else threads
    # A cluster without any CPU gets its workers' nodes on demand; they must ask for something to get one.
    share: float = min(each, max((n.get("CPU", 0) for n in there), default=0) or each)
    if runtime.actors != "auto":
        restorers = most = runtime.actors
        share = min(share, cpus / restorers) if cpus else share
    else:
        room = min(cpus - generators, 4 * generators) if generators else cpus // threads
        most = max(1, room, runtime.min_actors)
        if runtime.max_actors != "auto":
            room, most = min(room, runtime.max_actors), runtime.max_actors
        restorers = max(1, room)
    share = math.floor(share) if share >= 1 else math.floor(share * 1000) / 1000
    return Width(restorers, generators, threads, share, gpus, most)


def _fit(there: list[dict[str, float]], runtime: RuntimeSettings) -> int:
    return sum(_generators_on(node.get("GPU", 0), runtime.gpus_per_actor) for node in there)


def _generators_on(gpus: float, each: float) -> int:
    """How many generators of `each` GPUs a node holds: none is spread over parts of two."""
    return int(gpus // each) if each >= 1 else int(gpus) * int(1 / each + 1e-9)
