from __future__ import annotations

import logging

import torch
import yaml

from models.training.__main__ import main


def test_the_command_trains_and_goes_on(photos, tmp_path, caplog):
    before = torch.get_num_threads()
    config = {
        "network": {"ngf": 4, "n_blocks": 1},
        "data": {"photos": str(photos), "crop_px": 48},
        "steps": 2,
        "batch": 1,
        "device": "cpu",
        "threads": 1,
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    with caplog.at_level(logging.INFO):
        main([str(tmp_path / "c.yaml"), "--out", str(tmp_path / "run")])
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(config | {"steps": 3}))
        main([str(tmp_path / "c.yaml"), "--out", str(tmp_path / "run"), "--resume"])
    torch.set_num_threads(before)
    checkpoint = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert checkpoint["step"] == 3
    assert (tmp_path / "run" / "lama-small.safetensors").is_file()
