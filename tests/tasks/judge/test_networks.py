from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.judge.networks import NetworkFiles, Networks, files_in
from tests.models.backbones.reference import reference


def test_without_files_nothing_is_measured() -> None:
    networks = Networks(NetworkFiles())
    networks.load()
    picture = np.zeros((40, 40, 3), np.float32)
    assert networks.distances(picture, picture) == {"feature_distance": None, "lpips": None}
    assert networks.pooled(picture) is None
    assert NetworkFiles().missing() == ["feature_distance", "lpips", "fid"]


def test_what_is_given_is_measured(tmp_path: Path) -> None:
    torch.save(reference().state_dict(), tmp_path / "fid.pth")
    files = files_in(tmp_path, NetworkFiles())
    assert files.given() == {"fid": tmp_path / "fid.pth"}
    assert files.missing() == ["feature_distance", "lpips"]
    pooled = Networks(files).pooled(np.zeros((40, 40, 3), np.float32))
    assert pooled is not None and pooled.ndim == 1


def test_what_is_named_wins_over_what_is_found(tmp_path: Path) -> None:
    for name in ("lpips.safetensors", "lpips.pth", "features.pt"):
        (tmp_path / name).write_bytes(b"")
    files = files_in(tmp_path, NetworkFiles(features=tmp_path / "mine.pth", feature_network="resnet50-dilated"))
    assert files == NetworkFiles(tmp_path / "mine.pth", "resnet50-dilated", tmp_path / "lpips.safetensors")
    assert files_in(tmp_path / "nowhere", NetworkFiles()) == NetworkFiles()


def test_the_digest_is_of_contents_and_roles(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"1")
    first = NetworkFiles(features=tmp_path / "a").sha256()
    assert NetworkFiles(features=tmp_path / "b").sha256() == first
    assert len({first, NetworkFiles(lpips=tmp_path / "a").sha256(), NetworkFiles().sha256()}) == 3
    assert NetworkFiles(features=tmp_path / "a", feature_network="x").sha256() != first
    (tmp_path / "a").write_bytes(b"2")
    assert NetworkFiles(features=tmp_path / "a").sha256() != first


def test_a_damaged_file_is_found_when_loading(tmp_path: Path) -> None:
    (tmp_path / "lpips.pth").write_bytes(b"rot")
    with pytest.raises(ValueError, match=r"lpips\.pth"):
        Networks(files_in(tmp_path, NetworkFiles())).load()
