"""Train a small LaMa in several ways that differ in one thing each, and measure all on the same held-out crops.

    python infra/bench/ablations.py TRAIN PHOTOS --encoder FILE --out DIR [--config FILE] [--only NAME;…] [--crops 64]

TRAIN and PHOTOS are folders of photos (or what `models.training.photos` takes); none of PHOTOS may lie in TRAIN. `--config`
(default: `ablations.yaml` beside this file) says what differs. Same seed, photos, crops and number of steps for all; the
critic's extra updates of a Wasserstein loss come on top. A training that was stopped goes on from its checkpoint, one
that is done is only measured; `--only` (names with `;` between) trains some of them, the table has all that are done.
Each is measured on `--crops` crops with boxes and as many with strokes (polygonal chains), drawn from PHOTOS by a seed of
their own. Writes `DIR/ablations.md`, `DIR/ablations.json` and `DIR/sheet.png`; prints the table. Runs at nice 10.

Columns: feature distance over the crop (`models.training.losses.feature_distance`), PSNR in dB and mean absolute difference
over the hole; ± half of the 95 % bootstrap interval over crops. `against` is the mean difference of the feature distance
to the first one's on the same crops, with its interval: of chance in crops and masks, not of chance in training, which
only a second seed shows.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import numpy as np
import torch
import yaml

from models.lama import parameter_count
from models.training.data import Floats, draw_batch
from models.training.features import Features, feature_network
from models.training.loop import Trainer
from models.training.losses import feature_distance
from models.training.masks import Kind, masks_of
from models.training.measure import Case, fill_cases
from models.training.photos import Photos
from models.training.settings import DataSettings, TrainingSettings
from models.weights import Weights, load_weights
from tasks.judge.truth import against_truth
from tasks.publish.benchmark.summary import Mean, bootstrap

KINDS: tuple[Kind, ...] = ("boxes", "strokes")
MEASURES = ("features", "psnr", "l1")
SEED = 2021  # of the measured crops
SHOWN = 5  # crops of each kind on the sheet
ZOOM = 2

Tree = dict[str, Any]
Scores = dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]  # of each measure, one for each crop


@dataclass(frozen=True)
class Trained:
    """What one training gave: its weights, and how long it took. name: as the configuration calls it."""

    name: str
    weights: Weights
    steps: int
    minutes: float


def merged(base: Tree, changes: Mapping[str, Any]) -> Tree:
    """`base` with `changes`; mappings are merged key by key, but `masks`, which is replaced."""
    result = dict(base)
    for key, value in changes.items():
        inner = isinstance(value, Mapping) and isinstance(base.get(key), Mapping) and key != "masks"
        result[key] = merged(base[key], value) if inner else value
    return result


def read_ablations(path: Path, photos: str, encoder: Path) -> dict[str, TrainingSettings]:
    """Settings of each training, by name, in the file's order. Raises ValueError for impossible ones."""
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    given = {"data": {"photos": photos}, "loss": {"encoder": str(encoder)}}
    base = merged(tree["base"], given)
    return {name: TrainingSettings.model_validate(merged(base, changes)) for name, changes in tree["ablations"].items()}


def train(name: str, settings: TrainingSettings, folder: Path) -> None:
    """Train in `folder`, from the last checkpoint on."""
    trainer = Trainer(settings, folder, resume=True)
    if trainer.step < settings.steps or not (folder / f"{settings.export_name}.safetensors").is_file():
        print(f"{name}: {trainer.step} of {settings.steps} steps", file=sys.stderr, flush=True)
        trainer.run()
    (folder / "done.json").write_text(json.dumps({"steps": trainer.step, "minutes": trainer.clock.spent_s / 60}))


def trained(name: str, settings: TrainingSettings, folder: Path) -> Trained | None:
    """What stands in `folder`; None where the training is not done."""
    path = folder / "done.json"
    if not path.is_file():
        return None
    done = json.loads(path.read_text())
    return Trained(name, load_weights(str(folder / f"{settings.export_name}.safetensors")), **done)


def held_out(photos: Photos, settings: DataSettings, count: int) -> list[Case]:
    """`count` crops with masks of each of KINDS; they depend on the photos, the crops' size and SEED only."""
    cases = []
    for number, kind in enumerate(KINDS):
        rng = np.random.default_rng([SEED, number])
        masks = masks_of({kind: 1}, settings.crop_px, 0.1, 0.5)
        crops, holes = draw_batch(photos, masks, settings, count, rng)
        for crop, hole in zip(crops.transpose(0, 2, 3, 1), holes[:, 0] > 0.5, strict=True):
            damaged = np.rint(crop * 255).astype(np.uint8)
            ways = (cv2.INPAINT_TELEA, cv2.INPAINT_NS)
            telea, fluid = (
                (cv2.inpaint(damaged, hole.astype(np.uint8), 3, way) / 255.0).astype(np.float32) for way in ways
            )
            cases.append(Case(kind, np.ascontiguousarray(crop), hole, telea, fluid))
    return cases


