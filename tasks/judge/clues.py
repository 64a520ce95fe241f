"""What the expected error of a fill goes by: measures without truth, and how a candidate differs from the plain fill."""

import math
from collections.abc import Mapping, Sequence

from tasks.judge.candidate import Candidate
from tasks.judge.coherence import coherence
from tasks.judge.colour_shift import colour_shift
from tasks.judge.evidence import KINDS
from tasks.judge.review import MODEL, clues
from tasks.judge.scene import Scene
from tasks.judge.seam import seam
from tasks.judge.texture import grain_ratio, sharpness_ratio

LEAST = 1e-4
EVIDENCE = "pseudo_holes"
Evidence = Sequence[Mapping[str, float]]
_RATIOS = ("sharpness", "grain")
_AROUND = ("depth_px", "ring_edges", "ring_spread")


def of_fill(scene: Scene) -> dict[str, float]:
    """The clues of `review` and, as logarithms, `colour_shift`, and sharpness and grain over what is around."""
    found = {"seam": seam(scene), "coherence": coherence(scene)}
    rest = {
        "colour_shift": colour_shift(scene),
        "sharpness": sharpness_ratio(scene),
        "grain": grain_ratio(scene),
    }
    return clues(scene, found) | {name: _log(value) for name, value in rest.items()}


def of_level(fill: Mapping[str, float], evidence: Evidence = ()) -> dict[str, float]:
    """Of a plain fill, what its error goes by: `of_fill`, how far the ratios are from 1, and its error on pseudo-holes.

    evidence: for each pseudo-hole what `evidence.evidence` says of the plain fill.
    """
    return {**fill, **{f"|{name}|": abs(fill[name]) for name in _RATIOS}, **_mean(evidence)}


def of_change(
    plain: Candidate,
    candidate: Candidate,
    before: Mapping[str, float],
    after: Mapping[str, float],
    evidence: Sequence[tuple[Mapping[str, float], Mapping[str, float]]] = (),
) -> dict[str, float]:
    """What the error of a candidate over that of the plain fill goes by; exchange the two, and every clue changes its sign.

    before, after: `of_fill` of the plain fill and of the candidate. evidence: for each pseudo-hole what
    `evidence.evidence` says of the plain fill and of the candidate. The clues are differences of measures and of errors
    on pseudo-holes; what is done (`+part`: 1 where the candidate does what the plain fill does not, −1 the other way
    round), alone and times what is around the hole (`+part*clue`). NaN says nothing.
    """
    found = {name: after[name] - before[name] for name in after if name not in _AROUND}
    found |= {f"|{name}|": abs(after[name]) - abs(before[name]) for name in _RATIOS}
    first, second = (_mean([told[which] for told in evidence]) for which in (0, 1))
    found |= {name: second[name] - first[name] for name in first}
    for part in dict.fromkeys((*candidate.parts, *plain.parts)):
        sign = (part in candidate.parts) - (part in plain.parts)
        if sign:
            found[f"+{part}"] = float(sign)
            for clue in _AROUND:
                term = MODEL[clue]
                found[f"+{part}*{clue}"] = sign * (before[clue] - term.mean) / term.deviation
    return found


def _mean(evidence: Evidence) -> dict[str, float]:
    count = len(evidence)
    return {
        f"{EVIDENCE} {kind}": math.fsum(told[kind] for told in evidence) / count if count else math.nan
        for kind in KINDS
    }


def _log(value: float) -> float:
    return math.log(max(value, LEAST))  # max keeps a NaN that comes first
