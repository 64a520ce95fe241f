"""Images a second of the engine, against the same network as people run it: TorchScript, fp32, one image, torch's defaults.

    python infra/bench/engine.py                                    big-lama at 256², 512² and 1024², batches of 1 and 8
    python infra/bench/engine.py --sizes 96,128 --model lama-small  small crops
    python infra/bench/engine.py --sizes 512 --profile              where the time goes, by kind of operation
    python infra/bench/engine.py --clock cpu                        on a machine that has other work to do

Sides are measured by turns; of each the median round counts, and the first one (warm-up) does not. The engine's time is
that of `fill`: arrays in, arrays out, padding included; the baseline's is that of the module alone. Shares are of the
fastest 3 × 3 convolution that this machine showed in the same dtype in the same run (on a GPU also of its fastest
matrix product), and count the FLOPs of the network as it is written, whatever computes them: convolutions, and for a
Fourier transform of n values 2.5 n log2 n. So a way that needs fewer (`models.winograd`) can exceed 1. `--clock cpu`
counts the processor time of all threads, over their number: what they would take if no other work disturbed them.

Needs torch, numpy and `models`. Prints one JSON object, progress on standard error; exit code 1 when big-lama at 512²,
one image, is below `--target-fp32` or `--target-bf16` × the baseline.
"""

import argparse
import json
import math
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from operations import shares
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from models.lama import Lama
    from models.weights import Weights

TARGET_SIZE = 512
Run = dict[str, Any]


def generator(name: str) -> "Weights":
    """Embedded or imported weights, or big-lama's architecture with random ones where they are not here."""
    from models.lama import Lama
    from models.weights import Weights, WeightsNotFound, load_weights

    try:
        return load_weights(name)
    except WeightsNotFound:
        if name != "big-lama":
            raise
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Lama()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):  # lively, so that no value becomes a constant or denormal
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.2, 0.2)
                nn.init.uniform_(module.running_var, 0.2, 1.0)
    return Weights("big-lama, random", model.config, model.state_dict(), "")


