from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from models import load_inpainter
from models.weights import WeightsInvalid
from models.zoo.contextual_attention import build
from models.zoo.contextual_attention_networks import CoarseToFine, ContextualAttentionConfig
from models.zoo.filler import Given
from models.zoo.weights import load_zoo_weights, save_zoo_weights
from tests.support import photo

CONFIG = ContextualAttentionConfig(width=4)


@pytest.fixture
def weights(tmp_path: Path) -> str:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = CoarseToFine(CONFIG)
        for parameter in network.parameters():  # lively: the usual start gives nearly grey pictures
            parameter.data.mul_(2)
    path = tmp_path / "small.safetensors"
    save_zoo_weights(path, "contextual-attention", asdict(CONFIG), network.state_dict(), {})
    return str(path)


def case(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((height, width), bool)
    mask[height // 4 : height // 2, width // 4 : width // 2 + 1] = True
    return photo(height, width, 3), mask


@pytest.mark.parametrize("size", [(40, 56), (17, 23), (5, 9)])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_known_pixels_are_equal(weights: str, size: tuple[int, int], kind: str) -> None:
    pixels, mask = case(*size)
    scale = {"uint8": 1, "uint16": 257, "float32": 1 / 255}[kind]
    image = (pixels * np.float32(scale)).astype(kind)
    fill = load_inpainter(weights, device="cpu")
    made = fill(image, mask)
    assert made.dtype == image.dtype and np.array_equal(made[~mask], image[~mask])
    assert not np.array_equal(made[mask], image[mask])
    assert np.array_equal(made, fill(image, mask))


def test_what_lies_in_the_hole_is_never_looked_at(weights: str) -> None:
    pixels, mask = case(40, 40)
    other = pixels.copy()
    other[mask] = 255 - other[mask]
    fill = load_inpainter(weights, device="cpu")
    assert np.array_equal(fill(pixels, mask)[mask], fill(other, mask)[mask])


def test_the_first_stage_can_be_asked_for(weights: str) -> None:
    pixels, mask = case(40, 40)
    made = [load_inpainter(weights, device="cpu", coarse=coarse)(pixels, mask) for coarse in (False, True)]
    assert not np.array_equal(*made)


def test_wrong_options_and_weights_say_so(tmp_path: Path, weights: str) -> None:
    with pytest.raises(ValueError, match="there are coarse"):
        load_inpainter(weights, device="cpu", fine=True)
    with pytest.raises(WeightsInvalid, match="no weights"):
        build(Given("contextual-attention"))
    path, tensors = tmp_path / "wrong.safetensors", load_zoo_weights(weights).tensors
    for config in ({"width": 6}, {"width": 5}, {"other": 1}):
        save_zoo_weights(path, "contextual-attention", config, tensors, {})
        with pytest.raises(WeightsInvalid):
            build(Given("wrong", load_zoo_weights(str(path)), "cpu"))
