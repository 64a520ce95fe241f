from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tasks.judge.lpips import Lpips

WIDTHS = {"alexnet": (4, 5, 6, 5, 4), "vgg16": (3, 4, 5, 6, 7)}


def convolutions(name: str) -> dict[int, nn.Conv2d]:
    """Those of torchvision's `features`, narrow, by index."""
    w = WIDTHS[name]
    if name == "alexnet":
        shapes = {0: (3, w[0], 11, 4, 2), 3: (w[0], w[1], 5, 1, 2), 6: (w[1], w[2], 3, 1, 1)}
        shapes |= {8: (w[2], w[3], 3, 1, 1), 10: (w[3], w[4], 3, 1, 1)}
    else:
        indices = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
        before = (3, *w)
        shapes = {
            index: (before[block] if place == 0 else w[block], w[block], 3, 1, 1)
            for block, those in enumerate(indices)
            for place, index in enumerate(those)
        }
    return {index: nn.Conv2d(*shape) for index, shape in shapes.items()}


@pytest.fixture(params=["alexnet", "vgg16"])
def files(request, tmp_path: Path) -> tuple[str, dict[int, nn.Conv2d], list[torch.Tensor], Path, Path]:
    torch.manual_seed(4)
    made = convolutions(request.param)
    backbone = {f"features.{i}.{k}": v.clone() for i, conv in made.items() for k, v in conv.state_dict().items()}
    heads = [torch.rand(1, width, 1, 1) for width in WIDTHS[request.param]]
    torch.save(backbone, tmp_path / "backbone.pth")
    torch.save({f"lin{i}.model.1.weight": head for i, head in enumerate(heads)}, tmp_path / "heads.pth")
    return request.param, made, heads, tmp_path / "backbone.pth", tmp_path / "heads.pth"


def expected(name: str, made: dict[int, nn.Conv2d], heads: list[torch.Tensor], a: np.ndarray, b: np.ndarray) -> float:
    """The definition, position by position."""
    ends = {"alexnet": (0, 3, 6, 8, 10), "vgg16": (2, 7, 14, 21, 28)}[name]
    pools = {"alexnet": {3: (3, 2), 6: (3, 2)}, "vgg16": dict.fromkeys((5, 10, 17, 24), (2, 2))}[name]
    shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    taps = []
    for picture in (a, b):
        x = torch.from_numpy((((picture.astype(np.float64) * 2 - 1) - shift) / scale).transpose(2, 0, 1)[None]).float()
        found = []
        for index, conv in made.items():
            if index in pools:
                x = nn.MaxPool2d(*pools[index])(x)
            x = torch.relu(conv(x))
            if index in ends:
                found.append(x[0].detach().double().numpy())
        taps.append(found)
    total = 0.0
    for left, right, head in zip(*taps, heads, strict=True):
        x, y = (f / (np.sqrt((f**2).sum(0)) + 1e-10) for f in (left, right))
        total += float(((x - y) ** 2 * head.numpy()[0].astype(np.float64)).sum(0).mean())
    return total


def test_the_definition(files) -> None:
    name, made, heads, *paths = files
    a, b = np.random.default_rng(0).random((2, 72, 90, 3), dtype=np.float32)
    measure = Lpips(*paths)
    assert measure.network == name
    assert measure(a, b) == pytest.approx(expected(name, made, heads, a, b), rel=1e-4)
    assert measure(a, b) == pytest.approx(measure(b, a), rel=1e-6)
    assert measure(a, a) == 0


def test_more_damage_is_further_and_too_small_is_nothing(files) -> None:
    measure = Lpips(*files[3:])
    rng = np.random.default_rng(1)
    truth = rng.random((64, 64, 3), dtype=np.float32)
    noise = rng.normal(0, 0.3, truth.shape).astype(np.float32)
    found = [measure(np.clip(truth + s * noise, 0, 1), truth) for s in (0.1, 0.5, 1)]
    assert 0 < found[0] < found[1] < found[2]
    small = np.zeros((12, 80, 3), np.float32)
    assert np.isnan(measure(small, small))


def test_one_file_may_hold_both(files, tmp_path: Path) -> None:
    tensors = {**torch.load(files[3]), **torch.load(files[4])}
    save_file(tensors, tmp_path / "both.safetensors")
    a, b = np.random.default_rng(2).random((2, 64, 64, 3), dtype=np.float32)
    assert Lpips(tmp_path / "both.safetensors")(a, b) == Lpips(*files[3:])(a, b)


def test_what_does_not_fit_is_refused(files, tmp_path: Path) -> None:
    with pytest.raises(KeyError, match=r"lin0\.model\.1\.weight"):
        Lpips(files[3])
    torch.save({f"lin{i}.model.1.weight": torch.ones(1, 9, 1, 1) for i in range(5)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="heads are not of this"):
        Lpips(files[3], tmp_path / "other.pth")
    with pytest.raises(FileNotFoundError):
        Lpips(tmp_path / "none.pth")
