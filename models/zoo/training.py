"""The zoo's training loop: data, checkpoints, measures and export for whatever a `Recipe` brings.

Everything random at a step is drawn from a generator seeded with (seed, step), so a checkpoint needs no random state, and
a resumed run equals an uninterrupted one (bit for bit on a CPU with the same threads).
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from models.engine import find_device
from models.training.average import Average
from models.training.checkpoint import read_checkpoint, write_checkpoint
from models.training.clock import Clock
from models.training.data import Floats, draw_batch
from models.training.journal import Journal
from models.training.loader import Loader
from models.training.masks import masks_of
from models.zoo.cases import CropCase, crop_cases, measure_crops, write_crop_sheet
from models.zoo.cifar import photos_of
from models.zoo.recipe import Batch
from models.zoo.settings import ZooSettings
from models.zoo.weights import save_zoo_weights


class ZooTrainer:
    """One run in one folder: `checkpoint.pt`, `<export_name>.safetensors`, `log.jsonl`, `metrics.parquet`, `curves.png`,
    `samples/<step>.png`.

    resume: go on from the folder's checkpoint; without one, or when it is False, begin at step 0.
    Raises ValueError when the checkpoint belongs to other networks, FileNotFoundError without photos.
    """

    def __init__(self, settings: ZooSettings, out: Path, resume: bool = False) -> None:
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        self.settings, self.out, self.device = settings, out, find_device(settings.device)
        data = settings.data
        (out / "samples").mkdir(parents=True, exist_ok=True)
        self.photos = photos_of(data.photos, data.column, train=True)
        self.masks = masks_of(data.masks, data.crop_px, max_masked=data.max_masked)
        self._loader = Loader(self._draw, self._rng, data.loaders)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.recipe = settings.recipe(self.device)
        self.average = Average(self.recipe.network, settings.ema)
        self._rates = {name: [g["lr"] for g in o.param_groups] for name, o in self.recipe.optimisers.items()}
        self.step, self.clock = 0, Clock()
        self._cases: list[CropCase] = []
        if resume:
            self._load()
        self.journal = Journal(out, self.step)

    def run(self) -> None:
        """Train to the end; returns early only by an exception, and then the last checkpoint stands."""
        try:
            self._run()
        finally:
            self._loader.close()

    def _run(self) -> None:
        settings = self.settings
        if self.step == 0:
            self.milestone()
        saved = exported = time.monotonic()
        self.clock = Clock(self.clock.spent_s)  # loading and the first measures are no training
        while self.progress() < 1:
            values = self.train_step()
            now = time.monotonic()
            if self.step % settings.log_steps == 0:
                self._note(values)
            if now - saved >= 60 * settings.checkpoint_minutes:
                self._save()
                saved = now
            if now - exported >= 60 * settings.milestone_minutes:
                self.milestone()
                exported = time.monotonic()
        self._save()
        self.milestone()

    def train_step(self) -> dict[str, float]:
        """One batch; returns what the recipe says of it. Raises FloatingPointError for a loss that is not finite."""
        crops, holes, rng = self._loader(self.step)
        truth, mask = (torch.from_numpy(array).to(self.device) for array in (crops, holes))
        rate = self.rate()
        for name, optimiser in self.recipe.optimisers.items():
            for group, start in zip(optimiser.param_groups, self._rates[name], strict=True):
                group["lr"] = start * rate
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(int(rng.integers(2**62)))
            said = self.recipe.train_step(Batch(truth, mask, self.step, rng, self._autocast))
        values = {name: float(value.detach()) for name, value in said.items()}
        wrong = [name for name, value in values.items() if not np.isfinite(value)]
        if wrong:
            raise FloatingPointError(f"{', '.join(wrong)} is not finite")
        self.step += 1
        self.clock.tick()
        self.average.follow(self.recipe.network, self.step)
        return values

    def rate(self) -> float:
        """What learning rates are multiplied by at this step."""
        settings = self.settings
        if settings.lr_drop_epochs is None:
            return 1.0
        epochs = self.step * settings.batch / len(self.photos)
        return float(settings.lr_drop ** int(epochs / settings.lr_drop_epochs))

    def progress(self) -> float:
        """Done share of the run, by steps or by the clock, whichever is further."""
        minutes = self.settings.max_minutes
        timed = self.clock.spent_s / (60 * minutes) if minutes else 0.0
        return max(self.step / self.settings.steps, timed)

    def milestone(self) -> None:
        """Export the averaged weights; measure and show them when there are held-out photos; draw the curves."""
        settings, data = self.settings, self.settings.data
        about = {
            "steps": self.step,
            "crops": self.step * settings.batch,
            "minutes": round(self.clock.spent_s / 60, 1),
        }
        place = self.out / f"{settings.export_name}.safetensors"
        save_zoo_weights(place, settings.method, self.recipe.config, self.average.tensors(), about)
        if data.held_out is not None:
            if not self._cases:
                photos = photos_of(data.held_out, data.column, train=False)
                self._cases = crop_cases(photos, data)
            filler = self.recipe.filler(self.average.network)
            made = filler.fill([case.truth for case in self._cases], [case.mask for case in self._cases])
            write_crop_sheet(self.out / "samples" / f"{self.step:06d}.png", self._cases, made)
            self._note(measure_crops(self._cases, made))
        self.journal.publish()

    def _draw(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        return draw_batch(self.photos, self.masks, self.settings.data, self.settings.batch, rng)

    def _rng(self, step: int) -> np.random.Generator:
        return np.random.default_rng([self.settings.seed, step])

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16")

    def _note(self, values: dict[str, float]) -> None:
        done = min(1.0, self.progress())
        row = {"step": self.step, "minutes": round(self.clock.spent_s / 60, 2), "done": round(done, 4)}
        row["lr"] = self.settings.lr * self.rate()
        self.journal.note(row | values, self.clock.remaining(done))

    def _save(self) -> None:
        recipe = self.recipe
        state = {
            "method": self.settings.method,
            "config": dict(recipe.config),
            "network": recipe.network.state_dict(),
            "others": {name: module.state_dict() for name, module in recipe.others.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in recipe.optimisers.items()},
            "average": self.average.state(),
            "step": self.step,
            "elapsed_s": self.clock.spent_s,
        }
        write_checkpoint(self.out, state)

    def _load(self) -> None:
        state = read_checkpoint(self.out, self.device)
        if state is None:
            return
        recipe = self.recipe
        if (state.get("method"), state.get("config")) != (self.settings.method, dict(recipe.config)):
            raise ValueError("the checkpoint belongs to other networks; choose another --out or its settings")
        recipe.network.load_state_dict(state["network"])
        for name, module in recipe.others.items():
            module.load_state_dict(state["others"][name])
        for name, optimiser in recipe.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.average.load(state["average"])
        self.step, self.clock = int(state["step"]), Clock(float(state["elapsed_s"]))