def gflop(model: "Lama", size: int) -> float:
    """GFLOP of one image of size × size, by the network as it is written."""
    from models.lama import FourierUnit

    fft = 0.0
    model = type(model)(model.config).eval().to("meta")

    def counted(unit: FourierUnit, x: torch.Tensor) -> torch.Tensor:
        nonlocal fft
        b, c, h, w = x.shape
        fft += 2 * 2.5 * b * c * h * w * math.log2(h * w)  # there and back
        unit.conv_layer(x.new_empty(b, 2 * c, h, w // 2 + 1))
        return x

    for module in model.modules():
        if isinstance(module, FourierUnit):  # torch counts no transforms
            module.forward = partial(counted, module)  # type: ignore[method-assign]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, model.config.input_nc, size, size, device="meta"))
    return float((counter.get_total_flops() + fft) / 1e9)


class Stopwatch:
    """Seconds of calls by one clock, everything on the device done."""

    def __init__(self, clock: str, device: torch.device) -> None:
        self._now = time.process_time if clock == "cpu" else time.perf_counter
        self._threads = torch.get_num_threads() if clock == "cpu" else 1
        self._on_gpu = device.type == "cuda"

    def __call__(self, function: Callable[[], object]) -> float:
        self._wait()
        began = self._now()
        function()
        self._wait()
        return (self._now() - began) / self._threads

    def _wait(self) -> None:
        if self._on_gpu:
            torch.cuda.synchronize()


def peaks(watch: Stopwatch, device: torch.device, rounds: int) -> dict[str, float]:
    """GFLOP/s of a 3 × 3 convolution of 256 channels by dtype, the faster layout; on a GPU of a matrix product too."""
    found: dict[str, float] = {}
    batch, side = (32, 64) if device.type == "cuda" else (1, 64)
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        for layout in (torch.contiguous_format, torch.channels_last):
            conv = nn.Conv2d(256, 256, 3, padding=1, bias=False).to(device, dtype).to(memory_format=layout)
            x = torch.randn(batch, 256, side, side).to(device, dtype, memory_format=layout)
            seconds = min(watch(lambda conv=conv, x=x: conv(x)) for _ in range(2 + 3 * rounds))  # type: ignore[misc]
            found[name] = max(found.get(name, 0.0), 2 * 9 * 256**2 * batch * side**2 / 1e9 / seconds)
        if device.type == "cuda":
            a = torch.randn(8192, 8192).to(device, dtype)
            seconds = min(watch(lambda a=a: a @ a) for _ in range(2 + 3 * rounds))  # type: ignore[misc]
            found[f"{name} matrix product"] = 2 * 8192**3 / 1e9 / seconds
    return found


def sides(weights: "Weights", size: int, batches: list[int], options: argparse.Namespace) -> dict[str, Run]:
    """What is compared at one size: name -> precision, batch, and a call that fills that batch."""
    from models.engine import Engine

    device = torch.device(options.device)
    model = weights.build().to(device)
    x = torch.rand(1, model.config.input_nc, size, size)
    rng = np.random.default_rng(0)
    crops = [rng.random((size, size, 3), dtype=np.float32) for _ in range(max(batches))]
    mask = np.zeros((size, size), bool)
    mask[size // 4 : size // 2, size // 4 : size // 2] = True
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # as people run it today
        traced = torch.jit.trace(model, x.to(device), check_trace=False)
    made: dict[str, Run] = {
        "torchscript fp32 x 1": {"precision": "fp32", "batch": 1, "call": lambda: traced(x.to(device)).cpu()}
    }
    for precision in ("fp32", "bf16"):
        for batch in batches:
            engine = Engine(weights, options.device, precision, batch * size**2 / 1e6, options.threads)
            call = lambda e=engine, n=batch: e.fill(crops[:n], [mask] * n)  # noqa: E731
            made[f"engine {precision} x {batch}"] = {"precision": precision, "batch": batch, "call": call}
    return made


def measure(weights: "Weights", options: argparse.Namespace) -> Run:
    """All sizes, by turns."""
    device = torch.device(options.device)
    watch = Stopwatch(options.clock, device)
    with torch.inference_mode():
        peak = peaks(watch, device, options.rounds)
    found: Run = {"model": weights.name, "device": options.device, "threads": torch.get_num_threads()}
    found |= {"clock": options.clock, "torch": torch.__version__}
    found |= {"peak_gflops": {name: round(value) for name, value in peak.items()}, "sizes": {}}
    total = sum(size**2 for size in options.sizes)
    began, done = time.perf_counter(), 0
    for size in options.sizes:
        work, compared = gflop(weights.build(), size), sides(weights, size, options.batches, options)
        seconds: dict[str, list[float]] = {name: [] for name in compared}
        for number in range(options.rounds + 1):
            for name, side in compared.items():
                with torch.inference_mode():
                    took = watch(side["call"]) / side["batch"]
                seconds[name] += [took] if number else []
            share = (done + size**2 * (number + 1) / (options.rounds + 1)) / total
            left = (time.perf_counter() - began) * (1 / share - 1)
            print(f"{size} px, round {number} of {options.rounds}; {left:.0f} s left", file=sys.stderr)
        done += size**2
        usual = {name: statistics.median(each) for name, each in seconds.items()}
        rows = {}
        for name, side in compared.items():
            rate = work / usual[name]
            rows[name] = {
                "ms": round(usual[name] * 1e3, 1),
                "images_per_s": round(1 / usual[name], 3),
                "speedup": round(usual["torchscript fp32 x 1"] / usual[name], 3),
                "gflops": round(rate),
                "share_of_peak": round(rate / peak[side["precision"]], 3),
            }
            if device.type == "cuda":
                rows[name]["share_of_matrix_product"] = round(rate / peak[f"{side['precision']} matrix product"], 3)
            if options.profile and side["batch"] == 1:
                rows[name]["profile"] = shares(side["call"])
        found["sizes"][str(size)] = {"gflop": round(work, 3), **rows}
    return found


def judged(found: Run, options: argparse.Namespace) -> Run:
    """`found`, with the targets that it was held to and whether they were met."""
    targets: Run = {}
    at = found["sizes"].get(str(TARGET_SIZE), {}) if options.model == "big-lama" else {}
    for precision, target in (("fp32", options.target_fp32), ("bf16", options.target_bf16)):
        if row := at.get(f"engine {precision} x 1"):
            targets[precision] = {"target": target, "speedup": row["speedup"], "ok": row["speedup"] >= target}
    return {**found, "targets": targets, "ok": all(each["ok"] for each in targets.values())}


def _numbers(text: str) -> list[int]:
    numbers = [int(each) for each in text.split(",")]
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError("numbers of at least 1")
    return numbers


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", default="big-lama", help="its architecture, with random weights where it is not here"
    )
    parser.add_argument("--sizes", type=_numbers, default=[256, 512, 1024], help="multiples of 8 (px)")
    parser.add_argument("--batches", type=_numbers, default=[1, 8])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="of the CPU; torch's default without it")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--target-fp32", type=float, default=1.15)
    parser.add_argument("--target-bf16", type=float, default=1.8)
    parser.add_argument("--json", action="store_true", help="one line, for a machine")
    options = parser.parse_args()
    if options.clock == "cpu" and options.device != "cpu":
        parser.error("--clock cpu is for a CPU")
    if options.clock == "cpu" and "OMP_WAIT_POLICY" not in os.environ:
        # a thread that waits for others by spinning would count as work; OpenMP reads this when it is loaded
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"})
    if options.profile and options.device != "cpu":
        parser.error("--profile looks at the CPU's time only")
    if any(size % 8 for size in options.sizes) or options.rounds < 1:
        parser.error("sizes are multiples of 8, rounds at least 1")
    if options.threads:
        torch.set_num_threads(options.threads)
    found = judged(measure(generator(options.model), options), options)
    print(json.dumps(found, indent=None if options.json else 2))
    sys.exit(0 if found["ok"] else 1)


if __name__ == "__main__":
    main()
