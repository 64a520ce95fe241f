"""LaMa's generator from its paper's equations (arXiv 2109.07161, section 2 and appendix; FFC: NeurIPS 2020, section 3).

Written for comparison: numpy, fp64, one image, no module of the project. A convolution is a sum over its taps, the
Fourier unit a matrix applied at each frequency.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
State = Mapping[str, Array]


def inpaint(state: State, image: Array, mask: Array, n_downsampling: int, n_blocks: int) -> Array:
    """image (3, H, W) in [0, 1], mask (H, W) in {0, 1}, sides multiples of 8 -> prediction (3, H, W)."""
    x = np.concatenate([image * (1 - mask), mask[None]])
    local, glob = layer(state, "model.1", (reflected(x, 3), None), pad=0)
    for level in range(n_downsampling):
        local, glob = layer(state, f"model.{2 + level}", (local, glob), pad=1, stride=2)
    for block in range(2 + n_downsampling, 2 + n_downsampling + n_blocks):
        inner = layer(state, f"model.{block}.conv1", (local, glob), pad=1)
        added = layer(state, f"model.{block}.conv2", inner, pad=1)
        local, glob = local + added[0], None if glob is None else glob + added[1]
    y = local if glob is None else np.concatenate([local, glob])
    index = 3 + n_downsampling + n_blocks
    for _ in range(n_downsampling):
        y = transposed(y, state[f"model.{index}.weight"]) + state[f"model.{index}.bias"][:, None, None]
        y = np.maximum(normalised(state, f"model.{index + 1}", y), 0)
        index += 3
    y = convolved(reflected(y, 3), state[f"model.{index + 1}.weight"]) + state[f"model.{index + 1}.bias"][:, None, None]
    return 1 / (1 + np.exp(-y))


def layer(
    state: State, name: str, x: tuple[Array, Array | None], pad: int, stride: int = 1
) -> tuple[Array, Array | None]:
    """Y_l = ReLU(BN(X_l * W_ll + X_g * W_gl)), Y_g = ReLU(BN(X_l * W_lg + spectral(X_g)))."""
    outputs = []
    for to in "lg":
        total: Array | float = 0.0
        for part, source in zip(x, "lg", strict=True):
            path = f"{name}.ffc.conv{source}2{to}"
            if part is not None and f"{path}.weight" in state:
                total = total + convolved(reflected(part, pad), state[f"{path}.weight"], stride)
            elif part is not None and f"{path}.conv1.0.weight" in state:
                total = total + spectral(state, path, part)
        has = isinstance(total, np.ndarray)
        outputs.append(np.maximum(normalised(state, f"{name}.bn_{to}", total), 0) if has else None)
    return outputs[0], outputs[1]


def spectral(state: State, name: str, x: Array) -> Array:
    """Halve the channels, add what the Fourier unit makes of them, restore the channels."""
    x = np.maximum(normalised(state, f"{name}.conv1.1", convolved(x, state[f"{name}.conv1.0.weight"])), 0)
    spectrum = np.fft.rfft2(x, norm="ortho")
    parts = np.empty((2 * len(x), *spectrum.shape[1:]))
    parts[0::2], parts[1::2] = spectrum.real, spectrum.imag
    parts = convolved(parts, state[f"{name}.fu.conv_layer.weight"])
    parts = np.maximum(normalised(state, f"{name}.fu.bn", parts), 0)
    y = np.fft.irfft2(parts[0::2] + 1j * parts[1::2], s=x.shape[1:], norm="ortho")
    return convolved(x + y, state[f"{name}.conv2.weight"])


def convolved(x: Array, weight: Array, stride: int = 1) -> Array:
    """y[o, i, j] = Σ w[o, c, u, v] · x[c, i·stride + u, j·stride + v]; no padding."""
    taps = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("chwuv,ocuv->ohw", taps, weight, optimize=True)


def transposed(x: Array, weight: Array) -> Array:
    """Stride 2, padding 1, one more row and column at the end: each pixel adds its kernel to a map of twice the size."""
    h, w = x.shape[1:]
    out = np.zeros((weight.shape[1], 2 * h + 2, 2 * w + 2))
    for u in range(weight.shape[2]):
        for v in range(weight.shape[3]):
            out[:, u : u + 2 * h : 2, v : v + 2 * w : 2] += np.einsum("chw,co->ohw", x, weight[:, :, u, v])
    return out[:, 1 : 1 + 2 * h, 1 : 1 + 2 * w]


def normalised(state: State, name: str, x: Array) -> Array:
    """γ · (x − μ) / √(σ² + ε) + β with the statistics of training."""
    gamma, beta, mean, var = (state[f"{name}.{key}"] for key in ("weight", "bias", "running_mean", "running_var"))
    scale = gamma / np.sqrt(var + 1e-5)
    return x * scale[:, None, None] + (beta - mean * scale)[:, None, None]


def reflected(x: Array, pad: int) -> Array:
    return np.pad(x, [(0, 0), (pad, pad), (pad, pad)], mode="reflect")
