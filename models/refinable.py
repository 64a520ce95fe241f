"""A generator in two parts, between which its features can be changed: what refinement needs of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.fold import fold_batch_norm
from models.lama import FourierUnit, Lama, Pair, down_at


class Refinable(nn.Module):
    """A folded generator in two parts, between which its features can be changed. No weight has a gradient.

    The padding's gradients are summed in a fixed order, unlike those of torch's reflection padding on a GPU.
    """

    def __init__(self, model: Lama, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        config = model.config
        folded = fold_batch_norm(model)
        _replace_padding(folded)
        layers = list(folded.to(device=device, dtype=dtype).model)
        for module in folded.modules():
            if isinstance(module, FourierUnit):
                module.float()
        self._dtype = dtype
        self._plain = config.blocks == "regular"  # its blocks take one map, not a pair
        self._cut = down_at(config, config.n_downsampling) + 1
        self._layers = nn.ModuleList(layers[:-2])
        self._head = nn.Sequential(*layers[-2:]).float()
        self._skips, self._noise = folded.skips, folded.noise
        self._down, self._up, self._noisy = folded._down, folded._up, folded._noisy

    def front(self, x: Tensor) -> tuple[list[Tensor], dict[int, Tensor]]:
        """(B, 4, H, W) -> the features after the down-samplings, one map or (local, global), and what skips take past."""
        maps: dict[int, Tensor] = {}
        y: Tensor | Pair = x.to(self._dtype)
        for index, layer in enumerate(itertools.islice(self._layers, self._cut)):
            y = layer(y)
            if index in self._down:
                level = self._down[index]
                local = y if isinstance(y, Tensor) else y[0]
                assert local is not None  # nothing is global before the narrowest layer
                maps[level] = self._skips[level](local)
        return [part for part in ([y] if isinstance(y, Tensor) else y) if part is not None], maps

    def rear(self, features: Sequence[Tensor], maps: dict[int, Tensor]) -> Tensor:
        """Features in any precision, and `front`'s maps -> (B, 3, H, W) float32."""
        parts = [part.to(self._dtype) for part in features]
        y: Tensor | Pair = parts[0] if self._plain else (parts[0], parts[1] if len(parts) == 2 else None)
        for index in range(self._cut, len(self._layers)):
            y = checkpoint(self._layer, index, y, maps, use_reentrant=False, preserve_rng_state=False)
        made: Tensor = checkpoint(self._last, y, use_reentrant=False, preserve_rng_state=False)
        return made

    def _layer(self, index: int, y: Tensor | Pair, maps: dict[int, Tensor]) -> Tensor | Pair:
        made: Tensor | Pair = self._layers[index](y)
        if index in self._up:
            assert isinstance(made, Tensor)
            made = made + maps[self._up[index]]
        elif index in self._noisy:
            made = self._noise(made, self._noisy[index], None)
        return made

    def _last(self, y: Tensor) -> Tensor:
        made: Tensor = self._head(y.float())
        return made


class Mirror(nn.Module):
    """Reflection padding on four sides, whose gradient is a sum in a fixed order. (…, H, W) -> (…, H + 2p, W + 2p)."""

    def __init__(self, px: int) -> None:
        super().__init__()
        self.px = px

    def forward(self, x: Tensor) -> Tensor:
        p = self.px
        for dim in (-1, -2):
            length = x.shape[dim]
            x = torch.cat(
                [x.narrow(dim, 1, p).flip(dim), x, x.narrow(dim, length - 1 - p, p).flip(dim)],
                dim,
            )
        return x


def _replace_padding(module: nn.Module) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, nn.ReflectionPad2d):
            setattr(module, name, Mirror(int(child.padding[0])))
        elif isinstance(child, nn.Conv2d) and child.padding_mode == "reflect":
            assert not isinstance(child.padding, str)
            mirror = Mirror(int(child.padding[0]))
            child.padding, child.padding_mode = (0, 0), "zeros"
            setattr(module, name, nn.Sequential(mirror, child))
        else:
            _replace_padding(child)
