"""Training on several devices or nodes: one process for each worker, started and watched by Ray Train."""

from __future__ import annotations

import json
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.training.clock import Clock
from tasks.errors import PoolFailure, UsageError
from tasks.run.cluster import cluster, resource

if TYPE_CHECKING:
    from models.training.settings import TrainingSettings

log = logging.getLogger("lacuna.training")

POLL_S = 1.0


def train_together(settings: TrainingSettings, out: Path, resume: bool) -> None:
    """Run `settings.workers.count` copies of the training loop; gradients are averaged at every step.

    out: a folder that every node sees; the first worker writes to it. The cluster is the one that RAY_ADDRESS names, else
    this machine. Raises UsageError when Ray Train is not installed or the cluster is too small, PoolFailure when a worker
    fails (what is saved stays, `resume` goes on).
    """
    try:
        import ray.train
        from ray.train.torch import TorchTrainer
    except ImportError as error:
        raise UsageError(f"workers.count above 1 needs Ray Train: pip install 'lacuna[training]' ({error})") from error
    workers = settings.workers
    out = out.absolute()
    with cluster(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own deprecations are not for the user of this command
        for name, each in (("CPU", workers.cpus), ("GPU", workers.gpus)):
            there = resource(name)
            if each * workers.count > there:
                raise UsageError(f"workers: {workers.count} × {each:g} {name} are wanted, the cluster has {there:g}")
        trainer = TorchTrainer(
            _work,
            train_loop_config={"settings": settings.model_dump(mode="json"), "out": str(out), "resume": resume},
            scaling_config=ray.train.ScalingConfig(
                num_workers=workers.count,
                use_gpu=workers.gpus > 0,
                resources_per_worker={"CPU": workers.cpus} | ({"GPU": workers.gpus} if workers.gpus else {}),
            ),
            run_config=ray.train.RunConfig(name="train", storage_path=str(out / "ray")),
        )
        try:
            with _said(out / "log.jsonl", resume):
                trainer.fit()
        except ray.train.TrainingFailedError as error:
            raise PoolFailure(f"a worker failed: {_cause(error)}; --resume goes on from the last checkpoint") from error


def _work(config: dict[str, Any]) -> None:
    """What each worker does; Ray Train has made the process group."""
    from models.training.loop import Trainer
    from models.training.settings import TrainingSettings

    settings = TrainingSettings.model_validate(config["settings"])
    Trainer(settings, Path(config["out"]), config["resume"]).run()


@contextmanager
def _said(lines: Path, resume: bool) -> Iterator[None]:
    """Log the rows that the first worker writes while the body runs: its own log stays on its node."""
    ended = threading.Event()
    read = lines.stat().st_size if resume and lines.is_file() else 0

    def follow() -> None:
        position = read
        last = False
        while not last:
            last = ended.wait(POLL_S)
            if not lines.is_file():
                continue
            position = min(position, lines.stat().st_size)  # a resumed run drops rows that it does again
            with lines.open("rb") as file:
                file.seek(position)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            position += len(whole)
            for line in whole.splitlines():
                _say(line)

    thread = threading.Thread(target=follow, name="training log", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _say(line: bytes) -> None:
    try:
        row = json.loads(line)
        shown = " ".join(f"{key} {value:.4g}" for key, value in row.items() if key != "done")
        log.info("%s, %s", shown, Clock(60 * row["minutes"]).remaining(row["done"]))
    except (ValueError, KeyError, TypeError, AttributeError):  # half a row, read while the file was cut
        log.info("%s", line.decode("utf-8", "replace"))


def _cause(error: BaseException) -> str:
    """The last line of what the worker said."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
