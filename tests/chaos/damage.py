"""What happens to a sink that somebody, or something, has been at."""

import random
from collections.abc import Callable

from tests.chaos.world import World

RESULTS, HOLES, IMAGES, PLAN, RUNS, SIDECARS = "results/", "holes/", "images/", "plan/", "runs/", "sidecars/"
INDEX = "index/"


def _some(here: World, rng: random.Random, folder: str) -> list[str]:
    """One or more files of a folder of the sink; none where there are none."""
    names = [name for name in here.files("sink") if name.startswith(folder) and "/." not in name]
    return sorted(rng.sample(names, rng.randint(1, len(names)))) if names else []


def _deleted(folder: str) -> Callable[[World, random.Random], None]:
    def happens(here: World, rng: random.Random) -> None:
        for name in _some(here, rng, folder):
            here.remove(f"sink/{name}")

    return happens


def _spoilt(folder: str, how: Callable[[bytes, random.Random], bytes]) -> Callable[[World, random.Random], None]:
    def happens(here: World, rng: random.Random) -> None:
        for name in _some(here, rng, folder)[:1]:
            if data := here.files("sink")[name]:
                here.put(f"sink/{name}", how(data, rng))

    return happens


def _flipped(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


def _anything_deleted(here: World, rng: random.Random) -> None:
    for folder in (RESULTS, HOLES, IMAGES, PLAN, RUNS, SIDECARS, INDEX):
        if rng.random() < 0.5:
            _deleted(folder)(here, rng)


KINDS: dict[str, Callable[[World, random.Random], None]] = {
    "results deleted": _deleted(RESULTS),
    "holes deleted": _deleted(HOLES),
    "outputs deleted": _deleted(IMAGES),
    "plan deleted": _deleted(PLAN),
    "records deleted": _deleted(RUNS),
    "sidecars deleted": _deleted(SIDECARS),
    "anything deleted": _anything_deleted,
    "results cut": _spoilt(RESULTS, lambda data, rng: data[: rng.randrange(len(data))]),
    "results empty": _spoilt(RESULTS, lambda data, rng: b""),
    "results of something else": _spoilt(RESULTS, lambda data, rng: rng.randbytes(len(data))),
    "results flipped": _spoilt(RESULTS, _flipped),
    "holes cut": _spoilt(HOLES, lambda data, rng: data[: rng.randrange(len(data))]),
    "holes flipped": _spoilt(HOLES, _flipped),
    "output flipped": _spoilt(IMAGES, _flipped),
    "output cut": _spoilt(IMAGES, lambda data, rng: data[: rng.randrange(len(data))]),
    "index deleted": _deleted(INDEX),
    "index flipped": _spoilt(INDEX, _flipped),
    "index cut": _spoilt(INDEX, lambda data, rng: data[: rng.randrange(len(data))]),
}
