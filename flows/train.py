"""Train, distil or fine-tune a generator: settings checked, then one loop, or several that Ray Train starts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.training import checked
from models.training.settings import TrainingSettings
from models.zoo.settings import ZooSettings
from tasks.errors import PoolFailure, UsageError

if TYPE_CHECKING:
    from models.training.loop import Trainer
    from models.zoo.training import ZooTrainer


@task(name="train", cache_policy=NO_CACHE)
def _train(settings: TrainingSettings | ZooSettings, out: Path, resume: bool) -> dict[str, Any]:
    if isinstance(settings, TrainingSettings) and settings.workers.count > 1:
        from tasks.run.training import train_together

        train_together(settings, out, resume)
    else:
        _train_alone(settings, out, resume)
    return _record(settings, out)


@flow(name="train", retries=0)
def train(config: str, out: str, resume: bool = False) -> dict[str, Any]:
    """Train as the YAML file `config` says, into the folder `out`; returns where the weights are and how good they are.

    resume: go on from `out/checkpoint.pt`, when it is there. Raises UsageError (nothing was trained), PoolFailure (the
    last checkpoint stands).
    """
    return _train(checked(config, out, resume), Path(out), resume)


def _train_alone(settings: TrainingSettings | ZooSettings, out: Path, resume: bool) -> None:
    try:
        trainer = _trainer(settings, out, resume)
    except (ValueError, KeyError, ImportError, FileNotFoundError) as error:
        raise UsageError(f"{type(error).__name__}: {error}") from error
    try:
        trainer.run()
    except (ValueError, FloatingPointError) as error:
        raise PoolFailure(f"step {trainer.step}: {error}; --resume goes on from the last checkpoint") from error


def _trainer(settings: TrainingSettings | ZooSettings, out: Path, resume: bool) -> "Trainer | ZooTrainer":
    from models.training.loop import Trainer
    from models.zoo.training import ZooTrainer

    if isinstance(settings, TrainingSettings):
        return Trainer(settings, out, resume)
    return ZooTrainer(settings, out, resume)


def _record(settings: TrainingSettings | ZooSettings, out: Path) -> dict[str, Any]:
    import pyarrow.parquet

    last: dict[str, Any] = {}
    for row in pyarrow.parquet.read_table(out / "metrics.parquet").to_pylist():
        last |= {key: value for key, value in row.items() if value is not None}
    return {"weights": str(out / f"{settings.export_name}.safetensors"), "out": str(out), **last}