def scores(cases: Sequence[Case], fills: Sequence[Floats], encoder: Features) -> Scores:
    """Every measure of every fill."""
    rows = []
    for case, fill in zip(cases, fills, strict=True):
        pictures = [torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None] for x in (fill, case.truth)]
        with torch.inference_mode():
            distance = float(feature_distance(*(encoder.features(picture) for picture in pictures)))
        truth = against_truth(fill, case.truth, case.mask)
        rows.append((distance, truth.psnr, truth.l1))
    return dict(zip(MEASURES, np.asarray(rows, np.float64).T, strict=True))


def table(found: Mapping[str, Scores], kinds: Sequence[str], about: Mapping[str, str]) -> str:
    """Markdown: a row for each of `found`, whose first one is what the others are set against; `kinds` of the crops."""
    lines = []
    of = np.array(kinds)
    first = next(iter(found.values()))
    for kind in dict.fromkeys(kinds):
        lines += [f"**{kind}**, {int((of == kind).sum())} crops", ""]
        lines += ["| | features | against | PSNR dB | masked L1 | |", "|---|---:|---:|---:|---:|---|"]
        for name, each in found.items():
            features, psnr, l1 = (bootstrap(each[measure][of == kind]) for measure in MEASURES)
            change = bootstrap((each["features"] - first["features"])[of == kind])
            against = f"{_told(change, '+.4f')}" if each is not first else ""
            cells = (name, _told(features, ".4f"), against, _told(psnr, ".2f"), _told(l1, ".4f"), about.get(name, ""))
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def write_sheet(path: Path, cases: Sequence[Case], fills: Mapping[str, Sequence[Floats]]) -> None:
    """A row for each of some crops: input, every fill, truth."""
    rows = []
    for kind in KINDS:
        chosen = [index for index, case in enumerate(cases) if case.kind == kind][:SHOWN]
        for index in chosen:
            case = cases[index]
            damaged = np.where(case.mask[..., None], np.float32(0.5), case.truth)
            cells = [damaged, *(each[index] for each in fills.values()), case.truth]
            rows.append(np.concatenate([np.pad(c, [(0, 1), (0, 1), (0, 0)], constant_values=1) for c in cells], axis=1))
    sheet = np.rint(np.concatenate(rows) * 255).astype(np.uint8)[..., ::-1]
    cv2.imwrite(str(path), cv2.resize(sheet, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_NEAREST))


def _told(mean: Mean, form: str) -> str:
    return f"{mean.mean:{form}} ± {(mean.high - mean.low) / 2:{form.lstrip('+')}}"


def _about(one: Trained) -> str:
    return f"{parameter_count(one.weights.config):,} parameters, {one.steps} steps, {one.minutes:.1f} min"


def main() -> None:
    """Train what is not done, measure what is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", help="photos to train on")
    parser.add_argument("photos", help="photos to measure on")
    parser.add_argument("--encoder", type=Path, required=True, help="weights of a vgg19 feature network")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path(__file__).with_suffix(".yaml"))
    parser.add_argument("--only", default="", help="names, with ; between; default: all")
    parser.add_argument("--crops", type=int, default=64, help="of each kind of mask")
    options = parser.parse_args()
    os.nice(10)
    settings = read_ablations(options.config, options.train, options.encoder)
    only = [name.strip() for name in options.only.split(";") if name.strip()]
    if unknown := set(only) - settings.keys():
        parser.error(f"--only: no {', '.join(sorted(unknown))}; there are {'; '.join(settings)}")
    folders = {name: options.out / "".join(c if c.isalnum() else "_" for c in name) for name in settings}
    for name in only or settings:
        train(name, settings[name], folders[name])
    done = [one for name in settings if (one := trained(name, settings[name], folders[name])) is not None]
    first = next(iter(settings.values()))
    cases = held_out(Photos(options.photos, first.data.column), first.data, options.crops)
    encoder = feature_network(first.loss.encoder)
    fills: dict[str, list[Floats]] = {one.name: fill_cases(one.weights, cases) for one in done}
    fills["telea"] = [case.telea for case in cases]
    found = {name: scores(cases, each, encoder) for name, each in fills.items()}
    shown = table(found, [case.kind for case in cases], {one.name: _about(one) for one in done})
    (options.out / "ablations.md").write_text(shown + "\n", "utf-8")
    means = {name: {key: value.tolist() for key, value in each.items()} for name, each in found.items()}
    (options.out / "ablations.json").write_text(json.dumps({"kinds": [c.kind for c in cases], "scores": means}))
    write_sheet(options.out / "sheet.png", cases, fills)
    print(shown)


if __name__ == "__main__":
    main()
