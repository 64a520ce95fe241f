"""`python -m models.training CONFIG.yaml --out DIR [--resume]`, also under `torchrun`."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from models.training.loop import Trainer
from models.training.settings import read_settings
from models.training.world import joined


def main(arguments: list[str] | None = None) -> None:
    """Train a generator; the folder then holds its weights, metrics, curves, sample sheets and a checkpoint."""
    parser = argparse.ArgumentParser(prog="python -m models.training", description=main.__doc__)
    parser.add_argument("config", type=Path, help="YAML, see lama.yaml and lama_small.yaml beside this file")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true", help="go on from DIR/checkpoint.pt when it is there")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    settings = read_settings(options.config)
    with joined() as world:
        if settings.workers.count not in (1, world.size):
            parser.error(f"workers.count is {settings.workers.count}: start it with `lacuna train`, or with torchrun")
        Trainer(settings, options.out, options.resume, world).run()


if __name__ == "__main__":
    main()
