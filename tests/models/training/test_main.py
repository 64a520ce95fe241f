from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

import models.training
from models.training.__main__ import main

ROOT = Path(models.training.__file__ or "").parents[2]
# what a machine may lack that has torch, OpenCV and the few small packages that settings and weights need
ABSENT = ["ray", "prefect", "fsspec", "s3fs", "pyvips", "imagecodecs", "jpeglib", "tifffile", "skimage", "pyarrow"]
BLOCKED = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
from models.training.__main__ import main
main(sys.argv[1:])
"""


def config(photos, **changes):
    return {
        "network": {"ngf": 4, "n_blocks": 1},
        "data": {"photos": str(photos), "crop_px": 48},
        "loss": {"hrf": 0},
        "adversarial": {"discriminator": {"ndf": 4, "n_layers": 2}},
        "steps": 2,
        "batch": 1,
        "device": "cpu",
        "threads": 1,
    } | changes


def test_the_command_trains_and_goes_on(photos, tmp_path, caplog):
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config(photos)))
    with caplog.at_level(logging.INFO):
        main([str(tmp_path / "c.yaml"), "--out", str(tmp_path / "run")])
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(config(photos, steps=3)))
        main([str(tmp_path / "c.yaml"), "--out", str(tmp_path / "run"), "--resume"])
    checkpoint = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert checkpoint["step"] == 3
    assert (tmp_path / "run" / "lama-small.safetensors").is_file()


def test_several_workers_need_somebody_who_starts_them(photos, tmp_path, capsys):
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config(photos, workers={"count": 2})))
    with pytest.raises(SystemExit):
        main([str(tmp_path / "c.yaml"), "--out", str(tmp_path / "run")])
    assert "lacuna train" in capsys.readouterr().err


def test_it_runs_where_torch_does(photos, tmp_path):
    """Without Ray, Prefect, storage, or a codec beyond OpenCV's; a held-out set, sheets and curves included."""
    data = {"photos": str(photos), "held_out": str(photos), "held_out_count": 1, "crop_px": 48}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config(photos, data=data)))
    command = [sys.executable, "-c", BLOCKED, str(tmp_path / "c.yaml"), "--out", str(tmp_path / "run")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "no metrics.parquet" in done.stderr
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 2]
    assert (tmp_path / "run" / "curves.png").is_file() and (tmp_path / "run" / "samples" / "000002.png").is_file()
