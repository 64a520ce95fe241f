"""What happens, from a seed: some runs that go wrong, one after the other, in one kind of store."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos import damage
from tests.chaos.faults import KINDS, PASSING, Fault, any_fault
from tests.chaos.world import BACKENDS

BRIEF = 4  # failures in a row that the five tries see through


@dataclass(frozen=True)
class Phase:
    """One time somebody starts the run; with `together`, two do so at once."""

    faults: tuple[Fault, ...] = ()
    together: bool = False
    ends_at: int | None = None  # step at which the driver is killed,
    within: str = ""  # of those of this kind
    deaths: float = 0.0
    hangs: float = 0.0
    losses: float = 0.0
    jump_s: float = 0.0
    changed: bool = False  # the archive has changed before
    damage: str | None = None  # what happens to the sink afterwards


@dataclass(frozen=True)
class Scenario:
    """What happens, from a seed alone; `name` says it in a word."""

    seed: int
    name: str
    backend: str
    phases: tuple[Phase, ...]
    absorbed: bool = False  # the retries must see through it: the first run is as good as undisturbed


def scenario(seed: int) -> Scenario:
    """The first seeds take each fault alone, the others mix them."""
    alone = [*_alone()]
    if seed < len(alone):
        name, backend, phases, absorbed = alone[seed]
        return Scenario(seed, name, backend, phases, absorbed)
    return mixed(seed)


def mixed(seed: int, most: int = 3) -> Scenario:
    """A mix of faults over one to `most` runs."""
    rng = random.Random(seed)
    backend = rng.choice(["local", "s3", "s3", "gs"])
    return Scenario(seed, "mix", backend, tuple(_mixed(rng, backend) for _ in range(rng.randint(1, most))))


def _alone() -> Iterator[tuple[str, str, tuple[Phase, ...], bool]]:
    rng = random.Random(-1)
    for backend in BACKENDS:
        for kind in KINDS:
            brief = Phase((Fault(kind, skip=rng.randint(0, 25), times=rng.randint(1, BRIEF)),))
            if kind in PASSING:
                yield f"{kind} for a moment", backend, (brief,), True
            lasting = any_fault(rng, kind, times=1_000)
            yield f"{kind} until the end", backend, (Phase(), Phase((lasting,), changed=True)), False
        for _ in range(8):
            yield "killed", backend, (Phase(ends_at=rng.randint(1, 330)),), False
            twice = tuple(Phase(ends_at=rng.randint(1, 330), changed=changed) for changed in (False, True))
            yield "killed, changed, killed", backend, twice, False
        if (
            backend == "local"
        ):  # a file that is in its place already while its temporary name is still there, written again
            for folder, first, second in itertools.product(("results", "holes"), (1, 2, 3), (1, 2)):
                linked = Phase(ends_at=first, within=f"linked {folder}")
                written = Phase(ends_at=second, within=f"written {folder}", changed=True)
                yield "killed in a commit", backend, (linked, written), False
        for hangs in (0.0, 0.5):
            yield "workers die", backend, (Phase(deaths=0.6, hangs=hangs),), False
        yield "nodes are lost", backend, (Phase(losses=0.4),), True
        for what in damage.KINDS:
            yield f"{what}", backend, (Phase(damage=what),), False
        yield "clock", backend, (Phase(jump_s=-86_400), Phase(jump_s=86_400, changed=True)), False
        if backend != "gs":  # where a condition and its write are two steps, two runs at once are not promised
            for _ in range(4):
                yield "two at once", backend, (Phase(together=True),), False
                yield "two at once, changed", backend, (Phase(), Phase(together=True, changed=True)), False


def _mixed(rng: random.Random, backend: str) -> Phase:
    faults = tuple(any_fault(rng) for _ in range(rng.choice([0, 1, 1, 2, 3, 5])))
    return Phase(
        faults,
        together=backend != "gs" and rng.random() < 0.25,
        ends_at=rng.randint(1, 400) if rng.random() < 0.4 else None,
        deaths=rng.choice([0, 0, 0.2, 0.6]),
        hangs=rng.choice([0, 0.3]),
        losses=rng.choice([0, 0, 0.3]),
        jump_s=rng.choice([0, 0, -1e5, 1e5]),
        changed=rng.random() < 0.3,
        damage=rng.choice([*damage.KINDS]) if rng.random() < 0.2 else None,
    )
