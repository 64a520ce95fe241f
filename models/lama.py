"""The LaMa generator: a residual network of fast Fourier convolutions (FFC).

References
----------
[1] R. Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions", WACV 2022, arXiv 2109.07161.
[2] L. Chi, B. Jiang, Y. Mu, "Fast Fourier Convolution", NeurIPS 2020.
[3] A. Odena, V. Dumoulin, C. Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016.
[4] G. Baker, Y. Cho, "Improvement on Image inpainting with Fourier Convolutions", MVA project 2021: the spectral
    transform also from local to global (`conv_change`), and the Wasserstein loss.
[5] O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015.

Module and parameter names are those of the official code (`model.N.…` is `generator.model.N.…` there), so an official
state dict loads strictly. For `n` down-samplings and `b` blocks, N is: 0 pad, 1 first convolution, 2 … n+1 down,
then b blocks, concatenation, n × (up, batch norm, ReLU), pad, last convolution, sigmoid. (LaMa-Regular has another
front, see `models.regular`, and no concatenation.)

Shapes in comments: B batch, C channels, H × W pixels. An FFC carries two maps, `l` (local) and `g` (global); together
they have the layer's channels, and `ratio` of them are global.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.noise import Noise
from models.regular import regular_front

PATHS = ("l2l", "l2g", "g2l", "g2g")  # the paths of an FFC: from, to
Pair = tuple[Tensor | None, Tensor | None]  # (local, global); None where a branch has no channels


@dataclass(frozen=True)
class LamaConfig:
    """What decides the shape of the network; the defaults are big-lama (50,975,875 parameters).

    ngf: channels after the first convolution; each down-sampling doubles them, up to `max_features`.
    ratio: share of global channels in the blocks (0: no Fourier convolution anywhere).
    up_kernel: side of the up-sampling kernels: 3 (official) or 4 (every output pixel has the same number of taps, so
        the kernel itself brings no checkerboard [3]; a 3 × 3 kernel is a 4 × 4 one with zeros).
    blocks: `ffc`, or `regular`: residual blocks of plain convolutions, the ablation LaMa-Regular of [1]. Those have no
        global channels: `ratio` is then 0 and `spectral` empty, whatever is given.
    skip: each map on the way up gets the map of its size on the way down, through a 1 × 1 convolution [5]: known detail
        that does not fit through the narrowest layer reaches the hole's edge. Not part of LaMa.
    noise: each map on the way up gets white noise (`models.noise`), as strong in every channel as a 1 × 1 convolution of the
        map itself says. What lies inside the narrowest layer's cells cannot come from there: without noise a network draws it
        alike in every cell, which shows as a grid; with it, as grain. Not part of LaMa.
    spectral: the paths of the blocks that are spectral transforms, the others are 3 × 3 convolutions. `("g2g",)` is
        LaMa; `("l2g", "g2g")` is the change tried in [4]; `()` keeps two branches without any Fourier transform.

    Raises ValueError for values that make no network.
    """

    input_nc: int = 4
    output_nc: int = 3
    ngf: int = 64
    n_downsampling: int = 3
    n_blocks: int = 18
    ratio: float = 0.75
    max_features: int = 1024
    up_kernel: int = 3
    blocks: str = "ffc"
    spectral: tuple[str, ...] = ("g2g",)
    skip: bool = False
    noise: bool = False

    def __post_init__(self) -> None:
        ranges = {
            "input_nc": (1, 64),
            "output_nc": (1, 64),
            "ngf": (1, 1024),
            "n_downsampling": (1, 6),
            "n_blocks": (0, 100),
            "max_features": (1, 4096),
            "up_kernel": (3, 4),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
        if isinstance(self.ratio, bool) or not isinstance(self.ratio, int | float) or not 0 <= self.ratio < 1:
            raise ValueError(f"ratio must be at least 0 and below 1, not {self.ratio!r}")
        if self.blocks not in ("ffc", "regular"):
            raise ValueError(f"blocks must be ffc or regular, not {self.blocks!r}")
        for name in ("skip", "noise"):
            if type(getattr(self, name)) is not bool:
                raise ValueError(f"{name} must be true or false, not {getattr(self, name)!r}")
        if not set(self.spectral) <= set(PATHS):
            raise ValueError(f"spectral must be some of {', '.join(PATHS)}, not {self.spectral!r}")
        # one spelling for one network, so that configurations can be compared (JSON has lists for tuples)
        ratio = 0.0 if self.blocks == "regular" else self.ratio
        possible = PATHS if ratio else () if self.blocks == "regular" else ("l2l",)
        object.__setattr__(self, "ratio", ratio)
        object.__setattr__(self, "spectral", tuple(path for path in possible if path in self.spectral))
        channels = self.features(self.n_downsampling)
        of = {"g": int(channels * ratio), "l": channels - int(channels * ratio)}
        if self.n_blocks and any(of[path[-1]] == 1 for path in self.spectral):
            raise ValueError("ngf and ratio leave a single channel, of which a spectral transform has no half")

    @property
    def multiple(self) -> int:
        """Height and width of the input must be multiples of this (px)."""
        return 1 << self.n_downsampling

    def features(self, level: int) -> int:
        """Channels after `level` down-samplings."""
        return min(self.max_features, self.ngf << level)


class FourierUnit(nn.Module):
    """A 1 × 1 convolution on the real 2-D spectrum [2]; always in fp32.

    cuFFT has half precision for powers of two only and bf16 for none, and the sum over a whole map needs the digits.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(2 * channels)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> same
        with torch.autocast(x.device.type, enabled=False):
            b, c, h, w = x.shape
            spectrum = torch.view_as_real(torch.fft.rfft2(x.float(), norm="ortho"))  # (B, C, H, W/2+1, 2)
            # real and imaginary parts are neighbours: channel 2k is the real part of k
            y = spectrum.permute(0, 1, 4, 2, 3).reshape(b, 2 * c, h, w // 2 + 1)
            y = torch.relu(self.bn(self.conv_layer(y)))
            y = y.reshape(b, c, 2, h, w // 2 + 1).permute(0, 1, 3, 4, 2).contiguous()
            image: Tensor = torch.fft.irfft2(torch.view_as_complex(y), s=(h, w), norm="ortho")
            return image.to(x.dtype)


class SpectralTransform(nn.Module):
    """1 × 1 to half the channels, Fourier unit with a residual, 1 × 1 back [2] (no local unit)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        half = out_channels // 2
        self.conv1 = nn.Sequential(nn.Conv2d(in_channels, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU())
        self.fu = FourierUnit(half)
        self.conv2 = nn.Conv2d(half, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, C_in, H, W) -> (B, C_out, H, W)
        x = self.conv1(x)
        y: Tensor = self.conv2(x + self.fu(x))
        return y


class FFC(nn.Module):
    """Four paths between local and global maps [2]: in LaMa l→l, l→g, g→l are convolutions and g→g is spectral."""

    def __init__(
        self,
        cin: int,
        cout: int,
        kernel: int,
        *,
        ratio_in: float,
        ratio_out: float,
        stride: int,
        pad: int,
        spectral: tuple[str, ...],
    ) -> None:
        super().__init__()
        in_g, out_g = int(cin * ratio_in), int(cout * ratio_out)
        in_l, out_l = cin - in_g, cout - out_g

        def path(name: str, a: int, b: int) -> nn.Conv2d | SpectralTransform | None:
            if not (a and b):
                return None
            if name in spectral:
                if stride != 1:
                    raise ValueError("a strided spectral transform is not part of LaMa")
                return SpectralTransform(a, b)
            return nn.Conv2d(a, b, kernel, stride, pad, bias=False, padding_mode="reflect")

        self.convl2l = path("l2l", in_l, out_l)
        self.convl2g = path("l2g", in_l, out_g)
        self.convg2l = path("g2l", in_g, out_l)
        self.convg2g = path("g2g", in_g, out_g)

    def forward(self, x: Pair) -> Pair:
        local, glob = x
        out_l = _sum(_path(self.convl2l, local), _path(self.convg2l, glob))
        out_g = _sum(_path(self.convl2g, local), _path(self.convg2g, glob))
        return out_l, out_g


class FFCBatchNormAct(nn.Module):
    """FFC, then batch norm and ReLU on each map (`FFC_BN_ACT` in the official code)."""

    def __init__(
        self,
        cin: int,
        cout: int,
        kernel: int,
        *,
        ratio_in: float = 0,
        ratio_out: float = 0,
        stride: int = 1,
        pad: int = 0,
        spectral: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        out_g = int(cout * ratio_out)
        self.ffc = FFC(
            cin, cout, kernel, ratio_in=ratio_in, ratio_out=ratio_out, stride=stride, pad=pad, spectral=spectral
        )
        self.bn_l: nn.Module | None = nn.BatchNorm2d(cout - out_g) if cout - out_g else None
        self.bn_g: nn.Module | None = nn.BatchNorm2d(out_g) if out_g else None

    def forward(self, x: Tensor | Pair) -> Pair:
        local, glob = self.ffc((x, None) if isinstance(x, Tensor) else x)
        return _relu(_path(self.bn_l, local)), _relu(_path(self.bn_g, glob))


class FFCResnetBlock(nn.Module):
    """Two FFCs and the identity."""

    def __init__(self, channels: int, ratio: float, spectral: tuple[str, ...] = ("g2g",)) -> None:
        super().__init__()

        def layer() -> FFCBatchNormAct:
            return FFCBatchNormAct(channels, channels, 3, ratio_in=ratio, ratio_out=ratio, pad=1, spectral=spectral)

        self.conv1, self.conv2 = layer(), layer()

    def forward(self, x: Pair) -> Pair:
        local, glob = self.conv2(self.conv1(x))
        return _sum(x[0], local), _sum(x[1], glob)


class Concatenate(nn.Module):
    """Local and global maps side by side: one tensor again."""

    def forward(self, x: Pair) -> Tensor:
        return torch.cat([part for part in x if part is not None], dim=1)


class Lama(nn.Module):
    """The generator. Input `[image·(1−mask), mask]` in [0, 1]; output in (0, 1) for every pixel, not composited."""

    def __init__(self, config: LamaConfig | None = None) -> None:
        super().__init__()
        config = config or LamaConfig()
        self.config = config
        n = config.n_downsampling
        widths = [config.features(level) for level in range(n + 1)]
        if config.blocks == "regular":
            layers = regular_front(config.input_nc, widths, config.n_blocks)
        else:
            layers = _ffc_front(config, widths)
        for level in reversed(range(n)):
            kernel, cout = config.up_kernel, widths[level]
            up = nn.ConvTranspose2d(widths[level + 1], cout, kernel, 2, 1, output_padding=4 - kernel)
            layers += [up, nn.BatchNorm2d(cout), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(config.ngf, config.output_nc, 7), nn.Sigmoid()]
        self.model = nn.Sequential(*layers)
        # by level, as `widths`; added after an up-sampling's batch norm, where every level has the same scale
        self.skips = nn.ModuleList(nn.Conv2d(width, width, 1, bias=False) for width in widths[:n] if config.skip)
        self.noise = Noise(widths[:n] if config.noise else [])
        self._down = {down_at(config, level): level for level in range(n) if config.skip}
        self._up = {up_at(config, level) + 1: level for level in range(n) if config.skip}
        self._noisy = {up_at(config, level) + 2: level for level in range(n) if config.noise}

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """(B, 4, H, W) -> (B, 3, H, W); H and W multiples of `config.multiple`, at least twice that.

        noise: (B or 1, 1, H, W), standard normal, for a network that takes it; the same for every image if None.
        """
        y = self.body(x, noise)
        for layer in list(self.model)[-2:]:
            y = layer(y)
        return y

    def body(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """All but the last convolution and the sigmoid: (B, 4, H, W) -> (B, ngf, H + 6, W + 6)."""
        maps: dict[int, Tensor] = {}
        for index, layer in enumerate(list(self.model)[:-2]):
            x = layer(x)
            if index in self._down:  # an FFC's map is all local there: the global one begins at the narrowest layer
                maps[self._down[index]] = x if isinstance(x, Tensor) else x[0]
            elif index in self._up:
                level = self._up[index]
                x = x + self.skips[level](maps.pop(level))
            elif index in self._noisy:
                x = self.noise(x, self._noisy[index], noise)
        return x


def down_at(config: LamaConfig, level: int) -> int:
    """`N` of the last module before the map has been down-sampled more than `level` times."""
    return 3 + 3 * level if config.blocks == "regular" else 1 + level


def up_at(config: LamaConfig, level: int) -> int:
    """`N` of the up-sampling that brings a map to `level`."""
    first = down_at(config, config.n_downsampling) + config.n_blocks + (1 if config.blocks == "regular" else 2)
    return first + 3 * (config.n_downsampling - 1 - level)


def parameter_count(config: LamaConfig) -> int:
    """Number of learned values of a network, found without making one."""
    with torch.device("meta"):
        return sum(p.numel() for p in Lama(config).parameters())


def _ffc_front(config: LamaConfig, widths: list[int]) -> list[nn.Module]:
    """(B, 4, H, W) -> (B, widths[-1], H/2^n, W/2^n): all up to the concatenation."""
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), FFCBatchNormAct(config.input_nc, config.ngf, 7)]
    for level, (cin, cout) in enumerate(itertools.pairwise(widths), 1):
        ratio_out = config.ratio if level == config.n_downsampling else 0
        layers.append(FFCBatchNormAct(cin, cout, 3, ratio_out=ratio_out, stride=2, pad=1))
    layers += [FFCResnetBlock(widths[-1], config.ratio, config.spectral) for _ in range(config.n_blocks)]
    return [*layers, Concatenate()]


def _path(module: nn.Module | None, x: Tensor | None) -> Tensor | None:
    return None if module is None or x is None else module(x)


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _relu(x: Tensor | None) -> Tensor | None:
    return None if x is None else torch.relu(x)
