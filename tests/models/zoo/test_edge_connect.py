from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from models import load_inpainter
from models.weights import WeightsInvalid
from models.zoo.edge_connect import EdgeConnect, EdgeConnectOptions, build, predictor
from models.zoo.edge_connect_networks import EdgeConnectConfig
from models.zoo.edges import canny_edges, grey_of
from models.zoo.filler import Given
from models.zoo.weights import load_zoo_weights, save_zoo_weights
from tests.support import photo

CONFIG = EdgeConnectConfig(width=4, blocks=1)


@pytest.fixture
def network() -> EdgeConnect:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return EdgeConnect(CONFIG).eval()


@pytest.fixture
def weights(tmp_path: Path, network: EdgeConnect) -> str:
    path = tmp_path / "small.safetensors"
    save_zoo_weights(path, "edge-connect", asdict(CONFIG), network.state_dict(), {})
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


def test_known_edges_are_kept_and_the_hole_gets_the_generators(network: EdgeConnect) -> None:
    pixels, hole = case(32, 32)
    image = torch.from_numpy(pixels / np.float32(255)).permute(2, 0, 1)[None]
    mask = torch.from_numpy(hole)[None, None].float()
    grey = grey_of(image)
    edges = canny_edges(grey, mask, 1.0)
    with torch.inference_mode():
        found = network.edges(grey, edges, mask)
        drawn = network.drawn(grey, edges, mask)
        assert torch.equal(found[mask == 0], edges[mask == 0])
        torch.testing.assert_close(found[mask == 1], drawn[mask == 1])
        assert torch.equal(drawn, network.drawn(torch.lerp(grey, 1 - grey, mask), edges, mask))
        assert torch.equal(network(image, mask, 1.0), network.coloured(image, found, mask))


def test_sigma_decides_which_edges_are_seen(network: EdgeConnect) -> None:
    pixels, hole = case(32, 32)
    image = torch.from_numpy(pixels / np.float32(255)).permute(2, 0, 1)[None]
    mask = torch.from_numpy(hole)[None, None].float()
    with torch.inference_mode():
        fine, rough = (predictor(network, EdgeConnectOptions(sigma=s))(image, mask) for s in (0.5, 4.0))
    assert not torch.equal(fine, rough)


def test_wrong_options_and_weights_say_so(tmp_path: Path, weights: str, network: EdgeConnect) -> None:
    with pytest.raises(ValueError, match="sigma"):
        load_inpainter(weights, device="cpu", sigma=0)
    with pytest.raises(ValueError, match="there are sigma"):
        load_inpainter(weights, device="cpu", steps=3)
    with pytest.raises(WeightsInvalid, match="no weights"):
        build(Given("edge-connect"))
    path = tmp_path / "wrong.safetensors"
    for config in ({"width": 5, "blocks": 1}, {"width": -1}, {"other": 1}):
        save_zoo_weights(path, "edge-connect", config, network.state_dict(), {})
        with pytest.raises(WeightsInvalid):
            build(Given("wrong", load_zoo_weights(str(path)), "cpu"))
