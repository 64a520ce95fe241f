"""The training loop: Adam, averaged weights, checkpoints that survive a stop.

Everything random at a step is drawn from a generator seeded with (seed, step), so a checkpoint needs no random state,
and a resumed run equals an uninterrupted one (bit for bit in fp32 on a CPU, same threads, without `max_minutes`).
"""

from __future__ import annotations

import copy
import io
import json
import logging
import math
import os
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.lama import Lama, LamaConfig
from models.training.data import Photos, draw_batch
from models.training.losses import Encoder
from models.training.masks import training_masks
from models.training.measure import Case, fill_cases, make_cases, measure, write_sheet
from models.training.objective import Objective
from models.training.settings import NetworkSettings, TrainingSettings
from models.weights import Weights, load_weights, save_weights

log = logging.getLogger("lacuna.training")


class Trainer:
    """One run in one folder: `checkpoint.pt`, `<export_name>.safetensors`, `log.jsonl`, `samples/<step>.png`.

    resume: go on from the folder's checkpoint; without one, or when it is False, begin at step 0.
    Raises ValueError when the checkpoint belongs to another network.
    """

    def __init__(self, settings: TrainingSettings, out: Path, resume: bool = False) -> None:
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        name = settings.device
        self.device = torch.device(name if name != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
        self.settings, self.out = settings, out
        (out / "samples").mkdir(parents=True, exist_ok=True)
        self.photos = Photos(settings.data.photos, settings.data.column)
        self.masks = training_masks(settings.data.crop_px, settings.data.max_masked)
        self.objective = Objective(settings.loss, self.device)
        self.model = start_model(settings.network, settings.seed).to(self.device).train()
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=settings.lr, betas=(0.9, 0.999))
        self.step, self._spent_s, self._began = 0, 0.0, time.monotonic()
        self._cases: list[Case] = []
        if resume and (out / "checkpoint.pt").is_file():
            self._load()

    def run(self) -> None:
        """Train to the end; returns early only by an exception, and then the last checkpoint stands."""
        settings = self.settings
        if self.step == 0:
            self.milestone()
        saved = exported = time.monotonic()
        while self.progress() < 1:
            parts = self.train_step()
            now = time.monotonic()
            if self.step % 50 == 0:
                self._note(parts)
            if now - saved >= 60 * settings.checkpoint_minutes:
                self._save()
                saved = now
            if now - exported >= 60 * settings.milestone_minutes:
                self.milestone()
                exported = time.monotonic()
        self._save()
        self.milestone()

    def train_step(self) -> dict[str, float]:
        """One batch; returns the parts of the loss, the total and the gradient's norm."""
        settings = self.settings
        rng = np.random.default_rng([settings.seed, self.step])
        crops, holes = draw_batch(self.photos, self.masks, settings.data, settings.batch, rng)
        y, x = rng.integers(Objective.SHIFT, size=2).tolist()
        truth = torch.from_numpy(crops).to(self.device, memory_format=torch.channels_last)
        mask = torch.from_numpy(holes).to(self.device)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            prediction = self.model(torch.cat([truth * (1 - mask), mask], dim=1))
            total, parts = self.objective(prediction.float(), truth, mask, (y, x))
        total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip_norm)
        if not bool(torch.isfinite(norm)):
            raise FloatingPointError(f"step {self.step}: the gradient is not finite")
        self.optimiser.step()
        self.step += 1
        self._follow()
        values = {"loss": total, "norm": norm} | parts
        return {name: float(value.detach()) for name, value in values.items()}

    def learning_rate(self) -> float:
        """Linear rise over `warmup_steps`, then a cosine to zero at the end of the run."""
        rise = min(1.0, (self.step + 1) / (self.settings.warmup_steps + 1))
        return self.settings.lr * rise * 0.5 * (1 + math.cos(math.pi * min(1.0, self.progress())))

    def progress(self) -> float:
        """Done share of the run, by steps or by the clock, whichever is further."""
        minutes = self.settings.max_minutes
        by_clock = self._elapsed_s() / (60 * minutes) if minutes else 0.0
        return max(self.step / self.settings.steps, by_clock)

    def milestone(self) -> None:
        """Export the averaged weights; measure and show them when there are held-out photos."""
        settings, config = self.settings, self.model.config
        about = {"steps": self.step, "crops": self.step * settings.batch, "start": settings.network.start}
        tensors = {name: tensor.detach().float().cpu() for name, tensor in self.average.state_dict().items()}
        target = self.out / f"{settings.export_name}.safetensors"
        save_weights(target, config, tensors, about)
        if settings.data.held_out is None:
            return
        if not self._cases:
            self._cases = make_cases(Photos(settings.data.held_out), settings.data.held_out_count)
        fills = fill_cases(Weights(settings.export_name, config, tensors, ""), self._cases)
        write_sheet(self.out / "samples" / f"{self.step:06d}.png", self._cases, fills)
        encoder = settings.loss.encoder
        self._note(measure(self._cases, fills, Encoder(encoder) if encoder else None))

    def _follow(self) -> None:
        """Averaged weights; a short memory at first, so that the start does not weigh on them for ever."""
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            now, averages = self.model.state_dict(), self.average.state_dict()
            for name, average in averages.items():
                if average.is_floating_point():
                    average.lerp_(now[name], 1 - decay)

    def _elapsed_s(self) -> float:
        return self._spent_s + time.monotonic() - self._began

    def _note(self, values: dict[str, float]) -> None:
        row = {"step": self.step, "minutes": round(self._elapsed_s() / 60, 2), "lr": self.learning_rate()} | values
        log.info("%s", " ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _save(self) -> None:
        state = {
            "network": asdict(self.model.config),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "elapsed_s": self._elapsed_s(),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        temporary = self.out / "checkpoint.tmp"
        with temporary.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.out / "checkpoint.pt")

    def _load(self) -> None:
        state: dict[str, Any] = torch.load(self.out / "checkpoint.pt", map_location=self.device, weights_only=True)
        if LamaConfig(**state["network"]) != self.model.config:
            raise ValueError("the checkpoint belongs to another network; choose another --out or its settings")
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self._spent_s = int(state["step"]), float(state["elapsed_s"])


def start_model(settings: NetworkSettings, seed: int) -> Lama:
    """A new generator with seeded values, or one that goes on from `settings.start`.

    Raises WeightsNotFound, and ValueError when the start has another shape.
    """
    config = LamaConfig(
        ngf=settings.ngf,
        n_downsampling=settings.n_downsampling,
        n_blocks=settings.n_blocks,
        ratio=settings.ratio,
        up_kernel=settings.up_kernel,
    )
    if settings.start is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Lama(config)
    weights = load_weights(settings.start)
    if weights.config.up_kernel < config.up_kernel:
        weights = widen_up(weights)
    if weights.config != config:
        raise ValueError(f"the start has {weights.config}, the settings ask for {config}")
    return weights.build().requires_grad_(True)


def widen_up(weights: Weights) -> Weights:
    """The same function with 4 × 4 up-sampling kernels: the fourth row and column are zeros."""
    first_up = 2 + weights.config.n_downsampling + weights.config.n_blocks + 1
    names = {f"model.{first_up + 3 * level}.weight" for level in range(weights.config.n_downsampling)}

    def widen(name: str, tensor: Tensor) -> Tensor:
        return nn.functional.pad(tensor, (0, 1, 0, 1)) if name in names else tensor

    tensors = {name: widen(name, tensor) for name, tensor in weights.tensors.items()}
    return replace(weights, config=replace(weights.config, up_kernel=4), tensors=tensors)
