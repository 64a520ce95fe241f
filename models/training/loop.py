"""The training loop: Adam, averaged weights, checkpoints that survive a stop.

Everything random at a step is drawn from a generator seeded with (seed, step, rank), so a checkpoint needs no random
state, and a resumed run equals an uninterrupted one (bit for bit in fp32 on a CPU, same threads, without `max_minutes`).
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.lama import LamaConfig
from models.training.average import Average
from models.training.checkpoint import read_checkpoint, write_checkpoint
from models.training.clock import Clock
from models.training.critic import Critic
from models.training.data import Floats, draw_batch
from models.training.distil import Teacher
from models.training.journal import Journal
from models.training.loader import Loader
from models.training.masks import masks_of
from models.training.measure import Case, fill_cases, make_cases, measure, write_sheet
from models.training.multiscale import Scaled, at_scales, inconsistency
from models.training.objective import Objective, Parts, total_of
from models.training.photos import Photos
from models.training.settings import TrainingSettings
from models.training.start import start_model
from models.training.world import World, current_world
from models.weights import Weights, save_weights


class Trainer:
    """One run in one folder: `checkpoint.pt`, `<export_name>.safetensors`, `log.jsonl`, `metrics.parquet`, `curves.png`,
    `samples/<step>.png`.

    resume: go on from the folder's checkpoint; without one, or when it is False, begin at step 0. Settings may have
    changed since, but for the network's shape: a critic that the checkpoint lacks begins anew.
    Raises ValueError when the checkpoint belongs to another network, FileNotFoundError without photos.
    """

    def __init__(self, settings: TrainingSettings, out: Path, resume: bool = False, world: World | None = None) -> None:
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        self.settings, self.out = settings, out
        self.world = current_world() if world is None else world
        name = settings.device
        self.device = torch.device(name if name != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
        self._bf16 = settings.precision == "bf16"
        (out / "samples").mkdir(parents=True, exist_ok=True)
        self.photos = Photos(settings.data.photos, settings.data.column)
        self.masks = masks_of(settings.data.masks, settings.data.crop_px, max_masked=settings.data.max_masked)
        self._loader = Loader(self._draw, self._rng, settings.data.loaders)
        self.objective = Objective(settings.loss, self.device)
        self.model = start_model(settings.network, settings.seed).to(self.device).train()
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        self.average = Average(self.model, settings.ema)
        self.optimiser = torch.optim.Adam(self._groups(), betas=(0.9, 0.999))
        self.critic: Critic | None = None
        if settings.adversarial is not None:
            self.critic = Critic(settings.adversarial, settings.seed + 1, self.device, self._bf16, self.world)
        self.teacher: Teacher | None = None
        if settings.distil is not None:
            self.teacher = Teacher(settings.distil, self.device, self.objective.encoder)
        self.step, self.clock, self.done = 0, Clock(), 0.0
        self._cases: list[Case] = []
        if resume:
            self._load()
        self.journal = Journal(out, self.step) if self.world.first else None

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
        while self.agree() < 1:
            parts = self.train_step()
            now = time.monotonic()
            if self.step % settings.log_steps == 0:
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
        crops, holes, rng = self._loader(self.step)
        truth, mask = self._moved(crops, holes)
        y, x = rng.integers(Objective.SHIFT, size=2).tolist()
        rate = self.rate()
        self.optimiser.zero_grad(set_to_none=True)
        with self._autocast():
            prediction = self._fill(truth, mask, rng)
        said = self._update_critic(truth, mask, prediction, rng, rate)
        with self._autocast():
            parts = self._parts(Scaled(truth, mask, prediction), (y, x))
            total = total_of(parts)
        total.backward()  # type: ignore[no-untyped-call]
        self.world.mean_(parameter.grad for parameter in self.model.parameters())
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip_norm)
        if not bool(torch.isfinite(norm)):
            raise FloatingPointError(f"step {self.step}: the gradient is not finite")
        factors = (1.0, settings.network.skip_lr)  # as in `_groups`
        for group, factor in zip(self.optimiser.param_groups, factors, strict=False):
            group["lr"] = settings.lr * factor * rate
        self.optimiser.step()
        self._share_statistics()
        self.step += 1
        self.clock.tick()
        self.average.follow(self.model, self.step)
        values = {"loss": total, "norm": norm} | {name: value for name, (value, _) in parts.items()} | said
        return {name: float(value.detach()) for name, value in values.items()}

    def rate(self) -> float:
        """What learning rates are multiplied by: a linear rise over `warmup_steps`, a cosine to zero at the run's end."""
        rise = min(1.0, (self.step + 1) / (self.settings.warmup_steps + 1))
        return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, self.progress())))

    def progress(self) -> float:
        """Done share of the run, by steps or by the clock, whichever is further; the clock is rank 0's."""
        return max(self.step / self.settings.steps, self.done)

    def agree(self) -> float:
        """Bring the clock's share up to date in all workers; returns `progress()`."""
        minutes = self.settings.max_minutes
        if minutes:
            self.done = self.world.agreed(self.clock.spent_s / (60 * minutes), self.device)
        return self.progress()

    def milestone(self) -> None:
        """Export the averaged weights; measure and show them when there are held-out photos; draw the curves."""
        if self.journal is None:
            return
        settings, config = self.settings, self.model.config
        about = {
            "steps": self.step,
            "crops": self.step * settings.batch * self.world.size,
            "minutes": round(self.clock.spent_s / 60, 1),
            "start": settings.network.start,
        }
        tensors = self.average.tensors()
        save_weights(self.out / f"{settings.export_name}.safetensors", config, tensors, about)
        if settings.data.held_out is not None:
            if not self._cases:
                photos = Photos(settings.data.held_out, settings.data.column)
                self._cases = make_cases(photos, settings.data.held_out_count, settings.data.held_out_masks)
            fills = fill_cases(Weights(settings.export_name, config, tensors, ""), self._cases)
            write_sheet(self.out / "samples" / f"{self.step:06d}.png", self._cases, fills)
            self._note(measure(self._cases, fills, self.objective.encoder, self.device))
        self.journal.publish()

    def _draw(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        return draw_batch(self.photos, self.masks, self.settings.data, self.settings.batch, rng)

    def _rng(self, step: int) -> np.random.Generator:
        return np.random.default_rng([self.settings.seed, step, self.world.rank])

    def _moved(self, crops: Floats, holes: Floats) -> tuple[Tensor, Tensor]:
        truth = torch.from_numpy(crops).to(self.device, memory_format=torch.channels_last)
        return truth, torch.from_numpy(holes).to(self.device)

    def _fill(self, truth: Tensor, mask: Tensor, rng: np.random.Generator) -> Tensor:
        noise: Tensor | None = None
        if self.model.config.noise:
            noise = torch.from_numpy(rng.standard_normal(mask.shape, np.float32)).to(self.device)
        made: Tensor = self.model(torch.cat([truth * (1 - mask), mask], dim=1), noise)
        return made.float()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16)

    def _groups(self) -> list[dict[str, Any]]:
        """LaMa's own parameters, then the skips' if there are any, which have their own learning rate."""
        groups = [[*self.model.model.parameters(), *self.model.noise.parameters()], list(self.model.skips.parameters())]
        return [{"params": parameters} for parameters in groups if parameters]

    def _critic_now(self) -> Critic | None:
        adversarial = self.settings.adversarial
        return self.critic if adversarial is not None and self.step >= adversarial.start_step else None

    def _update_critic(
        self, truth: Tensor, mask: Tensor, prediction: Tensor, rng: np.random.Generator, rate: float
    ) -> dict[str, Tensor]:
        """The critic's updates of this step: the first on the step's own batch, each other one on a new batch."""
        critic, said = self._critic_now(), {}
        for number in range(critic.settings.critic_steps if critic else 0):
            if number:
                truth, mask = self._moved(*self._draw(rng))
                with torch.no_grad(), self._autocast():
                    prediction = self._fill(truth, mask, rng)
            picture = self.objective.picture(prediction, truth, mask)
            assert critic is not None
            said = critic.update(truth, picture, mask, self.step, rng, rate, self.settings.clip_norm)
        return said

    def _parts(self, first: Scaled, shift: tuple[int, int]) -> Parts:
        """Every loss of this step with its weight."""
        truth, mask, prediction = first.truth, first.mask, first.prediction
        parts = self.objective(prediction, truth, mask, shift)
        critic, multiscale = self._critic_now(), self.settings.multiscale
        if critic is not None:
            parts |= critic.parts(truth, self.objective.picture(prediction, truth, mask), mask)
        if self.teacher is not None:
            parts |= self.teacher.parts(prediction, truth, mask)
        if multiscale is not None:
            scaled = at_scales(self.model, first, multiscale, self.model.config.multiple)
            parts["multiscale"] = (inconsistency(scaled, multiscale), multiscale.weight)
            for one in [one for one in scaled if one is not first] if multiscale.supervised else []:
                smaller = self.objective(one.prediction, one.truth, one.mask, shift)
                parts |= {f"{name}_{one.truth.shape[-1]}px": part for name, part in smaller.items()}
        return parts

    def _share_statistics(self) -> None:
        """Running statistics are the same in all workers, so that any of them is the run."""
        buffers = [buffer for buffer in self.model.buffers() if buffer.is_floating_point()]
        self.world.mean_([*buffers, *(self.critic.buffers() if self.critic else ())])

    def _note(self, values: dict[str, float]) -> None:
        if self.journal is not None:
            minutes = round(self.clock.spent_s / 60, 2)
            done = min(1.0, self.progress())
            row = {"step": self.step, "minutes": minutes, "done": round(done, 4), "lr": self.settings.lr * self.rate()}
            self.journal.note(row | values, self.clock.remaining(done))

    def _save(self) -> None:
        if not self.world.first:
            return
        state = {
            "network": asdict(self.model.config),
            "model": self.model.state_dict(),
            "average": self.average.state(),
            "optimiser": self.optimiser.state_dict(),
            "critic": None if self.critic is None else self.critic.state(),
            "step": self.step,
            "elapsed_s": self.clock.spent_s,
        }
        write_checkpoint(self.out, state)

    def _load(self) -> None:
        state = read_checkpoint(self.out, self.device)
        if state is None:
            return
        if LamaConfig(**state["network"]) != self.model.config:
            raise ValueError("the checkpoint belongs to another network; choose another --out or its settings")
        self.model.load_state_dict(state["model"])
        self.average.load(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.critic is not None and state.get("critic") is not None:
            self.critic.load(state["critic"])
        self.step, self.clock = int(state["step"]), Clock(float(state["elapsed_s"]))
