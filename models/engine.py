"""Run a generator: device, precision, padding, batches by shape, out-of-memory.

Same input, same bytes: batches of one shape have a constant size (copies fill the last one), so a result depends on
neither its neighbours nor their number. That holds for one device kind, precision, number of threads and `batch_mp`.

Precision: bf16 keeps the spectral units in fp32 (no FFT has bf16) and the last convolution too (bf16 has 8 bits, so
its output would show bands in a 16-bit picture). On a CPU without bf16 instructions bf16 is emulated and slower, so
`auto` takes fp32 there. On a CPU the layers are exchanged for faster ones (`models.fused`); a GPU runs them as they are.
"""

from __future__ import annotations

import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.fold import fold_batch_norm
from models.fused import fuse
from models.lama import FourierUnit, Lama
from models.settings import Precision
from models.weights import Weights, load_weights

Image = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Shape = tuple[int, int]

MODULO = 8  # px, as the official code pads
GPU_BATCH_MP = 4.0  # 16 crops of 512²: enough to fill any present GPU, 3 GB for big-lama in bf16

log = logging.getLogger("lacuna.engine")


class DeviceOutOfMemory(MemoryError):
    """Not enough memory on the device for a single crop."""


@dataclass(frozen=True)
class EngineInfo:
    """What decides an engine's bytes. `device` is `cpu` or, for example, `cuda:NVIDIA H200`."""

    name: str
    weights_sha256: str
    device: str
    precision: Literal["fp32", "bf16"]


