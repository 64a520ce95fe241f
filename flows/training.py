"""`lacuna train`, around its flow: settings checked, a Prefect API up, the log on stderr, the outcome printed.

Prefect is imported after `prefect_api` has made it quiet.
"""

import logging
import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from flows.server import prefect_api, wait_for_api
from flows.settings import explain
from models.training.settings import TrainingSettings
from models.zoo.settings import ZooSettings, read_any_settings, settings_class
from tasks.errors import UsageError


def launch_train(config: str, out: str, resume: bool) -> dict[str, Any]:
    """Run `flows.train.train` and return its record. Raises what the flow raises."""
    checked(config, out, resume)
    print("starting …", file=sys.stderr, flush=True)  # Prefect takes a few seconds
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log = logging.getLogger("lacuna.training")
    level, propagate = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False  # Prefect's handlers would say every line once more
    try:
        with prefect_api():
            from flows.train import train

            wait_for_api()
            return train(config, out, resume)
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate


def print_training(record: dict[str, Any]) -> None:
    """What a training brought."""
    for key, value in record.items():
        print(f"{key:24} {value:.6g}" if isinstance(value, float) else f"{key:24} {value}")


def checked(config: str, out: str, resume: bool) -> TrainingSettings | ZooSettings:
    """The settings of a configuration file.

    Raises UsageError with the key's path and what is allowed, and for a folder that holds another run, unless `resume`
    goes on with it.
    """
    try:
        settings = read_any_settings(Path(config))
    except ValidationError as error:
        said = explain(error, settings_class(Path(config)))
        raise UsageError("\n".join(f"{config}: {line}" for line in said)) from error
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{config}: cannot be read: {error}") from error
    except ValueError as error:  # an unknown method
        raise UsageError(f"{config}: {error}") from error
    if not resume and (Path(out) / "checkpoint.pt").exists():
        raise UsageError(f"--out {out}: holds the checkpoint of a run; --resume goes on with it")
    return settings
