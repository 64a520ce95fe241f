from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.weights import WeightsInvalid
from models.zoo.edge_connect import EdgeConnect
from models.zoo.edge_connect_networks import EdgeConnectConfig
from models.zoo.edge_connect_official import FILES, main, read_official
from models.zoo.weights import load_zoo_weights

CONFIG = EdgeConnectConfig(width=4, blocks=2)


@pytest.fixture
def network() -> EdgeConnect:
    """With spectral norms that have converged, as after a training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = EdgeConnect(CONFIG).train()
        for _ in range(20):
            made.edge(torch.rand(1, 3, 16, 16))
    return made.eval()


def saved(folder: Path, network: EdgeConnect, change: Any = lambda name, state: state, **how: Any) -> Path:
    """Both files as the official code writes them."""
    for name, file in FILES.items():
        state = change(name, OrderedDict(network.get_submodule(name).state_dict()))
        torch.save({"iteration": 2_000_000, "generator": state}, folder / file, **how)
    return folder


def fills(network: EdgeConnect) -> Tensor:
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:20] = 1
    with torch.inference_mode():
        made: Tensor = network(image, mask)
    return made


@pytest.mark.parametrize("zipped", [True, False])  # the published files are of 2019: not zipped
def test_official_files_fill_alike(tmp_path: Path, network: EdgeConnect, zipped: bool) -> None:
    saved(tmp_path, network, _use_new_zipfile_serialization=zipped)
    found = read_official(tmp_path)
    assert found.config == CONFIG and not found.training
    assert torch.equal(fills(found), fills(network))


def test_files_of_several_gpus_and_of_old_spectral_norms(tmp_path: Path, network: EdgeConnect) -> None:
    def old(name: str, state: OrderedDict[str, Tensor]) -> dict[str, Tensor]:
        """PyTorch 0.4: the normalised weight beside `weight_orig` and `weight_u`, no `weight_v`."""
        part = network.get_submodule(name)
        for place, layer in part.named_modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and f"{place}.weight_v" in state:
                flat = layer.weight_orig.detach()
                flat = (flat.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else flat).flatten(1)
                sigma = torch.dot(layer.weight_u, flat @ layer.weight_v)
                state[f"{place}.weight"] = layer.weight_orig.detach() / sigma
                del state[f"{place}.weight_v"]
        return {f"module.{key}": value for key, value in state.items()}

    found = read_official(saved(tmp_path, network, old))
    torch.testing.assert_close(fills(found), fills(network), atol=2e-3, rtol=0)


def test_the_command_makes_a_weights_file(tmp_path: Path, network: EdgeConnect) -> None:
    main([str(saved(tmp_path, network)), str(tmp_path / "made.safetensors"), "--about", "Places2"])
    weights = load_zoo_weights(str(tmp_path / "made.safetensors"))
    assert weights.method == "edge-connect" and weights.config == {"width": 4, "blocks": 2}
    assert torch.equal(fills(weights.put_into(EdgeConnect(CONFIG))), fills(network))


class Exploit:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


class Command:
    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, ("true",)


@pytest.mark.parametrize("file", FILES.values())
def test_a_malicious_pickle_runs_nothing(tmp_path: Path, network: EdgeConnect, file: str) -> None:
    saved(tmp_path, network)
    touched = tmp_path / "touched"
    torch.save({"iteration": Exploit(touched), "generator": {"encoder.1.bias": Exploit(touched)}}, tmp_path / file)
    with pytest.raises(WeightsInvalid):
        read_official(tmp_path)
    torch.save({"iteration": Command(), "generator": network.edge.state_dict()}, tmp_path / file)
    with pytest.raises(WeightsInvalid, match="system"):
        read_official(tmp_path)
    (tmp_path / file).write_bytes(pickle.dumps(Exploit(touched)))
    with pytest.raises(WeightsInvalid):
        read_official(tmp_path)
    assert not touched.exists()


def test_other_files_are_refused(tmp_path: Path, network: EdgeConnect) -> None:
    with pytest.raises(FileNotFoundError):
        read_official(tmp_path)

    def lacking(name: str, state: OrderedDict[str, Tensor]) -> OrderedDict[str, Tensor]:
        del state["decoder.7.bias"]
        return state

    with pytest.raises(WeightsInvalid, match=r"decoder\.7\.bias"):
        read_official(saved(tmp_path, network, lacking))
    with pytest.raises(WeightsInvalid, match="not finite"):
        read_official(saved(tmp_path, network, lambda name, state: {k: v * torch.nan for k, v in state.items()}))
    saved(tmp_path, network)
    torch.save({"generator": EdgeConnect(EdgeConnectConfig(5, 2)).edge.state_dict()}, tmp_path / FILES["edge"])
    with pytest.raises(WeightsInvalid, match="differ in size"):
        read_official(tmp_path)
    torch.save({"generator": {"other.weight": torch.ones(2)}}, tmp_path / FILES["edge"])
    with pytest.raises(WeightsInvalid, match="not EdgeConnect"):
        read_official(tmp_path)