class Engine:
    """A generator that is ready to fill crops. Use it from one thread at a time.

    weights: a name, a path, or loaded weights. device: `auto` (first GPU, else CPU), `cpu`, `cuda`, `cuda:1`.
    batch_mp: most megapixels in one batch, at least one crop; `auto`: one crop on a CPU (a batch gains nothing there),
    4 megapixels on a GPU. threads: CPU threads of the calling thread's kernels; None leaves them as they are.

    Raises WeightsNotFound, WeightsInvalid, and ValueError for a device that is not there.
    """

    def __init__(
        self,
        weights: str | Weights = "lama-small",
        device: str = "auto",
        precision: Precision = "auto",
        batch_mp: float | Literal["auto"] = "auto",
        threads: int | None = None,
    ) -> None:
        loaded = load_weights(weights) if isinstance(weights, str) else weights
        self._device = find_device(device)
        on_gpu = self._device.type == "cuda"
        self._dtype = torch.bfloat16 if _use_bf16(precision, self._device) else torch.float32
        self._batch_mp = (GPU_BATCH_MP if on_gpu else 0.0) if batch_mp == "auto" else batch_mp
        self._threads = threads
        self._halved: dict[Shape, int] = {}
        self._body, self._head = _prepare(loaded.build(), self._device, self._dtype)
        self._modulo = max(MODULO, loaded.config.multiple)
        self.info = EngineInfo(
            name=loaded.name,
            weights_sha256=loaded.sha256,
            device=f"cuda:{torch.cuda.get_device_name(self._device)}" if on_gpu else "cpu",
            precision="bf16" if self._dtype == torch.bfloat16 else "fp32",
        )

    def fill(self, crops: Sequence[Image], masks: Sequence[Mask]) -> list[Image]:
        """The generator's prediction for whole crops, not composited.

        crops: (H, W, 3) float32 in [0, 1], of any shapes; what they hold inside the mask is never looked at.
        masks: (H, W) bool, True is the hole. Returns (H, W, 3) float32 in [0, 1], in the order of `crops`.

        Raises ValueError for arrays of another kind, DeviceOutOfMemory when one crop alone does not fit.
        """
        if len(crops) != len(masks):
            raise ValueError(f"{len(crops)} crops but {len(masks)} masks")
        groups: dict[Shape, list[int]] = defaultdict(list)
        for index, (crop, mask) in enumerate(zip(crops, masks, strict=True)):
            check_crop(crop, mask)
            groups[self._padded(mask.shape)].append(index)
        results: dict[int, Image] = {}
        with torch.inference_mode(), self._repeatable():
            for shape, indices in groups.items():
                inputs = [_pad(crops[i], masks[i], shape) for i in indices]
                for index, output in zip(indices, self._run(inputs, shape), strict=True):
                    h, w = masks[index].shape
                    results[index] = np.ascontiguousarray(output[:h, :w])
        return [results[index] for index in range(len(crops))]

    def _run(self, inputs: list[Tensor], shape: Shape) -> list[Image]:
        """One shape, in batches; after out-of-memory the rest goes on with half the batch (and later calls too)."""
        outputs: list[Image] = []
        while len(outputs) < len(inputs):
            size = self._batch_size(shape)
            chunk = inputs[len(outputs) : len(outputs) + size]
            try:
                batch = torch.stack(chunk + [chunk[-1]] * (size - len(chunk)))
                result = self._forward(batch)[: len(chunk)]
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                if size == 1:
                    raise DeviceOutOfMemory(f"one crop of {shape[0]} × {shape[1]} px does not fit") from error
                self._halved[shape] = size // 2
                log.warning("out of device memory: %d crops of %d × %d px at once from now on", size // 2, *shape)
            else:
                outputs.extend(result.numpy())
                continue
            if self._device.type == "cuda":  # outside the handler: its traceback keeps the failed tensors alive
                torch.cuda.empty_cache()
        return outputs

    def _forward(self, batch: Tensor) -> Tensor:
        """(B, 4, H, W) fp32 on the CPU -> (B, H, W, 3) fp32 on the CPU."""
        batch = batch.to(self._device, self._dtype, memory_format=torch.channels_last)
        prediction: Tensor = self._head(self._body(batch).float())
        return prediction.permute(0, 2, 3, 1).contiguous().cpu()

    def _batch_size(self, shape: Shape) -> int:
        return self._halved.get(shape) or max(1, int(self._batch_mp * 1e6 // (shape[0] * shape[1])))

    def _padded(self, shape: tuple[int, ...]) -> Shape:
        # two rows at the bottleneck at least: its reflection padding needs a pixel to reflect
        h, w = (max(2 * self._modulo, -(-side // self._modulo) * self._modulo) for side in shape)
        return h, w

    @contextlib.contextmanager
    def _repeatable(self) -> Iterator[None]:
        """Kernels that give the same bytes each time; torch keeps the number of threads per calling thread."""
        if self._threads is not None and torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        if self._device.type == "cuda":
            with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
                yield
        else:
            yield


def _prepare(
    model: Lama, device: torch.device, dtype: torch.dtype
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """The folded generator in two parts: the body in `dtype` but for its spectral units, the head in fp32."""
    folded = fold_batch_norm(model).to(device)
    for part in (folded.model[:-2], folded.skips, folded.noise):
        part.to(dtype)
    for module in folded.modules():
        if isinstance(module, FourierUnit):
            module.float()
    for weight in folded.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    if device.type == "cpu":
        folded = fuse(folded)
    return folded.body, folded.model[-2:]


def _pad(crop: Image, mask: Mask, shape: Shape) -> Tensor:
    """(H, W, 3) and (H, W) -> (4, *shape): known pixels and mask, mirrored at the right and the bottom."""
    known = np.where(mask[..., None], np.float32(0), crop)
    stacked = np.concatenate([known, mask[..., None].astype(np.float32)], axis=2)
    extra = [(0, shape[0] - mask.shape[0]), (0, shape[1] - mask.shape[1]), (0, 0)]
    padded = np.pad(stacked, extra, mode="symmetric")
    return torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1)))


def check_crop(crop: Image, mask: Mask) -> None:
    """Raises ValueError unless the crop is (H, W, 3) float32 and the mask (H, W) bool."""
    if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.float32 or 0 in crop.shape:
        raise ValueError(f"a crop is (H, W, 3) float32, not {crop.shape} {crop.dtype}")
    if mask.shape != crop.shape[:2] or mask.dtype != np.bool_:
        raise ValueError(f"a mask is {crop.shape[:2]} bool, not {mask.shape} {mask.dtype}")


def find_device(name: str) -> torch.device:
    """`auto` (first GPU, else CPU), `cpu`, `cuda`, `cuda:N`. Raises ValueError for one that is not there."""
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device must be auto, cpu or cuda[:N], not {name!r}") from error
    if device.type == "cuda" and torch.cuda.is_available():
        index = device.index or 0
        if index < torch.cuda.device_count():
            return torch.device("cuda", index)
    if device.type != "cpu":
        raise ValueError(f"there is no device {name!r} here")
    return device


def _use_bf16(precision: Precision, device: torch.device) -> bool:
    if precision not in ("auto", "fp32", "bf16"):
        raise ValueError(f"precision must be auto, fp32 or bf16, not {precision!r}")
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check() for check in checks if check is not None)


def _is_out_of_memory(error: BaseException) -> bool:
    # the CPU allocator and cuFFT have no type of their own
    text = str(error)
    typed = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return typed or "DefaultCPUAllocator" in text or "ALLOC_FAILED" in text
