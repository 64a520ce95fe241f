"""What a candidate costs, reckoned, not measured: a budget by the clock would change pixels from run to run."""

from collections.abc import Sequence

from tasks.judge.candidate import Candidate, Step
from tasks.judge.pseudo_holes import PIECE_PX

# Seconds of one core per megapixel of hole, of one that costs more than it once did rather than less.
SECONDS_PER_MP = {
    "seam": 2.0,
    "grain": 10.0,
    "block_matching": 20.0,
    "colour_transfer": 60.0,
    "texture": 2000.0,
    "patches": 20.0,
    "whole": 10.0,
    "regions": 10.0,
    "multiscale": 10.0,
    "refine": 400.0,
}
UNKNOWN = 400.0
MEASURES = 2.0  # of one fill


def affordable(
    candidates: Sequence[Candidate], fill_pass: str, area: int, pseudo: int, count: int, seconds: float
) -> list[Candidate]:
    """Those, in their order, that a hole of `area` pixels has the budget for, at most `count`.

    fill_pass: what makes the fill of those that name no pass. pseudo: how many pseudo-holes each is tried on. A part that
    two candidates begin with is made once. One that is too dear is left out; a cheaper one after it may fit.
    """
    each = area + pseudo * min(area, PIECE_PX * PIECE_PX)
    paid: set[tuple[str | Step, ...]] = {(fill_pass,)}
    chosen: list[Candidate] = []
    left = seconds
    for candidate in candidates:
        if len(chosen) == count:
            break
        parts: tuple[str | Step, ...] = (candidate.fill_pass or fill_pass, *candidate.steps)
        starts = {parts[: end + 1] for end in range(len(parts))} - paid
        lasts = (start[-1] for start in starts)
        names = [last if isinstance(last, str) else last.name for last in lasts]
        price = (sum(SECONDS_PER_MP.get(name, UNKNOWN) for name in names) + MEASURES) * each / 1e6
        if price <= left:
            chosen.append(candidate)
            left -= price
            paid |= starts
    return chosen
