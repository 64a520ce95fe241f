"""Fixed feature networks for perceptual losses and distances, by name; and reading their files.

Every network takes RGB (B, 3, H, W) in [0, 1] and gives a list of features (B, C, h, w), from early to late; its weights
have no gradients, its input has. A file is safetensors, or a torch checkpoint of plain tensors (nothing in it is
executed). Widths are read from the file, so a narrow network of the same structure is as good.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from models.training.checkpoint import read_plain
from models.training.loss_settings import EncoderSettings


class Features(Protocol):
    """A feature network."""

    def features(self, image: Tensor) -> list[Tensor]:
        """Features of RGB in [0, 1], from early to late."""
        ...


def feature_network(settings: EncoderSettings, device: torch.device | str = "cpu") -> Features:
    """The network that `settings` names.

    vgg19: the first part of VGG19 with a colour transform, see `vgg.Encoder`. vgg19-torchvision: torchvision's file of
    VGG19 (`features.0.weight` …). resnet50-dilated: LaMa's, `encoder_epoch_20.pth` of a segmentation network trained on
    ADE20K, see `resnet.DilatedResnet`. `package.module:function`: what the function gives for the path.

    Raises ValueError for an unknown name or a damaged file, KeyError when a layer is missing, FileNotFoundError.
    """
    from models.training.resnet import DilatedResnet
    from models.training.vgg import Encoder, of_torchvision

    if ":" in settings.network:
        module, _, function = settings.network.partition(":")
        make: Callable[[Path], Features] = getattr(importlib.import_module(module), function)
        return make(settings.weights)
    makers: Mapping[str, Callable[[Mapping[str, Tensor]], Features]] = {
        "vgg19": lambda tensors: Encoder(tensors, device),
        "vgg19-torchvision": lambda tensors: of_torchvision(tensors, device),
        "resnet50-dilated": lambda tensors: DilatedResnet(tensors, device),
    }
    if settings.network not in makers:
        raise ValueError(
            f"no feature network {settings.network!r}; known: {', '.join(makers)}, package.module:function"
        )
    return makers[settings.network](read_tensors(settings.weights))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file or of a torch checkpoint (a state dict, bare or under `state_dict`).

    Raises FileNotFoundError, ValueError for anything else.
    """
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path.name}: not a file of tensors: {error}") from error
    tree = read_plain(path)
    state = tree.get("state_dict", tree) if isinstance(tree, dict) else None
    if not isinstance(state, dict):
        raise ValueError(f"{path.name}: no state dict")
    return {str(k).removeprefix("module."): v for k, v in state.items() if isinstance(v, Tensor)}


def normalised(image: Tensor) -> Tensor:
    """RGB in [0, 1] with the mean and the standard deviation of ImageNet's channels taken out."""
    mean = image.new_tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    spread = image.new_tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    return (image - mean) / spread
