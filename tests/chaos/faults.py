"""What storage can do to a run, planned beforehand: which operations fail, how, how often."""

import random
from dataclasses import dataclass, replace

READS, WRITES, LISTS = frozenset({"get", "head"}), frozenset({"put", "create", "replace"}), frozenset({"list"})
ANY = READS | WRITES | LISTS

# How an operation can fail -> the operations that can fail so.
KINDS = {
    "slow_down": ANY,  # 503
    "internal": ANY,  # 500
    "unavailable": ANY,  # 503
    "request_timeout": ANY,  # 400, of the transport
    "read_timeout": ANY,
    "unreachable": ANY,
    "reset": ANY,
    "cut": frozenset({"get"}),  # the connection ends in mid-body
    "short": frozenset({"get"}),  # the body ends early and the connection does not
    "unreported": WRITES,  # carried out, and reported failed
    "conflict": frozenset({"create", "replace"}),  # 409: another conditional write is under way
    "forbidden": ANY,  # 403
    "expired": ANY,  # the token of the credentials
    "no_credentials": ANY,
    "full": WRITES,
    "stale": LISTS,  # without what was written last
}
# What five tries see through, what passes by the next run, and what a person must see to.
PASSING = (
    "slow_down",
    "internal",
    "unavailable",
    "request_timeout",
    "read_timeout",
    "unreachable",
    "reset",
    "cut",
    "short",
    "unreported",
    "conflict",
)
REFUSED = ("forbidden", "expired", "no_credentials")
FOR_EVER = 1_000_000


@dataclass
class Fault:
    """The operations that `kind` can hit, on paths that contain `where`: `skip` of them pass, the next `times` fail."""

    kind: str
    where: str = ""
    skip: int = 0
    times: int = 1

    def fits(self, operation: str, path: str) -> bool:
        return operation in KINDS[self.kind] and self.where in path


class Faults:
    """The faults to come; `struck` says which came. Of several that fit an operation the first strikes."""

    def __init__(self, planned: tuple[Fault, ...] = ()) -> None:
        self.planned = [replace(fault) for fault in planned]
        self.struck: list[tuple[str, str, str]] = []

    def strike(self, operation: str, path: str) -> str | None:
        """The kind of fault that hits this operation; None: it works."""
        found = None
        for fault in self.planned:
            if not fault.fits(operation, path):
                continue
            if fault.skip:
                fault.skip -= 1
            elif fault.times and not found:
                fault.times -= 1
                found = fault.kind
        if found:
            self.struck.append((found, operation, path))
        return found


def any_fault(rng: random.Random, kind: str | None = None, times: int | None = None) -> Fault:
    """A fault at a random place: brief, or until the end of the run."""
    kind = kind or rng.choice([*KINDS])
    folders = ["", "", "results/", "holes/", "plan/", "sink/images/", "in/images/", "in/masks/", "runs/"]
    where = rng.choice(folders if kind != "stale" else ["", "results", "plan", "in/"])
    if times is None:
        times = rng.choice([1, 1, 2, 3, 4, 5, 9, 30, FOR_EVER])
    return Fault(kind, where, skip=rng.choice([0, 0, 1, 2, 3, 5, 8, 13, 30, 60]), times=times)
