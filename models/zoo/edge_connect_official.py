"""EdgeConnect's published weights: `EdgeModel_gen.pth` and `InpaintingModel_gen.pth` of knazeri/edge-connect.

`python -m models.zoo.edge_connect_official FOLDER OUT.safetensors` makes one weights file of the two. Each is a pickle of
`{'iteration': …, 'generator': state dict}`; it is read as data, nothing in it is executed.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from models.checkpoint.source import opened
from models.weights import WeightsInvalid
from models.zoo.edge_connect import EdgeConnect
from models.zoo.edge_connect_networks import EdgeConnectConfig
from models.zoo.weights import save_zoo_weights

FILES = {"edge": "EdgeModel_gen.pth", "inpaint": "InpaintingModel_gen.pth"}
PARALLEL = "module."  # before every name, where a model was trained on several GPUs


def read_official(folder: Path) -> EdgeConnect:
    """Both generators of a folder with FILES, in evaluation mode; width and blocks are those of the tensors.

    Spectral norms of PyTorch 0.4 (`weight_u` and the normalised `weight`, no `weight_v`) are brought to today's form.
    Raises FileNotFoundError, WeightsInvalid for a file that is something else.
    """
    parts = {name: _tensors(folder / file) for name, file in FILES.items()}
    found = {name: _config(FILES[name], tensors) for name, tensors in parts.items()}
    if found["edge"] != found["inpaint"]:
        raise WeightsInvalid(f"{folder.name}: the two generators differ in size: {found['edge']}, {found['inpaint']}")
    with torch.random.fork_rng(devices=[]):
        network = EdgeConnect(found["edge"])
    for name, tensors in parts.items():
        try:
            network.get_submodule(name).load_state_dict(dict(tensors))
        except (RuntimeError, KeyError) as error:
            raise WeightsInvalid(f"{FILES[name]}: not EdgeConnect's generator: {error}") from error
    return network.eval()


def _tensors(path: Path) -> Mapping[str, Tensor]:
    with opened(path) as source:
        tensors = {name.removeprefix(PARALLEL): source.read(name).float().clone() for name in source.shapes}
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise WeightsInvalid(f"{path.name}: {name} holds numbers that are not finite")
    return tensors


def _config(file: str, tensors: Mapping[str, Tensor]) -> EdgeConnectConfig:
    blocks = len({name.split(".")[1] for name in tensors if name.startswith("middle.")})
    try:
        return EdgeConnectConfig(int(tensors["encoder.1.bias"].shape[0]), blocks)
    except (KeyError, IndexError, ValueError) as error:
        raise WeightsInvalid(f"{file}: not EdgeConnect's generator: {error}") from error


def main(arguments: list[str] | None = None) -> None:
    """Command line: make a weights file of the official ones."""
    parser = argparse.ArgumentParser(prog="python -m models.zoo.edge_connect_official", description=main.__doc__)
    parser.add_argument("folder", type=Path, help=f"with {' and '.join(FILES.values())}")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("--about", default="", help="where the weights come from; kept in the file")
    options = parser.parse_args(arguments)
    network = read_official(options.folder)
    about = {"source": options.about or options.folder.name}
    save_zoo_weights(options.out, "edge-connect", asdict(network.config), network.state_dict(), about)


if __name__ == "__main__":
    main()
