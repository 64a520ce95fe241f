"""Where a call's time goes on a CPU, by kind of operation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

KINDS = {
    "convolution": ("convolution", "conv2d", "conv_transpose"),
    "fft": ("fft",),
    "reflection": ("pad",),
    "layout and dtype": ("copy_", "contiguous", "clone", "::cat"),
    "pointwise": ("add", "relu", "clamp", "sigmoid", "batch_norm", "mul"),
}
MADE_OF_SEVERAL = ("spectrum", "convolution by tiles")  # all that happens inside, whatever it is called


def shares(call: Callable[[], object]) -> dict[str, float]:
    """Kind -> its share of the time of one `call`; together 1."""
    with _labels(), torch.inference_mode(), profile(activities=[ProfilerActivity.CPU]) as seen:
        call()
    found = dict.fromkeys([*MADE_OF_SEVERAL, *KINDS, "other"], 0.0)
    for event in seen.events() or ():
        found[_kind(event)] += event.self_cpu_time_total
    total = sum(found.values())
    return {kind: round(value / total, 3) for kind, value in found.items()}


def _kind(event: Any) -> str:
    around = event
    while around is not None:
        if around.name in MADE_OF_SEVERAL:
            return str(around.name)
        around = around.cpu_parent
    return next((kind for kind, parts in KINDS.items() if any(part in event.name for part in parts)), "other")


@contextmanager
def _labels() -> Iterator[None]:
    """The parts that are made of several operations carry their names while they are watched."""
    from models import fused, lama, spectrum

    places = [
        (spectrum.MatrixFourierUnit, "forward", "spectrum"),
        (lama.FourierUnit, "forward", "spectrum"),
        (fused, "_by_tiles", "convolution by tiles"),
    ]
    before = [getattr(owner, name) for owner, name, _ in places]

    def labelled(function: Callable[..., Any], label: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with record_function(label):
                return function(*arguments, **options)

        return call

    for (owner, name, label), function in zip(places, before, strict=True):
        setattr(owner, name, labelled(function, label))
    try:
        yield
    finally:
        for (owner, name, _), function in zip(places, before, strict=True):
            setattr(owner, name, function)
